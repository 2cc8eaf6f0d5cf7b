import { expect } from 'chai';
import {
  buildRoots,
  createBuilder,
  createGraph,
  type Graph,
  type Input,
  type Query,
  type Root,
  type SliceClock,
} from './index.ts';

interface Fixture {
  readonly graph: Graph;
  readonly numbers: Input<number>;
  readonly roots: readonly Root<number>[];
  readonly part: Query<number>;
  /** A clock that each computation moves on by one millisecond. */
  readonly clock: SliceClock;
}

/** Three roots that each sum twenty parts. */
function fixture(): Fixture {
  let elapsed = 0;
  const graph = createGraph();
  const numbers = graph.input<number>('numbers');
  const part = graph.query('part', (reader, key) => {
    elapsed += 1;
    return reader.get(numbers, key) ?? 0;
  });
  const sum = graph.query('sum', (reader, root) => {
    let total = 0;
    for (let at = 0; at < 20; at += 1) total += reader.read(part, `${root}${at}`);
    return total;
  });
  graph.edit((edit) => edit.set(numbers, 'a0', 7));
  const roots = ['a', 'b', 'c'].map((key) => ({ query: sum, key }));
  return { graph, numbers, part, roots, clock: { monotonic: () => elapsed } };
}

/** Counts the turns that a build gave to others, and lets a test act in them. */
function turns(act: (turn: number) => void = () => undefined) {
  const counter = {
    taken: 0,
    yieldTurn: async () => {
      counter.taken += 1;
      act(counter.taken);
    },
  };
  return counter;
}

describe('sliced build', () => {
  it('yields within a root as well as between roots, and computes nothing twice', async () => {
    const { graph, roots, clock } = fixture();
    const counter = turns();
    const outcome = await buildRoots(graph, roots, clock, { sliceMs: 10, yieldTurn: counter.yieldTurn });
    expect(outcome).to.deep.equal({ kind: 'built', revision: 1, results: [{ value: 7 }, { value: 0 }, { value: 0 }] });
    expect(counter.taken).to.be.within(5, 7);
    expect(graph.statistics().queries.part?.computed).to.equal(60);
  });

  it('keeps the error of one root to that root', async () => {
    const graph = createGraph();
    const shaky = graph.query('shaky', (_reader, key) => {
      if (key === 'bad') throw new Error('broken');
      return key;
    });
    const roots = ['bad', 'good'].map((key) => ({ query: shaky, key }));
    const outcome = await buildRoots(graph, roots, { monotonic: () => 0 });
    expect(outcome.kind === 'built' && outcome.results[1]).to.deep.equal({ value: 'good' });
    expect(outcome.kind === 'built' && String(Object.values(outcome.results[0] ?? {})[0])).to.equal('Error: broken');
  });

  it('stops with the reason of its signal', async () => {
    const { graph, roots, clock } = fixture();
    const stop = new AbortController();
    const { yieldTurn } = turns(() => stop.abort(new Error('shutting down')));
    const outcome = buildRoots(graph, roots, clock, { yieldTurn, signal: stop.signal });
    expect(await outcome.catch(String)).to.equal('Error: shutting down');
  });

  it('ends early when a newer revision matters, and keeps what it computed', async () => {
    const { graph, roots, clock } = fixture();
    const { yieldTurn } = turns();
    const outcome = await buildRoots(graph, roots, clock, { yieldTurn, restart: () => true });
    expect(outcome).to.deep.equal({ kind: 'restart', revision: 1 });
    expect(graph.statistics().queries.part?.computed).to.be.within(10, 11);
    await buildRoots(graph, roots, clock, { yieldTurn });
    expect(graph.statistics().queries.part?.computed).to.equal(60);
  });

  it('refuses results of two revisions when somebody edits behind its back', async () => {
    const { graph, numbers, roots, clock } = fixture();
    const { yieldTurn } = turns(() => graph.edit((edit) => edit.set(numbers, 'z', 1)));
    expect(await buildRoots(graph, roots, clock, { yieldTurn }).catch(String)).to.match(/edited while a build/);
  });
});

describe('builder', () => {
  it('holds edits back until the running build is done, then applies them as one', async () => {
    const { graph, numbers, roots, clock } = fixture();
    const revisions: number[] = [];
    const builder = createBuilder(graph, clock, (revision) => revisions.push(revision));
    const { yieldTurn } = turns((turn) => {
      builder.edit((edit) => edit.set(numbers, `b${turn}`, 100));
      expect(builder.pending).to.equal(true);
    });
    const first = await builder.build(roots, { yieldTurn });
    expect(first.kind === 'built' && first.results[1]).to.deep.equal({ value: 0 });
    expect(revisions).to.deep.equal([2]);
    expect(builder.pending).to.equal(false);
    const second = await builder.build(roots);
    expect(second.kind === 'built' && second.results[1]).to.not.deep.equal({ value: 0 });
  });

  it('applies edits at once when nothing is being built, and says nothing when nothing changed', () => {
    const { graph, numbers, clock } = fixture();
    const revisions: number[] = [];
    const builder = createBuilder(graph, clock, (revision) => revisions.push(revision));
    builder.edit((edit) => edit.set(numbers, 'a0', 7));
    builder.edit((edit) => edit.set(numbers, 'a0', 8));
    expect(revisions).to.deep.equal([2]);
  });

  it('says of an edit that it is partial only when all of it is', async () => {
    const { graph, numbers, roots, clock } = fixture();
    const told: boolean[] = [];
    const builder = createBuilder(graph, clock, (_, partial) => told.push(partial));
    builder.edit((edit) => edit.set(numbers, 'a0', 1), true);
    builder.edit((edit) => edit.set(numbers, 'a0', 2));
    // Those that wait for a build are applied as one.
    const { yieldTurn } = turns((turn) => {
      if (turn === 1) builder.edit((edit) => edit.set(numbers, 'a1', 1), true);
      if (turn === 2) builder.edit((edit) => edit.set(numbers, 'a2', 1));
    });
    await builder.build(roots, { yieldTurn });
    expect(told).to.deep.equal([true, false, false]);
  });

  it('applies what waited in several turns where it takes long', async () => {
    const { graph, numbers, roots } = fixture();
    let elapsed = 0;
    const revisions: number[] = [];
    const builder = createBuilder(graph, { monotonic: () => elapsed }, (revision) => revisions.push(revision));
    const building = builder.build(roots);
    await Promise.resolve();
    for (let at = 1; at <= 5; at += 1) {
      builder.edit((edit) => {
        elapsed += 6;
        edit.set(numbers, 'a1', at);
      });
    }
    await building;
    expect(revisions).to.deep.equal([2, 3, 4]);
    expect(graph.peek(numbers, 'a1')).to.equal(5);
  });

  it('runs builds one after the other', async () => {
    const { graph, numbers, roots, clock } = fixture();
    const builder = createBuilder(graph, clock, () => undefined);
    const { yieldTurn } = turns((turn) => {
      if (turn === 1) builder.edit((edit) => edit.set(numbers, 'c3', 5));
    });
    const [first, second] = await Promise.all([builder.build(roots, { yieldTurn }), builder.build(roots)]);
    expect([first.revision, second.revision]).to.deep.equal([1, 2]);
    expect(second.kind === 'built' && second.results[2]).to.deep.equal({ value: 5 });
  });
});
