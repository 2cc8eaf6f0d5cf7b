import { expect } from 'chai';
import { createPacer, type Pacer } from './pacer.ts';

/** A pacer whose time and event loop the test owns. */
function paced(maxPendingBytes: number) {
  const clock = { now: 0 };
  const later: (() => void)[] = [];
  const pacer = createPacer({
    maxPendingBytes,
    sliceMs: 10,
    monotonic: () => clock.now,
    defer: (run) => later.push(run),
  });
  const nextTurn = () => {
    for (const run of later.splice(0)) run();
  };
  return { pacer, clock, nextTurn };
}

/** A turn that writes so many bytes and notes its name. */
function writer(pacer: Pacer, log: string[], drains: (() => void)[]) {
  return (name: string, bytes: number) => () => {
    log.push(name);
    pacer.handed(bytes);
    drains.push(() => pacer.drained(bytes));
  };
}

describe('pacer', () => {
  it('gives turns at once while little is pending', () => {
    const { pacer } = paced(100);
    const log: string[] = [];
    pacer.turn('initial', () => log.push('a'));
    pacer.turn('update', () => log.push('b'));
    expect(log).to.deep.equal(['a', 'b']);
  });

  it('holds turns back at the bound and gives them as bytes drain, updates before first configurations', () => {
    const { pacer } = paced(100);
    const log: string[] = [];
    const drains: (() => void)[] = [];
    const write = writer(pacer, log, drains);
    for (const name of ['a', 'b', 'c']) pacer.turn('initial', write(name, 60));
    pacer.turn('update', write('update', 10));
    expect(log).to.deep.equal(['a', 'b']);
    expect(pacer.pendingBytes).to.equal(120);
    drains[0]?.();
    expect(log).to.deep.equal(['a', 'b', 'update', 'c']);
  });

  it('forgets a turn that was withdrawn', () => {
    const { pacer } = paced(100);
    const log: string[] = [];
    pacer.handed(100);
    const withdraw = pacer.turn('update', () => log.push('withdrawn'));
    pacer.turn('update', () => log.push('kept'));
    withdraw();
    pacer.drained(100);
    expect(log).to.deep.equal(['kept']);
  });

  it('yields to the event loop when a slice is used up', () => {
    const { pacer, clock, nextTurn } = paced(100);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      pacer.turn('update', () => {
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
      pacer.turn('update', () => {
        throw new Error('broken');
      }),
    ).to.throw('broken');
    pacer.turn('update', () => log.push('next'));
    expect(log).to.deep.equal(['next']);
  });
});
