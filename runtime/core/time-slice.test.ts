import { expect } from 'chai';
import { TimeSlice } from './time-slice.ts';

/** Asks after each of so many steps; returns how often the clock was read, and after which step the slice was over. */
function run(sliceMs: number, steps: readonly number[]) {
  let elapsed = 0;
  let reads = 0;
  const slice = new TimeSlice(sliceMs, () => {
    reads += 1;
    return elapsed;
  });
  let overAfter: number | undefined;
  for (const [at, ms] of steps.entries()) {
    elapsed += ms;
    if (slice.isOver()) overAfter ??= at + 1;
  }
  return { reads, overAfter };
}

const steps = (count: number, ms: number): readonly number[] => Array.from({ length: count }, () => ms);

describe('time slice', () => {
  it('reads the clock after each step that takes a good part of it', () => {
    expect(run(10, steps(10, 1))).to.deep.equal({ reads: 11, overAfter: 10 });
  });

  it('reads the clock seldom while steps are short, and still ends in time', () => {
    const { reads, overAfter } = run(16, steps(4_000, 1 / 128));
    expect(reads).to.be.below(100);
    expect(overAfter).to.be.within(2_048, 2_048 + 64);
  });

  it('looks at each step again once they get long', () => {
    expect(run(10, [...steps(200, 0), ...steps(100, 1)]).overAfter).to.be.within(210, 264);
  });

  it('starts anew', () => {
    let elapsed = 0;
    const slice = new TimeSlice(10, () => elapsed);
    elapsed = 10;
    expect(slice.isOver()).to.equal(true);
    slice.start();
    expect(slice.isOver()).to.equal(false);
    elapsed = 19;
    for (let at = 0; at < 64; at += 1) expect(slice.isOver()).to.equal(false);
    elapsed = 20;
    const answers = Array.from({ length: 65 }, () => slice.isOver());
    expect(answers).to.include(true);
  });
});
