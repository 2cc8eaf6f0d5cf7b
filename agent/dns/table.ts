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
  /** By name, what the parts say that hold it: one line each, the one that counts first. See `renderClaim`. */
  readonly #claims = new Map<string, string>();
  /** By number, which stands for the part in claims. */
  readonly #parts: string[] = [];
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
    return this.#claims.size;
  }

  /** Replaces some parts and takes others away. Entries by name in lower case, without a dot at the end. */
  update(parts: Iterable<readonly [string, ReadonlyMap<string, NameEntry>]>, removed: Iterable<string>): void {
    const changed = [...parts];
    this.#withdraw(new Set([...removed, ...changed.map(([part]) => part)]));
    for (const [part, entries] of changed) {
      const number = this.#parts.includes(part) ? this.#parts.indexOf(part) : this.#parts.push(part) - 1;
      for (const [name, entry] of entries) this.#claim(name, renderClaim(number, entry));
    }
    this.#complete = true;
  }

  #claim(name: string, claim: string): void {
    const others = this.#claims.get(name)?.split('\n');
    const rank = (line: string) => this.#parts[partOf(line)] ?? '';
    const lines = [claim, ...(others ?? [])].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    this.#claims.set(name, others === undefined ? claim : lines.join('\n'));
  }

  /** Forgets what these parts have said. */
  #withdraw(parts: ReadonlySet<string>): void {
    const numbers = new Set(this.#parts.flatMap((part, number) => (parts.has(part) ? [number] : [])));
    if (numbers.size === 0) return;
    for (const [name, claims] of this.#claims) {
      if (!claims.includes('\n')) {
        if (numbers.has(partOf(claims))) this.#claims.delete(name);
        continue;
      }
      const kept = claims.split('\n').filter((line) => !numbers.has(partOf(line)));
      if (kept.length === 0) this.#claims.delete(name);
      else this.#claims.set(name, kept.join('\n'));
    }
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
    const whole = this.#read(name);
    if (whole !== undefined || name === '') return whole;
    const service = (hostname: string) => {
      const entry = this.#read(hostname);
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
    for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
      const entry = this.#read(`*${name.slice(at)}`);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #read(name: string): NameEntry | undefined {
    const claims = this.#claims.get(name);
    if (claims === undefined) return undefined;
    const [, kind, addresses = ''] = (claims.split('\n', 1)[0] ?? '').split(' ');
    return { addresses: addresses.split(','), kubernetes: kind === KUBERNETES };
  }
}

const KUBERNETES = 'k';

/** One string instead of an object, a list and a string for each address: half of what a name costs a pod. */
function renderClaim(part: number, { addresses, kubernetes }: NameEntry): string {
  return `${part} ${kubernetes ? KUBERNETES : '-'} ${addresses.join()}`;
}

const partOf = (claim: string): number => Number.parseInt(claim, 10);

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
