import { expect } from 'chai';
import { Quota } from './quota.ts';

describe('a quota', () => {
  it('holds so many for each key, gives back once, and forgets keys that hold nothing', () => {
    const quota = new Quota(2);
    const [first, second] = [quota.take('a'), quota.take('a')];
    expect(quota.take('a')).to.equal(undefined);
    const other = quota.take('b');
    expect(other).not.to.equal(undefined);
    first?.();
    first?.();
    const third = quota.take('a');
    expect(third).not.to.equal(undefined);
    expect(quota.take('a')).to.equal(undefined);
    for (const giveBack of [second, third, other]) giveBack?.();
    expect(quota.size).to.equal(0);
  });
});
