/** Builds that share the event loop: roots are computed in time slices on one revision, edits wait their turn. */
import { type Clock, LateenError, nextTurn, TimeSlice } from '#runtime/core/index.ts';
import type { Edit, Graph, Root } from './types.ts';

export interface BuildOptions {
  /** Longest stretch without yielding to the event loop, in milliseconds; one computation that takes longer is not cut. Default 10. */
  readonly sliceMs?: number;
  /** Lets the event loop run what is due. Default: one turn of `setImmediate`. */
  readonly yieldTurn?: () => Promise<void>;
  /** Gives the build up; the returned promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Asked after each slice: true ends the build early because a newer revision matters. What was computed stays memoized. */
  readonly restart?: () => boolean;
}

/** A root's value, or what its computation threw. */
export type RootResult<V> = { readonly value: V } | { readonly error: unknown };

/** What slices are measured by. */
export type SliceClock = Pick<Clock, 'monotonic'>;

export type BuildOutcome<V> =
  | { readonly kind: 'built'; readonly revision: number; readonly results: readonly RootResult<V>[] }
  | { readonly kind: 'restart'; readonly revision: number };

/**
 * Computes roots one after the other, yielding whenever a slice is used up. The results stand in the order of the roots,
 * all at one revision: editing the graph in between is a bug and throws (use a `Builder`, which queues edits).
 */
export async function buildRoots<V>(
  graph: Graph,
  roots: readonly Root<V>[],
  clock: SliceClock,
  options: BuildOptions = {},
): Promise<BuildOutcome<V>> {
  const { sliceMs = 10, yieldTurn = nextTurn, signal, restart } = options;
  const { revision } = graph;
  const results: RootResult<V>[] = [];
  const slice = new TimeSlice(sliceMs, () => clock.monotonic());
  signal?.throwIfAborted();
  while (results.length < roots.length) {
    const root = roots[results.length];
    if (root === undefined) break;
    const result = advance(graph, root, slice.isOver);
    if (result !== undefined) results.push(result);
    if (result !== undefined && !slice.isOver()) continue;
    await yieldTurn();
    signal?.throwIfAborted();
    if (graph.revision !== revision) throw new LateenError('internal', 'graph: edited while a build was running');
    if (restart?.()) return { kind: 'restart', revision };
    slice.start();
  }
  return { kind: 'built', revision, results };
}

function advance<V>(graph: Graph, root: Root<V>, outOfTime: () => boolean): RootResult<V> | undefined {
  try {
    return graph.advance(root.query, root.key, outOfTime);
  } catch (error) {
    return { error };
  }
}

/** A batch of input changes. */
export type Batch = (edit: Edit) => void;

/** The one door to a graph that is edited by sources while others build on it. */
export interface Builder {
  /**
   * Applies a batch now, or right after the running build. Batches keep their order; those that wait are applied as one,
   * or as several where that would take long. `partial`: what belongs to it is about to come in another batch.
   */
  edit(batch: Batch, partial?: boolean): void;
  /** Whether batches wait for the running build. */
  readonly pending: boolean;
  /** One build at a time; a second call waits for the first. Edits that arrive meanwhile are applied between the two. */
  build<V>(roots: readonly Root<V>[], options?: BuildOptions): Promise<BuildOutcome<V>>;
}

/** Longest stretch of applying what waited, in milliseconds; one batch that takes longer is not cut. */
const APPLY_MS = 10;

/** `onEdited` is called after batches that changed something, with the new revision and whether all of them were partial. */
export function createBuilder(
  graph: Graph,
  clock: SliceClock,
  onEdited: (revision: number, partial: boolean) => void,
): Builder {
  const waiting: { readonly batch: Batch; readonly partial: boolean }[] = [];
  let building = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Batches until the slice is used up, as one. */
  const applySome = () => {
    const sliceEnd = clock.monotonic() + APPLY_MS;
    let partial = true;
    const changed = graph.edit((edit) => {
      do {
        const next = waiting.shift();
        next?.batch(edit);
        partial &&= next?.partial === true;
      } while (waiting.length > 0 && clock.monotonic() < sliceEnd);
    });
    if (changed) onEdited(graph.revision, partial);
  };
  const applyWaiting = async () => {
    while (waiting.length > 0) {
      applySome();
      if (waiting.length > 0) await nextTurn();
    }
  };

  return {
    get pending() {
      return waiting.length > 0;
    },
    edit(batch, partial = false) {
      waiting.push({ batch, partial });
      if (!building) applySome();
    },
    build(roots, options) {
      const turn = last.then(async () => {
        building = true;
        try {
          return await buildRoots(graph, roots, clock, options);
        } finally {
          await applyWaiting();
          building = false;
        }
      });
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
