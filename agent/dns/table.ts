/**
 * The names that the mesh answers for. They come in parts (the resources of the name table), each replaced as a whole; of
 * two parts that hold one name the first in order of the parts' names counts.
 *
 * Short names and names that a resolver has expanded by its search list are worked out when they are asked for, instead of
 * being kept as entries of their own: a pod pays memory for each name once.
 */
import { isIP } from 'node:net';

/** What a name stands for. */
export interface NameEntry {
  readonly addresses: readonly string[];
  /** A Service of Kubernetes, which has short names; names of other registries are complete as they are. */
  readonly kubernetes: boolean;
}

export interface Found {
  readonly addresses: readonly string[];
  /** The name that was meant by one that the resolver had expanded. */
  readonly canonicalName?: string;
}

export interface NameTableOptions {
  /** The namespace of the pod. */
  readonly namespace: string;
  /** The cluster's domain of services, e.g. `svc.cluster.local`. */
  readonly domain: string;
  /** The resolver's search list. */
  readonly search: readonly string[];
}

export class NameTable {
  readonly #namespace: string;
  readonly #domain: string;
  readonly #expansions: readonly string[];
  readonly #parts = new Map<string, ReadonlyMap<string, NameEntry>>();
  /** All parts together; undefined when a part has changed since. */
  #merged: ReadonlyMap<string, NameEntry> | undefined;
  #complete = false;

  constructor(options: NameTableOptions) {
    this.#namespace = options.namespace;
    this.#domain = options.domain;
    const cluster = clusterDomain(options.domain);
    // Only what lies in the cluster's domain: below a domain of somebody else's the same name may be another host.
    this.#expansions = options.search
      .map((domain) => domain.toLowerCase().replace(/\.$/, ''))
      .filter((domain) => domain === cluster || domain.endsWith(`.${cluster}`))
      .map((domain) => `.${domain}`);
  }

  /** Whether the control plane has said what there is; before that nothing can be said of any name. */
  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#all().size;
  }

  /** Replaces some parts and takes others away. Entries by name in lower case, without a dot at the end. */
  update(parts: Iterable<readonly [string, ReadonlyMap<string, NameEntry>]>, removed: Iterable<string>): void {
    for (const name of removed) this.#parts.delete(name);
    for (const [name, entries] of parts) this.#parts.set(name, entries);
    this.#merged = undefined;
    this.#complete = true;
  }

  /** Undefined for a name that others must answer for. */
  lookup(name: string): Found | undefined {
    const entry = this.#exact(name);
    if (entry !== undefined) return { addresses: entry.addresses };
    for (const expansion of this.#expansions) {
      if (!name.endsWith(expansion)) continue;
      const canonicalName = name.slice(0, -expansion.length);
      const meant = this.#exact(canonicalName) ?? this.#wildcard(canonicalName);
      if (meant !== undefined) return { addresses: meant.addresses, canonicalName };
    }
    const wildcard = this.#wildcard(name);
    return wildcard === undefined ? undefined : { addresses: wildcard.addresses };
  }

  /** The name itself, or a Service by `name`, `name.namespace` or `name.namespace.svc`. */
  #exact(name: string): NameEntry | undefined {
    const all = this.#all();
    const whole = all.get(name);
    if (whole !== undefined || name === '') return whole;
    const service = (hostname: string) => {
      const entry = all.get(hostname);
      return entry?.kubernetes === true ? entry : undefined;
    };
    const [first = '', ...rest] = this.#domain.split('.');
    return (
      service(`${name}.${this.#namespace}.${this.#domain}`) ??
      service(`${name}.${this.#domain}`) ??
      (name.endsWith(`.${first}`) ? service(`${name}.${rest.join('.')}`) : undefined)
    );
  }

  /** The longest wildcard that the name lies under. */
  #wildcard(name: string): NameEntry | undefined {
    const all = this.#all();
    for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
      const entry = all.get(`*${name.slice(at)}`);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #all(): ReadonlyMap<string, NameEntry> {
    if (this.#merged !== undefined) return this.#merged;
    const merged = new Map<string, NameEntry>();
    for (const part of [...this.#parts.keys()].sort()) {
      for (const [name, entry] of this.#parts.get(part) ?? []) if (!merged.has(name)) merged.set(name, entry);
    }
    this.#merged = merged;
    return merged;
  }
}

/** `cluster.local` of `svc.cluster.local`. */
function clusterDomain(domain: string): string {
  return domain.slice(domain.indexOf('.') + 1);
}

/** Addresses that are none are left out, names without any too. */
export function parseNames(
  table: Readonly<
    Record<string, { readonly ips?: readonly string[] | undefined; readonly registry?: string | undefined }>
  >,
): ReadonlyMap<string, NameEntry> {
  const entries = new Map<string, NameEntry>();
  for (const [name, { ips = [], registry }] of Object.entries(table)) {
    const addresses = ips.filter((ip) => isIP(ip) !== 0);
    if (addresses.length === 0) continue;
    entries.set(name.toLowerCase().replace(/\.$/, ''), { addresses, kubernetes: registry === 'Kubernetes' });
  }
  return entries;
}
