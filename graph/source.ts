/** What a query can depend on, and the edges between them. */

/** `clean` answers at once; `stale` must be verified first; `active` is being verified or computed now. */
export const CLEAN = 0;
export const STALE = 1;
export const ACTIVE = 2;
export type NodeState = typeof CLEAN | typeof STALE | typeof ACTIVE;

/** Up to this many dependents are kept in an array, more in a Set: most nodes have one or two readers, a few have all of them. */
const ARRAY_LIMIT = 12;

/** One thing that may change: an input value, a bucket, a query's value. */
export class Source {
  /** Revision at which the value last became different. */
  changedAt = 0;
  /** Scratch mark of the pass that looked at this source last; equal only within that pass. */
  stamp = 0;
  state: NodeState = CLEAN;
  dependents: QueryNode[] | Set<QueryNode> | undefined = undefined;
}

export type Compute = (key: string) => unknown;

/** One query as the engine sees it, with its memoized nodes by key. */
export class QueryTable {
  readonly name: string;
  readonly compute: Compute;
  readonly equal: (previous: unknown, next: unknown) => boolean;
  readonly permanent: boolean;
  readonly nodes = new Map<string, QueryNode>();
  computed = 0;
  cutoffs = 0;

  constructor(
    name: string,
    compute: Compute,
    equal: (previous: unknown, next: unknown) => boolean,
    permanent: boolean,
  ) {
    this.name = name;
    this.compute = compute;
    this.equal = equal;
    this.permanent = permanent;
  }

  node(key: string): QueryNode {
    let node = this.nodes.get(key);
    if (node === undefined) {
      node = new QueryNode(this, key);
      this.nodes.set(key, node);
    }
    return node;
  }
}

const NO_DEPENDENCIES: readonly Source[] = [];

/** The memoized result of one query for one key. */
export class QueryNode extends Source {
  readonly query: QueryTable;
  readonly key: string;
  /** The value, or what was thrown when `failed`. */
  value: unknown = undefined;
  failed = false;
  /** Revision at which the value was last known to be right; -1 before the first computation. */
  verifiedAt = -1;
  /** What the last computation read, in the order of first reads. */
  dependencies: readonly Source[] = NO_DEPENDENCIES;

  constructor(query: QueryTable, key: string) {
    super();
    this.query = query;
    this.key = key;
    this.state = STALE;
  }

  get label(): string {
    return `${this.query.name}(${this.key})`;
  }
}

/** Adds an edge; adding it twice is the same as once. */
export function addDependent(source: Source, node: QueryNode): void {
  const known = source.dependents;
  if (known === undefined) source.dependents = [node];
  else if (known instanceof Set) known.add(node);
  else if (!known.includes(node)) {
    // An array that grows takes room for sixteen more, which few will ever need.
    source.dependents = known.length < ARRAY_LIMIT ? [...known, node] : new Set(known).add(node);
  }
}

export function removeDependent(source: Source, node: QueryNode): void {
  const known = source.dependents;
  if (known === undefined) return;
  if (known instanceof Set) {
    known.delete(node);
    if (known.size === 0) source.dependents = undefined;
    return;
  }
  const at = known.indexOf(node);
  if (at === -1) return;
  const last = known.pop();
  if (last !== undefined && last !== node) known[at] = last;
  if (known.length === 0) source.dependents = undefined;
}
