/** Many host names, asked which of them matches a name: as fast for a thousand as for one. */

/** A wildcard is `*` and a suffix; the suffix of another host lies within it when it ends so. */
export class HostSet {
  readonly #exact = new Set<string>();
  readonly #suffixes = new Set<string>();

  constructor(hosts: Iterable<string>) {
    for (const host of hosts) (host.startsWith('*') ? this.#suffixes : this.#exact).add(host.replace(/^\*/, ''));
  }

  /** A member, as it was written, that matches every name that `host` matches; `host` itself when it is a member. */
  findCover(host: string): string | undefined {
    if (!host.startsWith('*') && this.#exact.has(host)) return host;
    return this.#findWildcard(host, 0);
  }

  /** Another member that matches every name that the member `host` matches. */
  findOther(host: string): string | undefined {
    return this.#findWildcard(host, host.startsWith('*') ? 1 : 0);
  }

  #findWildcard(host: string, from: number): string | undefined {
    const text = host.replace(/^\*/, '');
    for (let start = from; start <= text.length; start += 1) {
      const suffix = text.slice(start);
      if (this.#suffixes.has(suffix)) return `*${suffix}`;
    }
    return undefined;
  }
}
