import { expect } from 'chai';
import { createCoalescer } from './coalescer.ts';
import { FakeClock } from './testing.ts';

describe('a coalescer', () => {
  it('runs once for all calls within its time, and again for later ones', async () => {
    const clock = new FakeClock();
    let runs = 0;
    const call = createCoalescer(clock, new AbortController().signal, 100, () => {
      runs += 1;
    });
    call();
    call();
    await clock.advance(99);
    call();
    expect(runs).to.equal(0);
    await clock.advance(1);
    expect(runs).to.equal(1);
    await clock.advance(1_000);
    expect(runs).to.equal(1);
    call();
    await clock.advance(100);
    expect(runs).to.equal(2);
  });

  it('does not run once it is told to stop', async () => {
    const clock = new FakeClock();
    const stopping = new AbortController();
    let runs = 0;
    const call = createCoalescer(clock, stopping.signal, 100, () => {
      runs += 1;
    });
    call();
    stopping.abort();
    call();
    await clock.advance(1_000);
    expect(runs).to.equal(0);
  });
});
