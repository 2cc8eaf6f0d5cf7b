/**
 * What the virtual hosts of a table claim: names and domains, of which Envoy lets no two have one. Which of thousands claim
 * the same is kept from one set of layers to the next, so that it costs what changed.
 */
import { rememberPairs } from '#runtime/core/index.ts';

export interface HostClaim {
  /** Of its query. */
  readonly key: string;
  readonly name: string;
  readonly domains: readonly string[];
  /** Of name and domains. */
  readonly hash: string;
  /** Id of the service that it stands for, as its key says; empty for hosts that are none. */
  readonly service: string;
}

/** The claims of one layer; the identical list while none of them changes. */
export type Claims = readonly HostClaim[];

export function sameClaims(a: Claims, b: Claims): boolean {
  return a.length === b.length && a.every((host, at) => isSame(host, b[at]));
}

function isSame(a: HostClaim, b: HostClaim | undefined): boolean {
  return a.key === b?.key && a.hash === b.hash;
}

const NOBODY: readonly HostClaim[] = [];

/** The claims of several layers, in the order in which a table has them. */
export class StackedClaims {
  readonly layers: readonly Claims[];
  #index: ClaimIndex | undefined;

  constructor(layers: readonly Claims[]) {
    this.layers = layers;
  }

  get isEmpty(): boolean {
    return this.layers.every((hosts) => hosts.length === 0);
  }

  /** Virtual hosts of this name. */
  named(name: string): readonly HostClaim[] {
    return listOf(this.#find().names.get(name));
  }

  /** Virtual hosts with this domain. */
  claiming(domain: string): readonly HostClaim[] {
    return listOf(this.#find().domains.get(domain));
  }

  /** Whether another virtual host, or the same one twice, claims a domain of this one. */
  isContested({ domains }: HostClaim): boolean {
    const { contested } = this.#find();
    return contested.size > 0 && domains.some((domain) => contested.has(domain));
  }

  /** Virtual hosts that are contested, in their order. */
  get contesting(): readonly HostClaim[] {
    if (this.#find().contested.size === 0) return NOBODY;
    return this.layers.flatMap((hosts) => hosts.filter((host) => this.isContested(host)));
  }

  /** Takes over the index of the claims that these replace; those make one anew should they be asked again. */
  inherit(previous: StackedClaims): void {
    const index = previous.#index;
    if (index === undefined) return;
    previous.#index = undefined;
    const { gone, come } = differingClaims(previous, this);
    for (const host of gone) index.remove(host);
    for (const host of come) index.add(host);
    this.#index = index;
  }

  #find(): ClaimIndex {
    if (this.#index === undefined) {
      this.#index = new ClaimIndex();
      for (const hosts of this.layers) for (const host of hosts) this.#index.add(host);
    }
    return this.#index;
  }
}

/** One claimant, as nearly always, or several. */
type Claimants = HostClaim | readonly HostClaim[];

class ClaimIndex {
  readonly names = new Map<string, Claimants>();
  readonly domains = new Map<string, Claimants>();
  readonly contested = new Set<string>();

  add(host: HostClaim): void {
    addTo(this.names, host.name, host);
    for (const domain of host.domains) if (addTo(this.domains, domain, host) > 1) this.contested.add(domain);
  }

  remove(host: HostClaim): void {
    removeFrom(this.names, host.name, host);
    for (const domain of host.domains) if (removeFrom(this.domains, domain, host) < 2) this.contested.delete(domain);
  }
}

/** Returns how many there are then. */
function addTo(index: Map<string, Claimants>, key: string, host: HostClaim): number {
  const known = listOf(index.get(key));
  index.set(key, known.length === 0 ? host : [...known, host]);
  return known.length + 1;
}

/** Returns how many are left. */
function removeFrom(index: Map<string, Claimants>, key: string, host: HostClaim): number {
  const known = listOf(index.get(key));
  const at = known.findIndex((one) => isSame(one, host));
  const left = known.filter((_, place) => place !== at);
  const [only] = left;
  if (only === undefined) index.delete(key);
  else index.set(key, left.length === 1 ? only : left);
  return left.length;
}

function listOf(claimants: Claimants | undefined): readonly HostClaim[] {
  if (claimants === undefined) return NOBODY;
  return 'key' in claimants ? [claimants] : claimants;
}

export interface ClaimDifference {
  readonly gone: readonly HostClaim[];
  readonly come: readonly HostClaim[];
}

const NO_DIFFERENCE: ClaimDifference = { gone: NOBODY, come: NOBODY };

const compareStacks = rememberPairs((from: StackedClaims, to: StackedClaims) => compareLayers(from.layers, to.layers));

/** What differs between two stacks, looked for only in layers that are not identical; once for all views that have both. */
export function differingClaims(from: StackedClaims, to: StackedClaims): ClaimDifference {
  return from === to ? NO_DIFFERENCE : compareStacks(from, to);
}

function compareLayers(from: readonly Claims[], to: readonly Claims[]): ClaimDifference {
  const before = new Set(from);
  const after = new Set(to);
  const come = new Map<string, HostClaim[]>();
  for (const layer of to) {
    if (before.has(layer)) continue;
    for (const host of layer) {
      const others = come.get(host.key);
      if (others === undefined) come.set(host.key, [host]);
      else others.push(host);
    }
  }
  const gone: HostClaim[] = [];
  for (const layer of from) {
    if (after.has(layer)) continue;
    for (const host of layer) {
      const still = come.get(host.key);
      if (still?.at(-1)?.hash === host.hash) still.pop();
      else gone.push(host);
    }
  }
  return { gone, come: [...come.values()].flat() };
}
