import { expect } from 'chai';
import fc from 'fast-check';
import { buildDuration } from './values.ts';

describe('a duration', () => {
  it('has less than a second of nanoseconds, whatever fraction arithmetic leaves of it', () => {
    // What `0.29h` comes to, and more digits than a nanosecond has.
    expect(buildDuration(0.29 * 3_600_000)).to.deep.equal({ seconds: 1044, nanos: 0 });
    expect(buildDuration(1999.9999999)).to.deep.equal({ seconds: 2, nanos: 0 });
    expect(buildDuration(1.5)).to.deep.equal({ seconds: 0, nanos: 1_500_000 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
        const { seconds, nanos } = buildDuration(ms);
        expect(nanos).to.be.within(0, 999_999_999);
        expect(Math.abs(seconds * 1000 + nanos / 1e6 - ms)).to.be.below(1e-5);
      }),
    );
  });
});
