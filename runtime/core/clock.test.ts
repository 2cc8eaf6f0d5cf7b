import { expect } from 'chai';
import { systemClock } from './clock.ts';

describe('the system clock', () => {
  it('sleeps longer than a timer of Node can, and can be woken', async () => {
    const stop = new AbortController();
    const endings: string[] = [];
    const sleeps = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((ms) =>
      systemClock.sleep(ms, stop.signal).then(
        () => endings.push('over'),
        () => endings.push('woken'),
      ),
    );
    // A timer that does not hold its time ends after a millisecond.
    await systemClock.sleep(20);
    expect(endings).to.deep.equal([]);
    stop.abort();
    await Promise.all(sleeps);
    expect(endings).to.deep.equal(['woken', 'woken', 'woken']);
  });
});
