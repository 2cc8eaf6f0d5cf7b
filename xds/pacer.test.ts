import { expect } from 'chai';
import type { Clock } from '#runtime/index.ts';
import { createPacer, type Pacer } from './pacer.ts';

/** A pacer whose time and event loop the test owns. */
function paced(maxPendingBytes: number) {
  const clock = { now: 0 };
  const later: (() => void)[] = [];
  const sleepers: (() => void)[] = [];
  const time: Clock = {
    now: () => clock.now,
    monotonic: () => clock.now,
    sleep: () => new Promise((resolve) => sleepers.push(resolve)),
  };
  const pacer = createPacer({
    maxPendingBytes,
    clock: time,
    sliceMs: 10,
    monotonic: time.monotonic,
    defer: (run) => later.push(run),
  });
  const nextTurn = () => {
    for (const run of later.splice(0)) run();
  };
  /** Lets so many looks at those who don't read come due, if any is to come. */
  const look = async (times: number) => {
    for (let at = 0; at < times; at += 1) {
      for (const wake of sleepers.splice(0)) wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { pacer, clock, nextTurn, look, isLooking: () => sleepers.length > 0 };
}

/** Whoever writes notes its name. */
class Peers {
  readonly log: string[] = [];
  readonly ended: string[] = [];
  readonly #pacer: Pacer;

  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  /** A peer that is written so many bytes when its turn comes. */
  initial(name: string, bytes: number, holder = 'all') {
    const account = this.#pacer.open(() => {
      this.ended.push(name);
      account.close();
    });
    const write = () => {
      this.log.push(name);
      account.handed(bytes);
    };
    this.#pacer.turn('initial', holder, write);
    return account;
  }

  note(name: string): () => void {
    return () => void this.log.push(name);
  }
}

describe('pacer', () => {
  it('gives turns at once while little is pending', () => {
    const { pacer, isLooking } = paced(100);
    const log: string[] = [];
    pacer.turn('initial', 'x', () => log.push('a'));
    pacer.turn('update', 'x', () => log.push('b'));
    pacer.turn('bulk', 'x', () => log.push('c'));
    expect(log).to.deep.equal(['a', 'b', 'c']);
    expect(isLooking()).to.equal(false);
  });

  it('holds back what is large at the bound and gives turns as bytes drain, first configurations last', () => {
    const { pacer } = paced(100);
    const peers = new Peers(pacer);
    const [a] = ['a', 'b', 'c'].map((name) => peers.initial(name, 60));
    pacer.turn('bulk', 'x', peers.note('bulk'));
    expect(peers.log).to.deep.equal(['a', 'b']);
    expect(pacer.pendingBytes).to.equal(120);
    expect(pacer.hasRoom).to.equal(false);
    a?.drained(60);
    expect(peers.log).to.deep.equal(['a', 'b', 'bulk', 'c']);
  });

  it('gives turns for updates whatever others have not read', () => {
    const { pacer } = paced(100);
    const peers = new Peers(pacer);
    for (const name of ['a', 'b', 'c']) peers.initial(name, 60);
    pacer.turn('update', 'x', peers.note('update'));
    expect(peers.log).to.deep.equal(['a', 'b', 'update']);
  });

  it('lets no holder of many wait before a holder of few', () => {
    const { pacer } = paced(100);
    const peers = new Peers(pacer);
    const first = peers.initial('first', 100, 'crowd');
    for (const name of ['a', 'b', 'c']) peers.initial(name, 1, 'crowd');
    peers.initial('alone', 1, 'other');
    first.drained(100);
    expect(peers.log).to.deep.equal(['first', 'a', 'alone', 'b', 'c']);
  });

  it('forgets a turn that was withdrawn', () => {
    const { pacer } = paced(100);
    const peers = new Peers(pacer);
    const full = peers.initial('full', 100);
    const withdraw = pacer.turn('bulk', 'x', peers.note('withdrawn'));
    pacer.turn('bulk', 'x', peers.note('kept'));
    withdraw();
    full.drained(100);
    expect(peers.log).to.deep.equal(['full', 'kept']);
  });

  it('yields to the event loop when a slice is used up', () => {
    const { pacer, clock, nextTurn } = paced(100);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      pacer.turn('update', 'x', () => {
        log.push(name);
        clock.now += 6;
      });
    }
    expect(log).to.deep.equal(['a', 'b']);
    nextTurn();
    expect(log).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('survives a turn that throws', () => {
    const { pacer } = paced(100);
    const log: string[] = [];
    expect(() =>
      pacer.turn('update', 'x', () => {
        throw new Error('broken');
      }),
    ).to.throw('broken');
    pacer.turn('update', 'x', () => log.push('next'));
    expect(log).to.deep.equal(['next']);
  });

  describe('and peers that take nothing', () => {
    it('lets others go on once they have stalled, and counts what one holds again that takes some', async () => {
      const { pacer, look, isLooking } = paced(100);
      const peers = new Peers(pacer);
      const sleeper = peers.initial('sleeper', 100);
      const slow = peers.initial('slow', 100);
      expect(peers.log).to.deep.equal(['sleeper']);
      await look(3);
      expect(peers.log).to.deep.equal(['sleeper']);
      await look(1);
      expect(peers.log).to.deep.equal(['sleeper', 'slow']);
      expect(isLooking()).to.equal(false);
      slow.drained(100);
      expect(pacer.hasRoom).to.equal(true);
      sleeper.moved();
      expect(pacer.hasRoom).to.equal(false);
    });

    it('does not take for stalled who takes some between two looks', async () => {
      const { pacer, look } = paced(100);
      const peers = new Peers(pacer);
      const slow = peers.initial('slow', 100);
      peers.initial('next', 1);
      for (let at = 0; at < 10; at += 1) {
        await look(3);
        slow.moved();
      }
      expect(peers.log).to.deep.equal(['slow']);
    });

    it('lets go of them at twice the bound when others wait, of those first that hold most', async () => {
      const { pacer, look } = paced(100);
      const peers = new Peers(pacer);
      for (const [name, bytes] of [
        ['a', 30],
        ['b', 80],
        ['c', 60],
        ['d', 40],
      ] as const)
        peers.initial(name, bytes);
      await look(4);
      expect(peers.log).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(peers.ended).to.deep.equal([]);
      peers.initial('waits', 1);
      await look(8);
      expect(peers.ended).to.deep.equal(['b']);
      expect(peers.log.at(-1)).to.equal('waits');
    });

    it('lets go of them where updates alone come to twice the bound', async () => {
      const { pacer, look } = paced(100);
      const peers = new Peers(pacer);
      const accounts = ['a', 'b'].map((name) => peers.initial(name, 0));
      for (const account of accounts) pacer.turn('update', 'x', () => account.handed(110));
      await look(8);
      expect(peers.ended).to.deep.equal(['a']);
      expect(pacer.pendingBytes).to.equal(110);
    });
  });
});
