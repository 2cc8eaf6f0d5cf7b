/**
 * Evaluation: verifies stale nodes bottom-up and recomputes those whose dependencies changed.
 *
 * A node whose dependencies are all unchanged since it was verified is clean without running (early cutoff). The
 * dependencies are looked at in the order in which they were read: the one at hand is certain to be read again, because
 * everything that the computation saw before it is unchanged. So verification never computes what nobody would ask for.
 *
 * Chains of queries nest JavaScript frames only while values are computed for the first time. Where they get too deep,
 * or where a time slice ends, the computation is unwound and started again later; what it had read is memoized by then.
 */
import { LateenError } from '#runtime/core/index.ts';
import {
  ACTIVE,
  addDependent,
  CLEAN,
  QueryNode as Node,
  type QueryNode,
  removeDependent,
  type Source,
  STALE,
} from './source.ts';

/** Nested computations before the evaluation is unwound and continued from the middle of the chain. */
const DEPTH_LIMIT = 100;

/** So many places of the engine's stacks are kept from one evaluation to the next, with what stood in them last. */
const PLACES_KEPT = 64;

/** Says that the present time slice is used up. */
export type OutOfTime = () => boolean;

/** Thrown through running computations to unwind them; never stored as a result, whatever the computation does with it. */
class Unwinding extends Error {}
const UNWINDING = new Unwinding('computation suspended');

export class Engine {
  revision = 0;
  /** Dependencies of all nodes together. */
  edges = 0;
  /** The computation that is running, if any. */
  running: QueryNode | undefined = undefined;

  // The stacks have their heights beside them: an array that is emptied gives its memory back, to take it again at once.
  /** What running computations have read, each one's reads behind those of the one that asked for it. */
  readonly #reads: Source[] = [];
  #readCount = 0;
  /** Nodes being verified or computed, outermost first, and for each the next dependency to verify. */
  readonly #path: QueryNode[] = [];
  readonly #cursors: number[] = [];
  #pathLength = 0;
  #pass = 0;
  #stamp = 0;
  #depth = 0;
  #suspended: 'depth' | 'time' | undefined = undefined;
  #outOfTime: OutOfTime | undefined = undefined;
  #progress = false;

  /** Records that the running computation read this source. */
  record(source: Source): void {
    if (source.stamp === this.#pass) return;
    source.stamp = this.#pass;
    this.#reads[this.#readCount] = source;
    this.#readCount += 1;
  }

  /** The value of a node for the running computation. */
  readFromQuery(node: QueryNode): unknown {
    if (this.#suspended !== undefined) throw UNWINDING;
    this.record(node);
    if (node.state === ACTIVE) throw this.#cycle(node);
    if (node.state === STALE) {
      if (this.#depth >= DEPTH_LIMIT) this.#suspend('depth');
      this.#refresh(node);
    }
    if (node.failed) throw node.value;
    return node.value;
  }

  /** Makes a node clean at the present revision. False: the time slice ended first; call again to go on. */
  settle(root: QueryNode, outOfTime?: OutOfTime): boolean {
    if (root.state === CLEAN) return true;
    this.#outOfTime = outOfTime;
    this.#progress = false;
    try {
      return this.#settleFrom(root, 0);
    } finally {
      this.#unwind(0);
      this.#suspended = undefined;
      this.#outOfTime = undefined;
      if (this.#reads.length > PLACES_KEPT) this.#reads.length = 0;
      if (this.#path.length > PLACES_KEPT) {
        this.#path.length = 0;
        this.#cursors.length = 0;
      }
    }
  }

  /** Marks everything that depends on a changed source, directly or not, as stale. */
  invalidate(source: Source): void {
    source.changedAt = this.revision;
    markReadersStale(source);
  }

  /** A mark that no source carries yet. */
  freshStamp(): number {
    this.#stamp += 1;
    return this.#stamp;
  }

  /** Settles a node whose path starts at `base`. Where a chain is too deep its middle comes first. */
  #settleFrom(node: QueryNode, base: number): boolean {
    while (!this.#attempt(node)) {
      if (this.#suspended === 'time') return false;
      const middle = (base + this.#pathLength) >> 1;
      const next = middle < this.#pathLength ? this.#path[middle] : undefined;
      if (next === undefined) throw new LateenError('internal', 'graph: nothing to continue with');
      this.#unwind(middle);
      if (!this.#settleFrom(next, middle)) return false;
      this.#unwind(base);
    }
    return true;
  }

  #attempt(node: QueryNode): boolean {
    this.#depth = 0;
    this.#suspended = undefined;
    try {
      if (node.state === STALE) this.#refresh(node);
      return true;
    } catch (thrown) {
      if (thrown === UNWINDING) return false;
      throw thrown;
    }
  }

  #refresh(root: QueryNode): void {
    const base = this.#pathLength;
    this.#enter(root);
    while (this.#pathLength > base) {
      const top = this.#pathLength - 1;
      const node = this.#path[top];
      if (node === undefined) throw new LateenError('internal', 'graph: the evaluation path is broken');
      if (this.#unchanged(node, top)) this.#leave(node);
      else if (top === this.#pathLength - 1) {
        if (this.#outOfTime !== undefined && this.#progress && this.#outOfTime()) this.#suspend('time');
        this.#compute(node);
        this.#leave(node);
      }
    }
  }

  /** True when nothing that the node read has changed. Enters a stale dependency (and says false) when that isn't known yet. */
  #unchanged(node: QueryNode, top: number): boolean {
    if (node.verifiedAt === -1) return false;
    const { dependencies, verifiedAt } = node;
    for (let at = this.#cursors[top] ?? 0; at < dependencies.length; at += 1) {
      const dependency = dependencies[at];
      if (dependency === undefined || dependency.changedAt > verifiedAt) return false;
      // An active dependency is a cycle: computing the node again makes it read that dependency, which says so.
      if (dependency.state === ACTIVE) return false;
      if (dependency.state === STALE && dependency instanceof Node) {
        this.#cursors[top] = at;
        this.#enter(dependency);
        return false;
      }
    }
    return true;
  }

  #compute(node: QueryNode): void {
    const start = this.#readCount;
    const { running } = this;
    const pass = this.#pass;
    this.running = node;
    this.#pass = this.freshStamp();
    this.#depth += 1;
    let value: unknown;
    let failed = false;
    try {
      value = node.query.compute(node.key);
    } catch (thrown) {
      value = thrown;
      failed = true;
    }
    this.#depth -= 1;
    this.#pass = pass;
    this.running = running;
    if (this.#suspended !== undefined) {
      this.#readCount = start;
      throw UNWINDING;
    }
    this.#progress = true;
    this.#remember(node, start);
    this.#publish(node, value, failed);
  }

  /** Replaces the node's dependencies by what was read since `start`. */
  #remember(node: QueryNode, start: number): void {
    const reads = this.#reads;
    const end = this.#readCount;
    const before = node.dependencies;
    if (!sameSlice(before, reads, start, end)) {
      const known = this.freshStamp();
      for (const source of before) source.stamp = known;
      const kept = this.freshStamp();
      let repeats = 0;
      for (let at = start; at < end; at += 1) {
        const source = reads[at];
        if (source === undefined) continue;
        if (source.stamp === kept) {
          repeats += 1;
          continue;
        }
        if (source.stamp !== known) addDependent(source, node);
        source.stamp = kept;
        reads[at - repeats] = source;
      }
      const after = reads.slice(start, end - repeats);
      this.edges += after.length - before.length;
      for (const source of before) if (source.stamp === known) removeDependent(source, node);
      node.dependencies = after;
    }
    this.#readCount = start;
  }

  #publish(node: QueryNode, next: unknown, threw: boolean): void {
    const { query } = node;
    query.computed += 1;
    let value = next;
    let failed = threw;
    let same = false;
    if (node.verifiedAt !== -1 && failed === node.failed) {
      try {
        same = failed ? sameError(node.value, value) : query.equal(node.value, value);
      } catch (thrown) {
        value = thrown;
        failed = true;
      }
    }
    if (same) {
      query.cutoffs += 1;
      return;
    }
    node.value = value;
    node.failed = failed;
    node.changedAt = this.revision;
  }

  #enter(node: QueryNode): void {
    node.state = ACTIVE;
    this.#path[this.#pathLength] = node;
    this.#cursors[this.#pathLength] = 0;
    this.#pathLength += 1;
  }

  #leave(node: QueryNode): void {
    node.state = CLEAN;
    node.verifiedAt = this.revision;
    this.#pathLength -= 1;
  }

  #unwind(length: number): void {
    for (let at = length; at < this.#pathLength; at += 1) {
      const node = this.#path[at];
      if (node === undefined) continue;
      node.state = STALE;
      // Only members of a cycle can have become clean before a node that they read.
      markReadersStale(node);
    }
    this.#pathLength = length;
  }

  #suspend(reason: 'depth' | 'time'): never {
    this.#suspended ??= reason;
    throw UNWINDING;
  }

  /** The cycle is named from its alphabetically first member, so that the words don't depend on who asked first. */
  #cycle(node: QueryNode): LateenError {
    const labels = this.#path.slice(this.#path.indexOf(node), this.#pathLength).map((member) => member.label);
    const first = labels.indexOf([...labels].sort()[0] ?? '');
    const turn = [...labels.slice(first), ...labels.slice(0, first), labels[first]];
    return new LateenError('internal', `cycle of queries: ${turn.join(' -> ')}`);
  }
}

/** Keeps the invariant that the readers of a stale node are stale, which is why the walk may stop at one. */
function markReadersStale(source: Source): void {
  const pending: Source[] = [source];
  const mark = (node: QueryNode): void => {
    if (node.state !== CLEAN) return;
    node.state = STALE;
    pending.push(node);
  };
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) at.dependents?.forEach(mark);
}

function sameSlice(before: readonly Source[], reads: readonly Source[], start: number, end: number): boolean {
  if (before.length !== end - start) return false;
  for (let at = 0; at < before.length; at += 1) if (before[at] !== reads[start + at]) return false;
  return true;
}

function sameError(previous: unknown, next: unknown): boolean {
  if (previous === next) return true;
  return (
    previous instanceof Error &&
    next instanceof Error &&
    previous.name === next.name &&
    previous.message === next.message
  );
}
