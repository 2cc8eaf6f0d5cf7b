/**
 * Owns: the incremental graph. Sources feed keyed inputs; queries are memoized pure functions over them; a change costs
 * what depends on it and no more (design: Salsa, Skyframe, "Build Systems à la Carte").
 * May import: runtime/core.
 * Invariants: queries hold no I/O, clock, randomness or memory of the past, and read only through their reader; a value
 * read at a revision equals the one a graph built from scratch would give; the readers of a stale node are stale.
 */
export { sameMembers } from '#runtime/core/index.ts';
export {
  type Batch,
  type Builder,
  type BuildOptions,
  type BuildOutcome,
  buildRoots,
  createBuilder,
  type RootResult,
  type SliceClock,
} from './build.ts';
export { createGraph } from './graph.ts';
export { createIntern, type Intern, sameEntries } from './intern.ts';
export type {
  Edit,
  Equality,
  Graph,
  GraphStatistics,
  IndexFunction,
  Input,
  InputOptions,
  NodeDescription,
  Query,
  QueryOptions,
  Reader,
  Root,
} from './types.ts';
