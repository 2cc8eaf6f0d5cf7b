/**
 * What a client may be sent of a type now, given what it holds of the others: nothing before what it needs, and nothing
 * is taken away before what uses it. When something waits, for how long.
 */
import { rememberPairs } from '#runtime/core/index.ts';
import type { Batch, Change } from './change.ts';
import type { Channel } from './channel.ts';
import { chooseChunk, completeUnits } from './chunks.ts';
import type { ClientState } from './client-state.ts';
import { firstOfMany, follow, nextSteps } from './common-way.ts';
import type { Resources } from './difference.ts';
import { Gate, type GateBounds } from './gate.ts';
import type { Held } from './held.ts';
import { Retention, type RetentionBounds } from './retention.ts';
import { joined, type Pace, type Step } from './steps.ts';
import { CLUSTER, LISTENER, parentOf, type ResourceType, TYPES_NAMING_CLUSTERS } from './types.ts';

export interface PlannerBounds extends GateBounds, RetentionBounds {
  /** A delta response is cut into several beyond this many bytes. */
  readonly chunkBytes: number;
}

/** More CDS responses than this are never in flight at once, however long clusters take to warm. */
const MOST_OVERLAPPING = 64;

/** After so many milliseconds without an answer to a CDS response the next one goes, as a cluster of it may be warming. */
const OVERLAP_AFTER_MS = 1_000;

const NONE: readonly string[] = [];

export class Planner {
  readonly #state: ClientState;
  readonly #bounds: PlannerBounds;
  readonly #gates: ReadonlyMap<string, Gate>;
  readonly #retention: Retention;
  /** Those at which something waits or was sent without its clusters. */
  readonly #busy = new Set<Gate>();
  /** As long as nothing happens to clusters or to what names them, and nothing that names any is sent. */
  #waitingFor: { readonly at: number; readonly clusters: readonly string[] } | undefined;

  constructor(state: ClientState, bounds: PlannerBounds) {
    this.#state = state;
    this.#bounds = bounds;
    this.#retention = new Retention(bounds);
    this.#gates = new Map(TYPES_NAMING_CLUSTERS.map(({ typeUrl }) => [typeUrl, new Gate(bounds)]));
  }

  /** What to send of a type now; undefined: nothing. */
  plan(channel: Channel, now: number): Batch | undefined {
    if (channel.inFlight.length > 0 && !this.#mayOverlap(channel, now)) return undefined;
    const target = this.#state.target(channel.type);
    if (!channel.owed && channel.isSettled(target)) {
      this.#gates.get(channel.type.typeUrl)?.clear();
      return undefined;
    }
    const common = this.#state.delta ? this.#planCommon(channel, target, now) : undefined;
    if (common !== undefined) return common === 'waits' ? undefined : common;
    // It may have turned out that the client asks for nothing of what is left.
    if (!channel.owed && channel.isSettled(target)) return undefined;
    const suspects = channel.nextSuspects(target);
    if (suspects !== undefined) return { changes: suspects };
    const due = this.#due(channel, this.#state.changes(channel), now);
    if (due.length === 0 && !(channel.owed && channel.inFlight.length === 0)) return undefined;
    return { changes: this.#state.delta ? chooseChunk(channel, due, this.#bounds.chunkBytes) : due };
  }

  /** How the clients of this type are led that go the same way. */
  pace({ type }: Channel): Pace {
    return paceOf(type, this.#bounds);
  }

  /** When something may have become due although nothing happened. */
  deadline(now: number): number {
    const last = this.#state.clusters.inFlight.at(-1);
    const isIdle = this.#retention.isIdle(now);
    // As it is for nearly all clients, twice for each change.
    if (isIdle && last === undefined && this.#busy.size === 0) return Number.POSITIVE_INFINITY;
    let deadline = Number.POSITIVE_INFINITY;
    const consider = (at: number) => {
      if (at > now) deadline = Math.min(deadline, at);
    };
    for (const gate of this.#busy) consider(gate.deadline);
    if (last !== undefined) consider(last.sentAt + OVERLAP_AFTER_MS);
    if (!isIdle) for (const at of this.#retention.deadlines(now)) consider(at);
    return deadline;
  }

  /** Clusters that routes or listeners wait for, or went without. */
  waitingFor(): readonly string[] {
    if (this.#busy.size === 0) return NONE;
    const { needsVersion, clusters } = this.#state;
    // While clusters are on their way any answer may tell that one of them is warm.
    if (this.#waitingFor?.at === needsVersion && clusters.inFlight.length === 0) return this.#waitingFor.clusters;
    const missing = this.#findMissing();
    this.#waitingFor = { at: needsVersion, clusters: missing };
    return missing;
  }

  #findMissing(): readonly string[] {
    for (const gate of this.#busy) if (gate.idle) this.#busy.delete(gate);
    if (this.#busy.size === 0) return NONE;
    const isNamed = this.#state.findNamed();
    const missing = [...this.#busy].map((gate) =>
      gate.missingClusters((cluster) => this.#state.holdsCluster(cluster), isNamed),
    );
    return missing.length === 1 ? (missing[0] ?? NONE) : [...new Set(missing.flat())].sort();
  }

  /** Nothing waits for clusters or was sent without them. */
  get isIdle(): boolean {
    return this.#busy.size === 0;
  }

  /** Whether some of this type wait for clusters. */
  isWaiting({ typeUrl }: ResourceType): boolean {
    return this.#gates.get(typeUrl)?.waiting ?? false;
  }

  /** Clusters that one resource waits for. */
  clustersMissing({ typeUrl }: ResourceType, name: string): readonly string[] {
    return this.#gates.get(typeUrl)?.missing(name) ?? NONE;
  }

  sent({ type }: Channel, changes: readonly Change[]): void {
    const gate = this.#gates.get(type.typeUrl);
    if (gate === undefined) return;
    gate.sent(changes);
    this.#waitingFor = undefined;
  }

  /** The client has acknowledged listeners in the place of these. */
  drain(replaced: readonly (Held | undefined)[], now: number): void {
    this.#retention.drain(replaced, now);
  }

  /** The client has brought clusters along from an earlier stream. */
  reconnected(now: number): void {
    this.#retention.reconnected(now);
  }

  /** What many clients are sent in the same words, when nothing has to be looked at one by one. */
  #planCommon(channel: Channel, target: Resources, now: number): Batch | 'waits' | undefined {
    const pace = this.pace(channel);
    follow(channel, target);
    const first = firstOfMany(channel, target, pace);
    if (first !== undefined) return this.#gates.has(channel.type.typeUrl) ? undefined : first;
    const next = nextSteps(channel, target, pace);
    if (next?.steps === undefined) return undefined;
    if (this.#isReady(channel, next.steps)) return next;
    return this.#waits(channel, target, now) ? 'waits' : undefined;
  }

  /** Whether nothing on the way that a client shares with others may go yet: it stays there until something may. */
  #waits(channel: Channel, target: Resources, now: number): boolean {
    const gate = this.#gates.get(channel.type.typeUrl);
    if (gate === undefined || channel.owed || !this.#state.clusters.holdings.interest.everything) return false;
    const changes = channel.holdings.way(target, this.pace(channel))?.steps.flatMap((step) => step.changes) ?? [];
    if (changes.some(({ resource }) => resource === undefined)) return false;
    return this.#admit(gate, channel, changes, now).length === 0;
  }

  /** Whether nothing in these steps has to wait, for clusters or for those that use what is removed. */
  #isReady(channel: Channel, steps: readonly Step[]): boolean {
    const { typeUrl, parent } = channel.type;
    const state = this.#state;
    const removed = joined(steps, 'removed');
    if (typeUrl === CLUSTER && removed.length > 0) return false;
    if (parent !== undefined && !removed.every((name) => state.exists(parent, parentOf(name)))) return false;
    if (typeUrl === LISTENER && removed.length > 0 && this.#replaces(steps.flatMap(({ changes }) => changes)))
      return false;
    const gate = this.#gates.get(typeUrl);
    const { clusters } = state;
    if (gate === undefined || !clusters.holdings.interest.everything) return true;
    const holdsAll = clusters.inFlight.length === 0 && clusters.holdings.isAt(state.target(clusters.type));
    for (const { needs } of steps) {
      if (!needs.added.every((cluster) => state.holdsCluster(cluster))) return false;
      if (holdsAll) continue;
      if (needs.fresh.some((cluster) => state.exists(CLUSTER, cluster) && !state.holdsCluster(cluster))) return false;
    }
    gate.clear();
    return true;
  }

  #due(channel: Channel, changes: readonly Change[], now: number): readonly Change[] {
    const state = this.#state;
    if (channel.type.typeUrl === CLUSTER) {
      this.#retention.forget((cluster) => state.exists(CLUSTER, cluster));
      const naming = (cluster: string) => state.naming(cluster);
      return changes.filter(
        ({ name, resource }) => resource !== undefined || this.#retention.isRemovable(name, naming, now),
      );
    }
    const gate = this.#gates.get(channel.type.typeUrl);
    // A client that asks for clusters only after it has read routes cannot hold them before.
    if (gate === undefined || !state.clusters.holdings.interest.everything) return changes;
    const admitted = this.#admit(gate, channel, changes, now);
    if (channel.type.typeUrl === LISTENER)
      return this.#retention.keepReplaced(admitted, () => this.#replaces(changes), now);
    if (admitted.length === changes.length || channel.type.parent === undefined) return admitted;
    return completeUnits(channel, changes, new Set(admitted));
  }

  #admit(gate: Gate, { holdings }: Channel, changes: readonly Change[], now: number): readonly Change[] {
    const admitted = gate.admit(changes, {
      now,
      holdsCluster: (cluster) => this.#state.holdsCluster(cluster),
      clusterExists: (cluster) => this.#state.exists(CLUSTER, cluster),
      held: (name) => holdings.held(name),
    });
    if (!gate.idle) this.#busy.add(gate);
    return admitted;
  }

  /**
   * Whether a listener may be about to take the place of one that goes, as when a port changes its protocol: Envoy would
   * remove the one before the other has its routes.
   */
  #replaces(changes: readonly Change[]): boolean {
    const { holdings } = this.#state.channel(LISTENER);
    if (changes.some(({ name, resource }) => resource !== undefined && !holdings.holds(name))) return true;
    return !this.#state.holdsNamedRoutes();
  }

  /**
   * Envoy withholds the acknowledgement while a cluster warms; one that never warms must not stop all others. They go
   * well before what needs them is let go without.
   */
  #mayOverlap(channel: Channel, now: number): boolean {
    if (channel.type.typeUrl !== CLUSTER || channel.inFlight.length >= MOST_OVERLAPPING) return false;
    // Where each response repeats what went before, suspects can be told apart only one after the other.
    if (!this.#state.delta && channel.refusals.searching) return false;
    const last = channel.inFlight.at(-1);
    return last !== undefined && (this.#state.warmth.hasPassed(last) || now >= last.sentAt + OVERLAP_AFTER_MS);
  }
}

/** One object for all clients that have the same bounds. */
const paceOf = rememberPairs(
  ({ removal, parent }: ResourceType, { chunkBytes }: PlannerBounds): Pace => ({
    chunkBytes,
    removals: removal === 'send',
    byParent: parent !== undefined,
  }),
);
