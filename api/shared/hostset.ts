/** Many host names, asked which of them matches a name: as fast for a thousand as for one. Upper and lower case are the same. */

/** A wildcard is `*` and a suffix; the suffix of another host lies within it when it ends so. */
export class HostSet {
  /** By name in lower case: as it was written. */
  readonly #exact = new Map<string, string>();
  /** By suffix in lower case. */
  readonly #wildcards = new Map<string, string>();

  constructor(hosts: Iterable<string>) {
    for (const host of hosts) {
      const name = host.toLowerCase();
      if (name.startsWith('*')) this.#wildcards.set(name.slice(1), host);
      else this.#exact.set(name, host);
    }
  }

  /** A member, as it was written, that matches every name that `host` matches; the same name when it is a member. */
  findCover(host: string): string | undefined {
    const name = host.toLowerCase();
    return this.#exact.get(name) ?? this.#findWildcard(name, 0);
  }

  /** Another member that matches every name that the member `host` matches. */
  findOther(host: string): string | undefined {
    return this.#findWildcard(host.toLowerCase(), host.startsWith('*') ? 1 : 0);
  }

  #findWildcard(name: string, from: number): string | undefined {
    const text = name.replace(/^\*/, '');
    for (let start = from; start <= text.length; start += 1) {
      const wildcard = this.#wildcards.get(text.slice(start));
      if (wildcard !== undefined) return wildcard;
    }
    return undefined;
  }
}
