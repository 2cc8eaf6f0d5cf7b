/** The graph's public face: typed inputs and queries over the engine, edits as batches, sweeping. */
import { LateenError } from '#runtime/core/index.ts';
import { Engine, type OutOfTime } from './engine.ts';
import { InputTable, type Staged } from './inputs.ts';
import { describeNode } from './inspect.ts';
import { QueryNode, QueryTable, removeDependent, type Source } from './source.ts';
import type {
  Edit,
  Graph,
  GraphStatistics,
  Input,
  InputOptions,
  NodeDescription,
  Query,
  QueryOptions,
  Reader,
} from './types.ts';

type AnyEquality = (previous: unknown, next: unknown) => boolean;

export function createGraph(): Graph {
  return new IncrementalGraph();
}

class IncrementalGraph implements Graph {
  readonly #engine = new Engine();
  readonly #inputs = new Map<string, InputTable>();
  readonly #queries = new Map<string, QueryTable>();
  readonly #reader: Reader = this.#createReader();
  #editing = false;

  get revision(): number {
    return this.#engine.revision;
  }

  input<V>(name: string, options: InputOptions<V> = {}): Input<V> {
    if (this.#inputs.has(name)) throw new LateenError('internal', `graph: input ${name} exists already`);
    const table = new InputTable(name, (options.equal ?? Object.is) as AnyEquality, (options.indexes ?? {}) as never);
    this.#inputs.set(name, table);
    return table;
  }

  query<V>(name: string, compute: (reader: Reader, key: string) => V, options: QueryOptions<V> = {}): Query<V> {
    if (this.#queries.has(name)) throw new LateenError('internal', `graph: query ${name} exists already`);
    const equal = (options.equal ?? Object.is) as AnyEquality;
    const table = new QueryTable(name, (key) => compute(this.#reader, key), equal, options.permanent ?? false);
    this.#queries.set(name, table);
    return table;
  }

  edit(apply: (edit: Edit) => void): boolean {
    this.#outsideQueries('edited');
    if (this.#editing) throw new LateenError('internal', 'graph: an edit is being applied already');
    const staged = new Map<InputTable, Map<string, Staged>>();
    const stage = (input: Input<unknown>, key: string, change: Staged) => {
      const table = this.#inputTable(input);
      const changes = staged.get(table);
      if (changes === undefined) staged.set(table, new Map([[key, change]]));
      else changes.set(key, change);
    };
    this.#editing = true;
    try {
      apply({
        set: (input, key, value) => stage(input, key, { value }),
        delete: (input, key) => stage(input, key, 'deleted'),
        peek: <V>(input: Input<V>, key: string) => {
          const table = this.#inputTable(input);
          const change = staged.get(table)?.get(key);
          const value = change === undefined ? table.peek(key) : change === 'deleted' ? undefined : change.value;
          return value as V | undefined;
        },
      });
    } finally {
      this.#editing = false;
    }
    return this.#applyStaged(staged);
  }

  read<V>(query: Query<V>, key: string): V {
    const node = this.#settle(query, key);
    if (node === undefined)
      throw new LateenError('internal', 'graph: an evaluation without a time limit stopped early');
    return settledValue(node) as V;
  }

  advance<V>(query: Query<V>, key: string, outOfTime: OutOfTime): { readonly value: V } | undefined {
    const node = this.#settle(query, key, outOfTime);
    return node === undefined ? undefined : { value: settledValue(node) as V };
  }

  peek<V>(input: Input<V>, key: string): V | undefined {
    this.#outsideQueries('peeked at');
    return this.#inputTable(input).peek(key) as V | undefined;
  }

  peekKeys<V>(input: Input<V>): readonly string[] {
    this.#outsideQueries('peeked at');
    return this.#inputTable(input).all().sortedKeys();
  }

  describe(label: string): NodeDescription | undefined {
    this.#outsideQueries('described');
    return describeNode({ queries: this.#queries, inputs: this.#inputs }, label);
  }

  memoizedKeys(query: string): Iterable<string> | undefined {
    return this.#queries.get(query)?.nodes.keys();
  }

  sweep(roots: Iterable<{ readonly query: Query<unknown>; readonly key: string }>): number {
    this.#outsideQueries('swept');
    const reached = this.#engine.freshStamp();
    const pending: Source[] = [];
    const reach = (source: Source | undefined) => {
      if (source === undefined || source.stamp === reached) return;
      source.stamp = reached;
      pending.push(source);
    };
    for (const { query, key } of roots) reach(this.#queryTable(query).nodes.get(key));
    for (const { permanent, nodes } of this.#queries.values())
      if (permanent) for (const node of nodes.values()) reach(node);
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (at instanceof QueryNode) at.dependencies.forEach(reach);
    }
    let forgotten = 0;
    for (const query of this.#queries.values()) {
      for (const node of query.nodes.values()) {
        if (node.stamp === reached) continue;
        for (const source of node.dependencies) removeDependent(source, node);
        this.#engine.edges -= node.dependencies.length;
        query.nodes.delete(node.key);
        forgotten += 1;
      }
    }
    for (const input of this.#inputs.values()) input.sweep();
    return forgotten;
  }

  changedInputs(since: number): readonly string[] {
    return [...this.#inputs.values()].flatMap(({ name, changedAt }) => (changedAt > since ? [name] : []));
  }

  statistics(): GraphStatistics {
    const queries: Record<string, { nodes: number; computed: number; cutoffs: number }> = {};
    for (const { name, nodes, computed, cutoffs } of this.#queries.values())
      queries[name] = { nodes: nodes.size, computed, cutoffs };
    const inputs = Object.fromEntries([...this.#inputs.values()].map((input) => [input.name, input.size]));
    return { revision: this.revision, inputs, queries, edges: this.#engine.edges };
  }

  #applyStaged(staged: ReadonlyMap<InputTable, ReadonlyMap<string, Staged>>): boolean {
    const before = this.#engine.revision;
    const changed = (source: Source) => {
      if (this.#engine.revision === before) this.#engine.revision = before + 1;
      this.#engine.invalidate(source);
    };
    for (const [table, changes] of staged) {
      table.apply(changes, (source) => {
        changed(source);
        table.changedAt = before + 1;
      });
    }
    return this.#engine.revision !== before;
  }

  #settle<V>(query: Query<V>, key: string, outOfTime?: OutOfTime): QueryNode | undefined {
    this.#outsideQueries('read');
    if (this.#editing)
      throw new LateenError('internal', 'graph: queries cannot be read while an edit is being applied');
    const node = this.#queryTable(query).node(key);
    return this.#engine.settle(node, outOfTime) ? node : undefined;
  }

  #createReader(): Reader {
    const engine = this.#engine;
    const record = (source: Source) => {
      if (engine.running === undefined) throw new LateenError('internal', 'graph: a reader was used outside its query');
      engine.record(source);
    };
    return {
      get: <V>(input: Input<V>, key: string) => {
        const cell = this.#inputTable(input).cell(key);
        record(cell);
        return cell.value as V | undefined;
      },
      bucket: <V>(input: Input<V>, index: string, name: string) => {
        const table = this.#inputTable(input);
        const bucket = table.bucket(index, name);
        record(bucket.readContent());
        return table.values(bucket) as readonly V[];
      },
      bucketKeys: (input, index, name) => {
        const bucket = this.#inputTable(input).bucket(index, name);
        record(bucket.readMembership());
        return bucket.sortedKeys();
      },
      buckets: (input, index) => {
        const table = this.#inputTable(input);
        record(table.names(index));
        return table.bucketNames(index);
      },
      keys: (input) => {
        const all = this.#inputTable(input).all();
        record(all.readMembership());
        return all.sortedKeys();
      },
      read: <V>(query: Query<V>, key: string) => {
        if (engine.running === undefined)
          throw new LateenError('internal', 'graph: a reader was used outside its query');
        return engine.readFromQuery(this.#queryTable(query).node(key)) as V;
      },
    };
  }

  #outsideQueries(what: string): void {
    const { running } = this.#engine;
    if (running !== undefined)
      throw new LateenError('internal', `graph: ${running.label} ${what} the graph itself while running`);
  }

  #inputTable(input: Input<unknown>): InputTable {
    if (input instanceof InputTable && this.#inputs.get(input.name) === input) return input;
    throw new LateenError('internal', `graph: input ${input.name} is of another graph`);
  }

  #queryTable(query: Query<unknown>): QueryTable {
    if (query instanceof QueryTable && this.#queries.get(query.name) === query) return query;
    throw new LateenError('internal', `graph: query ${query.name} is of another graph`);
  }
}

function settledValue(node: QueryNode): unknown {
  if (node.failed) throw node.value;
  return node.value;
}
