/**
 * The graph's public contract. Inputs are keyed collections; queries are memoized pure functions of (graph, key).
 * While a query runs the graph records what it reads; a changed input marks its readers dirty, a dirty query is
 * recomputed only when asked for, and when its new value equals the old one its readers stay clean (early cutoff).
 */

/** A keyed collection fed by a source. `V` must be immutable. */
export interface Input<V> {
  readonly name: string;
  /** Values only for typing. */
  readonly _value?: V;
}

/** A memoized function. `K` must be a string (spell structured keys with a canonical separator). */
export interface Query<V> {
  readonly name: string;
  readonly _value?: V;
}

/** How a stored value is compared with a new one; equal values publish nothing. Default: `Object.is`. */
export type Equality<V> = (previous: V, next: V) => boolean;

/** Bucket names a value belongs to, e.g. `service => [service.namespace]`. */
export type IndexFunction<V> = (value: V, key: string) => readonly string[];

export interface InputOptions<V> {
  readonly equal?: Equality<V>;
  readonly indexes?: Readonly<Record<string, IndexFunction<V>>>;
}

export interface QueryOptions<V> {
  readonly equal?: Equality<V>;
  /** No sweep forgets its nodes nor what they read: somebody reads them as long as the process lives. For queries of few keys. */
  readonly permanent?: boolean;
}

/** What a running query may read. Every call is recorded as a dependency of the running query. */
export interface Reader {
  /** One input value; also records the absence of the key. */
  get<V>(input: Input<V>, key: string): V | undefined;
  /** All values in one bucket of an index, sorted by key. Depends on that bucket (members and their values) only. */
  bucket<V>(input: Input<V>, index: string, bucket: string): readonly V[];
  /** The sorted keys of one bucket; depends on membership only, not on the values. */
  bucketKeys<V>(input: Input<V>, index: string, bucket: string): readonly string[];
  /** Names of all non-empty buckets of an index, sorted. Depends on that set of names only. */
  buckets<V>(input: Input<V>, index: string): readonly string[];
  /** All keys, sorted; depends on membership only. */
  keys<V>(input: Input<V>): readonly string[];
  /** Another query's value. */
  read<V>(query: Query<V>, key: string): V;
}

export interface Edit {
  set<V>(input: Input<V>, key: string, value: V): void;
  delete<V>(input: Input<V>, key: string): void;
  /** The value as it will be when the edit so far has been applied. */
  peek<V>(input: Input<V>, key: string): V | undefined;
}

export interface GraphStatistics {
  readonly revision: number;
  readonly inputs: Readonly<Record<string, number>>;
  readonly queries: Readonly<
    Record<string, { readonly nodes: number; readonly computed: number; readonly cutoffs: number }>
  >;
  readonly edges: number;
}

/** One node and its edges. Labels: `query(key)`, `input[key]`, `input.index[bucket]`, with ` keys` where only membership counts. */
export interface NodeDescription {
  readonly label: string;
  /** Revision at which its value last became different. */
  readonly changedAt: number;
  /** False when something that it depends on may have changed since it was computed. */
  readonly current: boolean;
  /** Its computation threw. */
  readonly failed: boolean;
  /** What it read, in that order. */
  readonly dependencies: readonly string[];
  /** Who read it, sorted. */
  readonly dependents: readonly string[];
}

export interface Graph {
  /** Grows by one with each edit that changed at least one value. */
  readonly revision: number;
  input<V>(name: string, options?: InputOptions<V>): Input<V>;
  query<V>(name: string, compute: (reader: Reader, key: string) => V, options?: QueryOptions<V>): Query<V>;
  /** Applies a batch; must not be called while a query runs (throws). Returns whether anything changed. */
  edit(apply: (edit: Edit) => void): boolean;
  /** The value at the current revision, computed now if needed. A query that throws rethrows to every reader and is retried when an input of it changes. A cycle throws, naming the path. */
  read<V>(query: Query<V>, key: string): V;
  /**
   * Like `read`, in slices: when `outOfTime` says so between two computations, the evaluation stops and the answer is
   * undefined; what was computed so far is kept, and calling again goes on. Every call makes progress.
   */
  advance<V>(query: Query<V>, key: string, outOfTime: () => boolean): { readonly value: V } | undefined;
  /** Reads inputs outside any query (no dependency recorded), e.g. for debug pages. */
  peek<V>(input: Input<V>, key: string): V | undefined;
  /** The keys of an input, sorted, outside any query. */
  peekKeys<V>(input: Input<V>): readonly string[];
  /** One node by its label, for debugging; undefined when there is none now. Costs a walk over all inputs. */
  describe(label: string): NodeDescription | undefined;
  /** Keys for which a query is memoized now; undefined: no such query. */
  memoizedKeys(query: string): Iterable<string> | undefined;
  /** Forgets memoized nodes that neither one of these roots reads nor a permanent query; says how many. */
  sweep(roots: Iterable<{ readonly query: Query<unknown>; readonly key: string }>): number;
  /** Names of the inputs of which something changed after this revision. */
  changedInputs(since: number): readonly string[];
  statistics(): GraphStatistics;
}

/** One root to compute in a sliced build. */
export interface Root<V = unknown> {
  readonly query: Query<V>;
  readonly key: string;
}
