import { expect } from 'chai';
import { createBackoff } from './backoff.ts';

describe('back-off', () => {
  it('doubles up to a bound, spread over the upper half, and starts again after a success', () => {
    const low = createBackoff({ random: () => 0 });
    const high = createBackoff({ random: () => 1 });
    expect([low.next(), low.next(), low.next()]).to.deep.equal([100, 200, 400]);
    expect([high.next(), high.next(), high.next()]).to.deep.equal([200, 400, 800]);
    for (let attempt = 0; attempt < 50; attempt += 1) high.next();
    expect(high.next()).to.equal(30_000);
    expect(high.next(2_000)).to.equal(2_000);
    high.reset();
    expect(high.next()).to.equal(200);
  });
});
