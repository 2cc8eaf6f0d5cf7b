import { expect } from 'chai';
import { isFree, type Lease, observe } from './lease.ts';

const lease = (holderIdentity: string, renewTime: string): Lease => ({
  metadata: { name: 'l', uid: '1' },
  spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 },
});

describe('a lease as a candidate sees it', () => {
  it('runs from when its last change was seen, not from the times written in it', () => {
    const first = observe(undefined, lease('other', '1990-01-01T00:00:00.000000Z'), 1_000);
    const same = observe(first, lease('other', '1990-01-01T00:00:00.000000Z'), 9_000);
    expect(same.at).to.equal(1_000);
    expect(isFree(same, 'me', 15_999)).to.equal(false);
    expect(isFree(same, 'me', 16_000)).to.equal(true);
    const renewed = observe(same, lease('other', '1990-01-01T00:00:02.000000Z'), 10_000);
    expect(isFree(renewed, 'me', 24_999)).to.equal(false);
  });

  it('is free when nobody holds it, and to its own holder', () => {
    expect(isFree(observe(undefined, lease('', ''), 0), 'me', 0)).to.equal(true);
    expect(isFree(observe(undefined, lease('me', 'x'), 0), 'me', 0)).to.equal(true);
    expect(isFree(observe(undefined, lease('you', 'x'), 0), 'me', 0)).to.equal(false);
  });

  it('begins anew when it was deleted and made again', () => {
    const first = observe(undefined, lease('other', 'x'), 0);
    const again = { ...lease('other', 'x'), metadata: { name: 'l', uid: '2' } };
    expect(observe(first, again, 5_000).at).to.equal(5_000);
  });
});
