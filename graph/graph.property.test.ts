import { expect } from 'chai';
import fc from 'fast-check';
import { createGraph, type Graph, type Input, type Query, sameMembers } from './index.ts';

/**
 * A small world with every way of reading: values, absence, buckets, membership, names, branches that depend on values,
 * recursion, errors and cycles that come and go with the inputs.
 */
interface Node {
  readonly group: string;
  readonly amount: number;
  /** Another key to follow, if any. */
  readonly next?: string;
}

interface World {
  readonly graph: Graph;
  readonly nodes: Input<Node>;
  readonly queries: readonly Query<unknown>[];
}

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const GROUPS = ['x', 'y', 'z'];

function createWorld(): World {
  const graph = createGraph();
  const nodes = graph.input<Node>('nodes', {
    equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    indexes: { group: (node) => [node.group], both: (node, key) => [node.group, key] },
  });
  const amount = graph.query('amount', (reader, key) => reader.get(nodes, key)?.amount ?? -1);
  const total = graph.query('total', (reader, group) =>
    reader.bucket(nodes, 'group', group).reduce((sum, node) => sum + node.amount, 0),
  );
  const members = graph.query('members', (reader, group) => reader.bucketKeys(nodes, 'both', group), {
    equal: sameMembers,
  });
  const big = graph.query('big', (reader, group) => reader.read(total, group) > 10);
  const walk: Query<number> = graph.query('walk', (reader, key): number => {
    const next = reader.get(nodes, key)?.next;
    if (next === undefined) return reader.read(amount, key);
    return reader.read(walk, next) + 1;
  });
  const strict = graph.query('strict', (reader, group) => {
    if (reader.read(big, group)) throw new Error(`${group} is too big`);
    return reader.read(members, group).map((key) => reader.read(amount, key));
  });
  const report = graph.query('report', (reader) =>
    reader
      .buckets(nodes, 'group')
      .map((group) => {
        try {
          return `${group}=${reader.read(strict, group).join('+')}`;
        } catch (thrown) {
          return String(thrown);
        }
      })
      .join(' '),
  );
  const all = graph.query('all', (reader) => reader.keys(nodes).join());
  return { graph, nodes, queries: [amount, total, members, big, walk, strict, report, all] };
}

type Change = { readonly key: string; readonly node: Node | undefined };

const change: fc.Arbitrary<Change> = fc.record({
  key: fc.constantFrom(...KEYS),
  node: fc.option(
    fc.record(
      {
        group: fc.constantFrom(...GROUPS),
        amount: fc.integer({ min: 0, max: 12 }),
        next: fc.constantFrom(...KEYS),
      },
      { requiredKeys: ['group', 'amount'] },
    ),
    { nil: undefined },
  ),
});

const ask = fc.record({
  query: fc.nat({ max: 7 }),
  key: fc.constantFrom(...KEYS, ...GROUPS),
});

type Step =
  | { readonly kind: 'edit'; readonly changes: readonly Change[] }
  | { readonly kind: 'read'; readonly query: number; readonly key: string; readonly budget: number }
  | { readonly kind: 'sweep'; readonly query: number; readonly key: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: ask.chain((a) => fc.nat({ max: 4 }).map((budget) => ({ kind: 'read' as const, ...a, budget }))),
  },
  { weight: 1, arbitrary: ask.map((a) => ({ kind: 'sweep' as const, ...a })) },
);

function applyChanges({ graph, nodes }: World, changes: readonly Change[]): void {
  graph.edit((edit) => {
    for (const { key, node } of changes) {
      if (node === undefined) edit.delete(nodes, key);
      else edit.set(nodes, key, node);
    }
  });
}

function answer({ graph, queries }: World, query: number, key: string): unknown {
  const asked = queries[query];
  if (asked === undefined) throw new Error(`no query ${query}`);
  try {
    return { value: graph.read(asked, key) };
  } catch (thrown) {
    return { error: String(thrown) };
  }
}

/** Reads in slices of one computation each, and may give up halfway, as a build that restarts does. */
function readSliced({ graph, queries }: World, query: number, key: string, slices: number): void {
  const asked = queries[query];
  if (asked === undefined) return;
  try {
    for (let slice = 0; slice < slices; slice += 1) if (graph.advance(asked, key, () => true) !== undefined) return;
  } catch (thrown) {
    expect(String(thrown)).to.match(/too big|cycle/);
  }
}

describe('graph: any sequence of edits, reads, interrupted reads and sweeps', () => {
  it('answers like a graph built from scratch', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = createWorld();
        const state = new Map<string, Node>();
        for (const at of steps) {
          if (at.kind === 'edit') {
            applyChanges(world, at.changes);
            for (const { key, node } of at.changes) node === undefined ? state.delete(key) : state.set(key, node);
          } else if (at.kind === 'read') {
            if (at.budget > 0) readSliced(world, at.query, at.key, at.budget);
            else answer(world, at.query, at.key);
          } else {
            const query = world.queries[at.query];
            world.graph.sweep(query === undefined ? [] : [{ query, key: at.key }]);
          }
        }
        const scratch = createWorld();
        applyChanges(
          scratch,
          [...state].map(([key, node]) => ({ key, node })),
        );
        for (let query = 0; query < world.queries.length; query += 1) {
          for (const key of [...KEYS, ...GROUPS]) {
            expect(answer(world, query, key), `${world.queries[query]?.name}(${key})`).to.deep.equal(
              answer(scratch, query, key),
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
