/**
 * Make-before-break: a route or listener waits until the client holds the clusters that it newly names, so that no
 * request meets a cluster that isn't there. Nothing waits longer than the bounds.
 */
import { rememberPairs } from '#runtime/core/index.ts';
import type { Change } from './change.ts';
import type { Held } from './held.ts';

export interface GateBounds {
  /** How long to wait for clusters that exist and are not acknowledged yet, in milliseconds. */
  readonly warmMs: number;
  /** How long to wait for clusters that do not exist (their source may be late), in milliseconds. */
  readonly missingMs: number;
}

export interface GateView {
  readonly now: number;
  /** The client has acknowledged this cluster. */
  readonly holdsCluster: (cluster: string) => boolean;
  /** The snapshot has this cluster. */
  readonly clusterExists: (cluster: string) => boolean;
  /** What the client holds under the name of a change. */
  readonly held: (name: string) => Held | undefined;
}

export class Gate {
  readonly #bounds: GateBounds;
  /** Changes that wait: name to the time when the wait began, whatever versions came since. */
  readonly #since = new Map<string, number>();
  /** What each waits for. */
  readonly #missing = new Map<string, readonly string[]>();
  /** Clusters that something was sent without. */
  readonly #overdue = new Set<string>();
  #deadline = Number.POSITIVE_INFINITY;

  constructor(bounds: GateBounds) {
    this.#bounds = bounds;
  }

  /** When a change that waits may go at the latest. */
  get deadline(): number {
    return this.#deadline;
  }

  get waiting(): boolean {
    return this.#missing.size > 0;
  }

  /** The changes that may be sent now. The rest waits until the next call, which is given all changes again. */
  admit(changes: readonly Change[], view: GateView): readonly Change[] {
    this.#missing.clear();
    this.#deadline = Number.POSITIVE_INFINITY;
    const lacking = new Set<string>();
    const admitted = changes.filter((change) => this.#ready(change, view, lacking));
    for (const name of this.#since.keys()) if (!lacking.has(name)) this.#since.delete(name);
    return admitted;
  }

  /** These have gone: a version that names others waits its own time. */
  sent(changes: readonly Change[]): void {
    if (this.#since.size > 0) for (const { name } of changes) this.#since.delete(name);
  }

  /** Nothing waits any more. */
  clear(): void {
    if (this.#since.size > 0) this.#since.clear();
    if (this.#missing.size > 0) this.#missing.clear();
    this.#deadline = Number.POSITIVE_INFINITY;
  }

  /** Nothing waits, and nothing was sent without its clusters. */
  get idle(): boolean {
    return this.#missing.size + this.#overdue.size === 0;
  }

  /** Clusters that a change waits for. */
  missing(name: string): readonly string[] {
    return this.#missing.get(name) ?? NONE;
  }

  /** Clusters that something waits for, or was sent without although the client does not hold them. Sorted. */
  missingClusters(holdsCluster: (cluster: string) => boolean, named: (cluster: string) => boolean): readonly string[] {
    for (const cluster of this.#overdue) if (holdsCluster(cluster) || !named(cluster)) this.#overdue.delete(cluster);
    return [...new Set([...this.#overdue, ...[...this.#missing.values()].flat()])].sort();
  }

  #ready({ name, resource }: Change, view: GateView, lacking: Set<string>): boolean {
    if (resource === undefined || resource.needs.length === 0) return true;
    const held = view.held(name);
    let missing = newlyNamed(held, resource.needs).filter((cluster) => !view.holdsCluster(cluster));
    // Where nothing is in force yet, waiting for a cluster that doesn't exist protects nobody.
    if (held?.version === undefined) missing = missing.filter(view.clusterExists);
    if (missing.length === 0) return true;
    lacking.add(name);
    const since = this.#since.get(name) ?? view.now;
    this.#since.set(name, since);
    const bound = missing.every(view.clusterExists) ? this.#bounds.warmMs : this.#bounds.missingMs;
    if (view.now >= since + bound) {
      for (const cluster of missing) this.#overdue.add(cluster);
      return true;
    }
    this.#missing.set(name, missing);
    this.#deadline = Math.min(this.#deadline, since + bound);
    return false;
  }
}

const findAdditions = rememberPairs((before: readonly string[], needs: readonly string[]): readonly string[] => {
  const known = new Set(before);
  return needs.filter((cluster) => !known.has(cluster));
});

const NONE: readonly string[] = [];

/** Clusters that the next version names and the held one doesn't: what the held one lacks already cannot get worse. */
function newlyNamed(held: Held | undefined, needs: readonly string[]): readonly string[] {
  if (held?.needs === undefined) return needs;
  return held.needs === needs ? NONE : findAdditions(held.needs, needs);
}
