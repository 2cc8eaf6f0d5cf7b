import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import { createGraph, type Graph, type Input, type Query, sameMembers } from './index.ts';

interface Item {
  readonly group: string;
  readonly amount: number;
}

interface Shop {
  readonly graph: Graph;
  readonly items: Input<Item>;
  readonly total: Query<number>;
  readonly parity: Query<string>;
  readonly report: Query<string>;
  set(key: string, group: string, amount: number): boolean;
  remove(key: string): boolean;
  computed(query: Query<unknown>): number;
}

function shop(): Shop {
  const graph = createGraph();
  const items = graph.input<Item>('items', {
    equal: (a, b) => a.group === b.group && a.amount === b.amount,
    indexes: { group: (item) => [item.group] },
  });
  const total = graph.query('total', (reader, group) =>
    reader.bucket(items, 'group', group).reduce((sum, item) => sum + item.amount, 0),
  );
  const parity = graph.query('parity', (reader, group) => (reader.read(total, group) % 2 === 0 ? 'even' : 'odd'));
  const report = graph.query('report', (reader) =>
    reader
      .buckets(items, 'group')
      .map((group) => `${group}:${reader.read(parity, group)}`)
      .join(' '),
  );
  return {
    graph,
    items,
    total,
    parity,
    report,
    set: (key, group, amount) => graph.edit((edit) => edit.set(items, key, { group, amount })),
    remove: (key) => graph.edit((edit) => edit.delete(items, key)),
    computed: (query) => graph.statistics().queries[query.name]?.computed ?? 0,
  };
}

describe('graph', () => {
  describe('description of a node', () => {
    it('names what it read and who read it', () => {
      const { graph, report, set } = shop();
      set('a', 'x', 1);
      set('b', 'y', 2);
      graph.read(report, '');
      expect(graph.describe('report()')).to.deep.equal({
        label: 'report()',
        changedAt: 2,
        current: true,
        failed: false,
        dependencies: ['items.group names', 'parity(x)', 'parity(y)'],
        dependents: [],
      });
      expect(graph.describe('total(x)')).to.deep.include({
        dependencies: ['items.group[x]'],
        dependents: ['parity(x)'],
      });
      expect(graph.describe('items.group[y]')).to.deep.include({ dependencies: [], dependents: ['total(y)'] });
    });

    it('says what is stale, what failed, and what is not there', () => {
      const { graph, items, report, set } = shop();
      const broken = graph.query('broken', (reader, key) => {
        throw new LateenError('invalid', `${reader.keys(items).length} of ${key}`);
      });
      set('a', 'x', 1);
      graph.read(report, '');
      expect(() => graph.read(broken, '(a)')).to.throw('1 of (a)');
      set('a', 'x', 2);
      expect(graph.describe('report()')).to.include({ current: false });
      expect(graph.describe('broken((a))')).to.deep.include({ failed: true, dependencies: ['items keys'] });
      expect(graph.describe('total(z)')).to.equal(undefined);
      expect(graph.describe('items[z]')).to.equal(undefined);
      expect([...(graph.memoizedKeys('total') ?? [])]).to.deep.equal(['x']);
      expect(graph.memoizedKeys('nothing')).to.equal(undefined);
      expect(graph.peekKeys(items)).to.deep.equal(['a']);
    });
  });

  describe('memoization', () => {
    it('computes once and answers from memory while nothing changes', () => {
      const { graph, report, set, computed } = shop();
      set('a', 'x', 1);
      expect(graph.read(report, '')).to.equal('x:odd');
      expect(graph.read(report, '')).to.equal('x:odd');
      expect(computed(report)).to.equal(1);
    });

    it('recomputes nothing when an equal value is set, and keeps the revision', () => {
      const { graph, report, set, computed } = shop();
      set('a', 'x', 1);
      graph.read(report, '');
      const { revision } = graph;
      expect(set('a', 'x', 1)).to.equal(false);
      expect(graph.revision).to.equal(revision);
      graph.read(report, '');
      expect(computed(report)).to.equal(1);
    });

    it('computes lazily: an edit alone runs no query', () => {
      const { graph, report, total, set, computed } = shop();
      set('a', 'x', 1);
      graph.read(report, '');
      set('a', 'x', 2);
      expect(computed(total)).to.equal(1);
    });
  });

  describe('early cutoff', () => {
    it('stops at a query whose new value equals the old one', () => {
      const { graph, report, parity, total, set, computed } = shop();
      set('a', 'x', 1);
      graph.read(report, '');
      set('a', 'x', 3);
      expect(graph.read(report, '')).to.equal('x:odd');
      expect([computed(total), computed(parity), computed(report)]).to.deep.equal([2, 2, 1]);
      expect(graph.statistics().queries.parity?.cutoffs).to.equal(1);
    });

    it('keeps the old instance when the declared equality holds', () => {
      const graph = createGraph();
      const numbers = graph.input<number>('numbers');
      const signs = graph.query('signs', (reader) => [Math.sign(reader.get(numbers, 'n') ?? 0)], {
        equal: sameMembers,
      });
      graph.edit((edit) => edit.set(numbers, 'n', 5));
      const before = graph.read(signs, '');
      graph.edit((edit) => edit.set(numbers, 'n', 7));
      expect(graph.read(signs, '')).to.equal(before);
    });

    it('does not compute a branch that the new value no longer asks for', () => {
      const graph = createGraph();
      const values = graph.input<number>('values');
      const guarded = graph.query('guarded', (reader) => {
        if (reader.get(values, 'zero') === 0) throw new Error('must not run');
        return 1;
      });
      const root = graph.query('root', (reader) =>
        (reader.get(values, 'on') ?? 0) > 0 ? reader.read(guarded, '') : 0,
      );
      graph.edit((edit) => {
        edit.set(values, 'on', 1);
        edit.set(values, 'zero', 9);
      });
      expect(graph.read(root, '')).to.equal(1);
      graph.edit((edit) => {
        edit.set(values, 'on', 0);
        edit.set(values, 'zero', 0);
      });
      expect(graph.read(root, '')).to.equal(0);
      expect(graph.statistics().queries.guarded?.computed).to.equal(1);
    });
  });

  describe('indexes', () => {
    it('leaves readers of other buckets alone', () => {
      const { graph, total, set, computed } = shop();
      set('a', 'x', 1);
      set('b', 'y', 2);
      graph.read(total, 'x');
      graph.read(total, 'y');
      set('b', 'y', 3);
      graph.read(total, 'x');
      expect(graph.read(total, 'y')).to.equal(3);
      expect(computed(total)).to.equal(3);
    });

    it('moves a member between buckets', () => {
      const { graph, total, set } = shop();
      set('a', 'x', 1);
      set('b', 'x', 2);
      expect([graph.read(total, 'x'), graph.read(total, 'y')]).to.deep.equal([3, 0]);
      set('b', 'y', 2);
      expect([graph.read(total, 'x'), graph.read(total, 'y')]).to.deep.equal([1, 2]);
    });

    it('gives values and keys in the order of the keys, whatever the order of insertion', () => {
      const { graph, items, set, remove } = shop();
      const seen = graph.query('seen', (reader) => ({
        keys: reader.bucketKeys(items, 'group', 'x'),
        amounts: reader.bucket(items, 'group', 'x').map((item) => item.amount),
        all: reader.keys(items),
      }));
      for (const key of ['d', 'a', 'c', 'b']) set(key, 'x', key.charCodeAt(0));
      remove('c');
      set('e', 'y', 0);
      expect(graph.read(seen, '')).to.deep.equal({
        keys: ['a', 'b', 'd'],
        amounts: [97, 98, 100],
        all: ['a', 'b', 'd', 'e'],
      });
      set('c', 'x', 99);
      expect(graph.read(seen, '').amounts).to.deep.equal([97, 98, 99, 100]);
    });

    it('tells membership from content', () => {
      const { graph, items, set, computed } = shop();
      const count = graph.query('count', (reader, group) => reader.bucketKeys(items, 'group', group).length);
      const everything = graph.query('everything', (reader) => reader.keys(items).length);
      set('a', 'x', 1);
      expect([graph.read(count, 'x'), graph.read(everything, '')]).to.deep.equal([1, 1]);
      set('a', 'x', 2);
      graph.read(count, 'x');
      graph.read(everything, '');
      expect([computed(count), computed(everything)]).to.deep.equal([1, 1]);
      set('b', 'x', 1);
      expect([graph.read(count, 'x'), graph.read(everything, '')]).to.deep.equal([2, 2]);
    });

    it('tells the names of buckets from their members', () => {
      const { graph, items, set, remove, computed } = shop();
      const groups = graph.query('groups', (reader) => reader.buckets(items, 'group').join());
      set('a', 'x', 1);
      expect(graph.read(groups, '')).to.equal('x');
      set('b', 'x', 1);
      remove('a');
      graph.edit((edit) => {
        edit.delete(items, 'b');
        edit.set(items, 'c', { group: 'x', amount: 4 });
      });
      expect(graph.read(groups, '')).to.equal('x');
      expect(computed(groups)).to.equal(1);
      remove('c');
      expect(graph.read(groups, '')).to.equal('');
    });

    it('records the absence of a key', () => {
      const { graph, items, set, remove } = shop();
      const present = graph.query('present', (reader, key) => reader.get(items, key) !== undefined);
      expect(graph.read(present, 'a')).to.equal(false);
      set('a', 'x', 1);
      expect(graph.read(present, 'a')).to.equal(true);
      remove('a');
      expect(graph.read(present, 'a')).to.equal(false);
    });
  });

  describe('edits', () => {
    it('apply as a whole or, when the batch throws, not at all', () => {
      const { graph, items, total, set } = shop();
      set('a', 'x', 1);
      expect(() =>
        graph.edit((edit) => {
          edit.set(items, 'a', { group: 'x', amount: 9 });
          throw new Error('source failed');
        }),
      ).to.throw('source failed');
      expect(graph.read(total, 'x')).to.equal(1);
    });

    it('count by their net effect', () => {
      const { graph, items, set } = shop();
      set('a', 'x', 1);
      const changed = graph.edit((edit) => {
        edit.delete(items, 'a');
        edit.set(items, 'a', { group: 'x', amount: 1 });
        edit.set(items, 'b', { group: 'x', amount: 1 });
        edit.delete(items, 'b');
      });
      expect(changed).to.equal(false);
    });

    it('are refused while a query runs', () => {
      const { graph, items } = shop();
      const naughty = graph.query('naughty', () => graph.edit((edit) => edit.delete(items, 'a')));
      expect(() => graph.read(naughty, 'k')).to.throw(LateenError, 'naughty(k)');
    });

    it('of one graph cannot name the inputs of another', () => {
      expect(() => shop().graph.edit((edit) => edit.delete(shop().items, 'a'))).to.throw(LateenError, 'another graph');
    });
  });

  describe('errors', () => {
    it('are memoized, reach every reader, and go away when an input changes', () => {
      const { graph, items, set, computed } = shop();
      const strict = graph.query('strict', (reader, key) => {
        const item = reader.get(items, key);
        if (item === undefined) throw new Error(`${key} is missing`);
        return item.amount;
      });
      const outer = graph.query('outer', (reader) => reader.read(strict, 'a') + 1);
      expect(() => graph.read(outer, '')).to.throw('a is missing');
      expect(() => graph.read(outer, '')).to.throw('a is missing');
      expect([computed(strict), computed(outer)]).to.deep.equal([1, 1]);
      set('a', 'x', 1);
      expect(graph.read(outer, '')).to.equal(2);
    });

    it('that say the same again leave readers clean', () => {
      const { graph, items, set, computed } = shop();
      const strict = graph.query('strict', (reader): number => {
        reader.keys(items);
        throw new Error('always');
      });
      const outer = graph.query('outer', (reader) => reader.read(strict, ''));
      expect(() => graph.read(outer, '')).to.throw('always');
      set('a', 'x', 1);
      expect(() => graph.read(outer, '')).to.throw('always');
      expect([computed(strict), computed(outer)]).to.deep.equal([2, 1]);
    });
  });

  describe('cycles', () => {
    function ring(length: number) {
      const graph = createGraph();
      const cut = graph.input<boolean>('cut');
      const step: Query<number> = graph.query('step', (reader, key): number => {
        const at = Number(key);
        if (at === 1 && reader.get(cut, '') === true) return 0;
        return reader.read(step, String((at + 1) % length)) + 1;
      });
      return { graph, cut, step };
    }

    it('throw and name the path from its first member, whoever asked', () => {
      for (const start of ['0', '1', '2']) {
        const { graph, step } = ring(3);
        expect(() => graph.read(step, start)).to.throw(
          LateenError,
          'cycle of queries: step(0) -> step(1) -> step(2) -> step(0)',
        );
      }
    });

    it('heal when an input cuts them, and come back when it no longer does', () => {
      const { graph, cut, step } = ring(3);
      expect(() => graph.read(step, '0')).to.throw('cycle');
      graph.edit((edit) => edit.set(cut, '', true));
      expect([graph.read(step, '0'), graph.read(step, '1'), graph.read(step, '2')]).to.deep.equal([1, 0, 2]);
      graph.edit((edit) => edit.set(cut, '', false));
      expect(() => graph.read(step, '2')).to.throw('step(0) -> step(1) -> step(2) -> step(0)');
    });

    it('of a thousand queries are found as well', () => {
      const { graph, cut, step } = ring(1000);
      expect(() => graph.read(step, '7')).to.throw('cycle of queries: step(0) -> step(1) -> ');
      graph.edit((edit) => edit.set(cut, '', true));
      expect(graph.read(step, '2')).to.equal(999);
    });
  });

  describe('deep chains', () => {
    const DEPTH = 10_000;

    function chain() {
      const graph = createGraph();
      const numbers = graph.input<number>('numbers');
      const link: Query<number> = graph.query('link', (reader, key): number => {
        const at = Number(key);
        return at === 0 ? (reader.get(numbers, 'base') ?? 0) : reader.read(link, String(at - 1)) + 1;
      });
      return { graph, numbers, link };
    }

    it('of ten thousand queries compute and recompute without overflowing the stack', () => {
      const { graph, numbers, link } = chain();
      expect(graph.read(link, String(DEPTH))).to.equal(DEPTH);
      graph.edit((edit) => edit.set(numbers, 'base', 5));
      expect(graph.read(link, String(DEPTH))).to.equal(DEPTH + 5);
      expect(graph.statistics().queries.link).to.deep.equal({
        nodes: DEPTH + 1,
        computed: 2 * (DEPTH + 1),
        cutoffs: 0,
      });
    });

    it('work although the queries catch whatever they can', () => {
      const graph = createGraph();
      const link: Query<number> = graph.query('link', (reader, key): number => {
        if (key === '0') return 0;
        try {
          return reader.read(link, String(Number(key) - 1)) + 1;
        } catch {
          return -1;
        }
      });
      expect(graph.read(link, '1000')).to.equal(1000);
    });
  });

  describe('sweep', () => {
    it('forgets what no root reaches and keeps the rest memoized', () => {
      const { graph, report, parity, total, set, computed } = shop();
      set('a', 'x', 1);
      set('b', 'y', 1);
      graph.read(report, '');
      graph.read(total, 'gone');
      expect(graph.sweep([{ query: parity, key: 'x' }])).to.equal(4);
      expect(graph.statistics().queries.total?.nodes).to.equal(1);
      graph.read(parity, 'x');
      expect(computed(parity)).to.equal(2);
      set('b', 'y', 2);
      expect(graph.read(report, '')).to.equal('x:odd y:even');
    });

    it('keeps what a permanent query reads, though no root does', () => {
      const { graph, items, report, parity, set, computed } = shop();
      const groups = graph.query('groups', (reader) => reader.buckets(items, 'group').length);
      const board = graph.query('board', (reader) => [reader.read(report, '')], { permanent: true });
      set('a', 'x', 1);
      const before = graph.read(board, '');
      graph.read(groups, '');
      expect(graph.sweep([])).to.equal(1);
      expect(graph.read(board, '')).to.equal(before);
      expect(computed(parity)).to.equal(1);
      set('a', 'x', 2);
      expect(graph.read(board, '')).to.deep.equal(['x:even']);
    });

    it('leaves a graph without edges when there are no roots', () => {
      const { graph, report, set } = shop();
      set('a', 'x', 1);
      graph.read(report, '');
      graph.sweep([]);
      expect(graph.statistics().edges).to.equal(0);
      expect(graph.read(report, '')).to.equal('x:odd');
    });
  });

  it('says which inputs have changed since a revision', () => {
    const { graph, set } = shop();
    const orders = graph.input<string>('orders');
    expect(graph.changedInputs(-1)).to.deep.equal([]);
    set('a', 'x', 1);
    const { revision } = graph;
    graph.edit((edit) => edit.set(orders, 'first', 'a'));
    expect(graph.changedInputs(revision - 1)).to.have.members(['items', 'orders']);
    expect(graph.changedInputs(revision)).to.deep.equal(['orders']);
    set('a', 'x', 1);
    expect(graph.changedInputs(graph.revision), 'what is set to what it was has not changed').to.deep.equal([]);
  });

  it('refuses a reader that outlives its query, and reads around the reader', () => {
    const { graph, items, total } = shop();
    let leaked: (() => unknown) | undefined;
    const leak = graph.query('leak', (reader) => {
      leaked = () => reader.get(items, 'a');
      return 0;
    });
    graph.read(leak, '');
    expect(() => leaked?.()).to.throw(LateenError, 'outside its query');
    const around = graph.query('around', () => graph.read(total, 'x'));
    expect(() => graph.read(around, '')).to.throw(LateenError, 'around() read the graph itself');
  });
});
