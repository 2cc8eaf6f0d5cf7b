import { expect } from 'chai';
import { FakeClock } from '#runtime/core/testing.ts';
import { RepairPace } from './repair-pace.ts';

describe('the pace of repairs', () => {
  it('slows down for a resource that is taken away again and again, and starts anew after peace', async () => {
    const clock = new FakeClock();
    const pace = new RepairPace(clock);
    expect(Array.from({ length: 8 }, () => pace.next('a'))).to.deep.equal([
      0, 2000, 6000, 18_000, 54_000, 162_000, 300_000, 300_000,
    ]);
    expect(pace.next('b')).to.equal(0);
    await clock.advance(299_000 + 600_000);
    expect(pace.next('a')).to.equal(300_000);
    await clock.advance(301_000 + 600_000);
    expect(pace.next('a')).to.equal(0);
    pace.next('b');
    pace.delete('b');
    expect(pace.next('b')).to.equal(0);
  });
});
