import { expect } from 'chai';
import { createSlice, SharedTurn } from './slice.ts';

describe('slices of shared turns of the event loop', () => {
  let now: number;
  let done: string[];
  let deferred: (() => void)[];
  let work: Record<'in' | 'out', { left: number; ms: number; run: () => void }>;

  beforeEach(() => {
    now = 0;
    done = [];
    deferred = [];
    const shared = new SharedTurn();
    const create = (name: 'in' | 'out') => {
      const inSlice = createSlice(
        { sliceMs: 10, monotonic: () => now, defer: (run) => void deferred.push(run), shared },
        () => run(),
      );
      const run = () => {
        while (work[name].left > 0 && inSlice()) {
          now += work[name].ms;
          work[name].left -= 1;
          done.push(name);
        }
      };
      return { left: 0, ms: 5, run };
    };
    work = { in: create('in'), out: create('out') };
  });

  /** What is done in one turn. */
  function turn(): string {
    done = [];
    const due = deferred;
    deferred = [];
    for (const run of due) run();
    return done.join(' ');
  }

  function start(): string {
    done = [];
    work.in.run();
    work.out.run();
    return done.join(' ');
  }

  it('are had by each kind of work in each turn, as long as pieces are short', () => {
    work.in.left = 6;
    work.out.left = 6;
    expect(start()).to.equal('in in out out');
    expect(turn()).to.equal('in in out out');
    expect(turn()).to.equal('in in out out');
    expect(turn()).to.equal('');
  });

  it('are had in turn while a piece alone takes longer than all should together', () => {
    work.in.left = 3;
    work.out.left = 3;
    work.in.ms = 40;
    work.out.ms = 40;
    const turns = [start(), turn(), turn(), turn(), turn(), turn()];
    expect(turns).to.deep.equal(['in', 'out', 'in', 'out', 'in', 'out']);
  });

  it('are lost by nobody for one who has nothing left to do', () => {
    work.in.left = 3;
    work.out.left = 1;
    work.in.ms = 40;
    expect(start()).to.equal('in');
    work.out.left = 0;
    const turns = [turn(), turn(), turn(), turn()].filter((what) => what !== '');
    expect(turns).to.deep.equal(['in', 'in']);
  });
});
