/**
 * What is gone from the snapshot and stays with the client for a while: clusters that something it still holds names, and
 * listeners whose place another may be about to take. All times in milliseconds of one monotonic clock.
 */
import type { Change } from './change.ts';

export interface RetentionBounds {
  /** How long clusters and listeners that are to come may take to warm. */
  readonly warmMs: number;
  /** How long a cluster stays that the snapshot lacks and its own routes name. */
  readonly missingMs: number;
  /** How long Envoy may go on using what a replaced or removed listener named. */
  readonly drainMs: number;
}

/**
 * Who names a cluster: something that the client is still to let go of (or may take up any moment), or only what it is to
 * hold for good, although the snapshot lacks the cluster. The latter must not depend on what was there before.
 */
export type Naming = 'passing' | 'wanted' | 'nothing';

export class Retention {
  readonly #bounds: RetentionBounds;
  /** Clusters that draining listeners may still use, until when. */
  readonly #draining = new Map<string, number>();
  /** Clusters that the snapshot lacks and its own routes name, since when. */
  readonly #namedThoughGone = new Map<string, number>();
  /** No cluster goes before. */
  #removeAfter = Number.NEGATIVE_INFINITY;
  /** Since when removals of listeners wait; undefined: none does. */
  #removalsSince: number | undefined;

  constructor(bounds: RetentionBounds) {
    this.#bounds = bounds;
  }

  /** The client brought clusters along; what its routes and listeners name is known only when their requests are here. */
  reconnected(now: number): void {
    this.#removeAfter = now + this.#bounds.warmMs;
  }

  /** Listeners that named these have been replaced or removed. */
  drain(replaced: readonly ({ readonly needs: readonly string[] | undefined } | undefined)[], now: number): void {
    const until = now + this.#bounds.drainMs;
    for (const held of replaced) for (const cluster of held?.needs ?? []) this.#draining.set(cluster, until);
  }

  /** Forgets since when clusters were missing that are there again. */
  forget(exists: (cluster: string) => boolean): void {
    for (const cluster of this.#namedThoughGone.keys()) if (exists(cluster)) this.#namedThoughGone.delete(cluster);
  }

  /** Whether a cluster that the snapshot lacks may be taken away. */
  isRemovable(cluster: string, naming: (cluster: string) => Naming, now: number): boolean {
    if (now < this.#removeAfter) return false;
    const until = this.#draining.get(cluster);
    if (until !== undefined && now < until) return false;
    const named = naming(cluster);
    if (named !== 'wanted') return named === 'nothing';
    const since = this.#namedThoughGone.get(cluster) ?? now;
    this.#namedThoughGone.set(cluster, since);
    return now >= since + this.#bounds.missingMs;
  }

  /** Changes of listeners without the removals that have to wait, while `replacing`. */
  keepReplaced(changes: readonly Change[], replacing: () => boolean, now: number): readonly Change[] {
    if (!changes.some(({ resource }) => resource === undefined) || !replacing()) {
      this.#removalsSince = undefined;
      return changes;
    }
    this.#removalsSince ??= now;
    if (now >= this.#removalsSince + this.#bounds.warmMs) return changes;
    return changes.filter(({ resource }) => resource !== undefined);
  }

  /** Nothing stays that is to go at some time. */
  isIdle(now: number): boolean {
    if (this.#draining.size + this.#namedThoughGone.size > 0) return false;
    return this.#removalsSince === undefined && this.#removeAfter <= now;
  }

  /** When something may be due to go that stays for now. */
  *deadlines(now: number): Iterable<number> {
    for (const [cluster, until] of this.#draining) {
      if (until <= now) this.#draining.delete(cluster);
      else yield until;
    }
    yield this.#removeAfter;
    if (this.#removalsSince !== undefined) yield this.#removalsSince + this.#bounds.warmMs;
    for (const since of this.#namedThoughGone.values()) yield since + this.#bounds.missingMs;
  }
}
