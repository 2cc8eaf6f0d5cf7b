import { expect } from 'chai';
import { FakeClock, settled } from '#runtime/core/testing.ts';
import { Wake } from './wake.ts';

/** Somebody who sleeps until woken, and no longer than a second. */
function sleeper() {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  const stopping = new AbortController();
  const state = { awake: false };
  void wake.wait(1_000, stopping.signal).then(() => {
    state.awake = true;
  });
  return { clock, wake, stopping, state };
}

describe('a wake', () => {
  it('ends a sleep at once, and is taken once', async () => {
    const { wake, state } = sleeper();
    wake.up();
    await settled();
    expect(state.awake).to.equal(true);
    expect([wake.take(), wake.take()]).to.deep.equal([true, false]);
  });

  it('that is to come ends a sleep when it has come, and not before', async () => {
    const { clock, wake, state } = sleeper();
    await settled();
    wake.upWithin(50);
    await clock.advance(49);
    expect([state.awake, wake.take()]).to.deep.equal([false, false]);
    await clock.advance(1);
    expect(state.awake).to.equal(true);
    expect([wake.take(), wake.take()]).to.deep.equal([true, false]);
  });

  it('that is to come does not move away as others follow, and comes at once when one is due at once', async () => {
    const { clock, wake, state } = sleeper();
    wake.upWithin(50);
    await clock.advance(40);
    wake.upWithin(50);
    await clock.advance(10);
    expect(state.awake).to.equal(true);
    expect(wake.take()).to.equal(true);
    wake.upWithin(50);
    wake.up();
    expect(wake.take()).to.equal(true);
    await clock.advance(100);
    expect(wake.take()).to.equal(false);
  });

  it('keeps a sleep for those who wait later, who sleep no shorter and no longer for it', async () => {
    const { clock, wake, stopping, state } = sleeper();
    await settled();
    for (let round = 0; round < 10; round += 1) {
      wake.up();
      await settled();
      expect(wake.take()).to.equal(true);
      state.awake = false;
      void wake.wait(1_000, stopping.signal).then(() => {
        state.awake = true;
      });
      await clock.advance(90);
    }
    expect(clock.sleeping).to.equal(1);
    await clock.advance(909);
    expect([state.awake, clock.sleeping]).to.deep.equal([false, 1]);
    await clock.advance(1);
    expect([state.awake, clock.sleeping]).to.deep.equal([true, 0]);
  });

  it('lets a sleep end when its time is over or it is aborted, without being up', async () => {
    const late = sleeper();
    await late.clock.advance(1_000);
    expect([late.state.awake, late.wake.take()]).to.deep.equal([true, false]);
    const stopped = sleeper();
    stopped.stopping.abort();
    await settled();
    expect([stopped.state.awake, stopped.wake.take()]).to.deep.equal([true, false]);
  });
});
