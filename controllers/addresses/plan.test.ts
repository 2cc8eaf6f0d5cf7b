import { expect } from 'chai';
import fc from 'fast-check';
import type { AddressClaim, AllocatedAddress } from './claims.ts';
import { planAddresses, renderClaim } from './plan.ts';

const claim = (name: string, more: Partial<AddressClaim> = {}): AddressClaim => ({
  ...{ namespace: 'shop', name, uid: name, createdAt: 1 },
  ...{ hosts: [`${name}.com`], allocated: [], declared: [] },
  ...more,
});
const planOf = (...claims: readonly AddressClaim[]) => planAddresses(claims).changes;
/** The claims once everything planned is written. */
const settle = (claims: readonly AddressClaim[]): readonly AddressClaim[] => {
  const { changes } = planAddresses(claims);
  return claims.map((one) => ({ ...one, allocated: changes.get(renderClaim(one)) ?? one.allocated }));
};

describe('allocated addresses', () => {
  it('are one of each family for every host, from the ranges of Istio', () => {
    const [first, second, third, fourth] = planOf(claim('a', { hosts: ['a.com', 'b.com'] })).get('shop/a') ?? [];
    expect([first?.host, second?.host, third?.host, fourth?.host]).to.deep.equal(['a.com', 'a.com', 'b.com', 'b.com']);
    expect(first?.value).to.match(/^240\.240\.\d+\.\d+$/);
    expect(second?.value).to.match(/^2001:2::[0-9a-f]{1,4}(:[0-9a-f]{1,4})?$/);
    expect(first?.value).not.to.equal(third?.value);
  });

  it('stay while the host does, and go with it or with the wish for them', () => {
    const [settled = claim('a')] = settle([claim('a', { hosts: ['a.com', 'b.com'] })]);
    expect([...planOf(settled)]).to.deep.equal([]);
    const kept = settled.allocated.filter(({ host }) => host === 'b.com');
    expect(planOf({ ...settled, hosts: ['b.com'] }).get('shop/a')).to.deep.equal(kept);
    expect(planOf({ ...settled, hosts: [] }).get('shop/a')).to.deep.equal([]);
    const more = planOf({ ...settled, hosts: ['c.com', 'a.com', 'b.com'] }).get('shop/a') ?? [];
    expect(more.slice(2)).to.deep.equal(settled.allocated);
  });

  it('that Istio gave are kept', () => {
    const given: readonly AllocatedAddress[] = [
      { value: '240.240.0.1', host: 'a.com' },
      { value: '2001:2::1', host: 'a.com' },
    ];
    expect([...planOf(claim('a', { allocated: given }))]).to.deep.equal([]);
  });

  it('give way to what somebody declares, and the younger gives way to the older', () => {
    const same: readonly AllocatedAddress[] = [
      { value: '240.240.0.1', host: 'a.com' },
      { value: '2001:2::1', host: 'a.com' },
    ];
    const old = claim('old', { hosts: ['a.com'], allocated: same });
    const young = claim('an-young', { hosts: ['a.com'], allocated: same, createdAt: 2 });
    const plan = planOf(young, old);
    expect([...plan.keys()]).to.deep.equal(['shop/an-young']);
    expect(plan.get('shop/an-young')?.map(({ value }) => value)).not.to.include('240.240.0.1');
    const declaring = claim('user', { hosts: [], declared: ['240.240.0.1'], createdAt: 9 });
    const [first, second] = planOf(old, declaring).get('shop/old') ?? [];
    expect(first?.value).not.to.equal('240.240.0.1');
    expect(second?.value).to.equal('2001:2::1');
  });

  it('are told apart whatever way they are written', () => {
    const declaring = claim('user', { hosts: [], declared: ['2001:0002:0::0001'] });
    const own: readonly AllocatedAddress[] = [
      { value: '240.240.0.9', host: 'a.com' },
      { value: '2001:2::1', host: 'a.com' },
    ];
    const [first, second] = planOf(declaring, claim('a', { allocated: own })).get('shop/a') ?? [];
    expect([first?.value, second?.value === '2001:2::1']).to.deep.equal(['240.240.0.9', false]);
  });

  it('replace what is no address of ours', () => {
    const plan = planOf(claim('a', { allocated: [{ value: 'nonsense', host: 'a.com' }] }));
    expect(plan.get('shop/a')).to.have.lengthOf(2);
  });

  it('end with the range', () => {
    const many = claim('many', { hosts: Array.from({ length: 65_536 }, (_, at) => `h${at}.com`) });
    const { changes, exhausted } = planAddresses([many]);
    const four = (changes.get('shop/many') ?? []).filter(({ value }) => value.includes('.')).map(({ value }) => value);
    expect(new Set(four).size).to.equal(65_534);
    expect(four).not.to.include('240.240.0.0').and.not.include('240.240.255.255');
    expect(exhausted).to.have.lengthOf(2);
  });

  it('never collide, and are the same whatever order they are planned in', () => {
    const claims = fc.uniqueArray(
      fc.record({
        name: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 }),
        createdAt: fc.integer({ min: 0, max: 2 }),
        hosts: fc.uniqueArray(fc.constantFrom('x.com', 'y.com', 'z.com')),
        allocated: fc.array(
          fc.record({
            value: fc.constantFrom('240.240.0.1', '240.240.0.2', '2001:2::1'),
            host: fc.constantFrom('x.com', 'y.com'),
          }),
          { maxLength: 3 },
        ),
        declared: fc.subarray(['240.240.0.1', '10.0.0.1'], { maxLength: 1 }),
      }),
      { selector: ({ name }) => name, maxLength: 8 },
    );
    fc.assert(
      fc.property(claims, (records) => {
        const all = records.map((record) => claim(record.name, record));
        const settled = settle(all);
        const values = settled.flatMap(({ allocated }) => allocated.map(({ value }) => value));
        expect(new Set([...values, ...settled.flatMap(({ declared }) => declared)]).size).to.equal(
          values.length + new Set(settled.flatMap(({ declared }) => declared)).size,
        );
        for (const { hosts, allocated } of settled) expect(allocated).to.have.lengthOf(hosts.length * 2);
        expect([...planAddresses(settled).changes]).to.deep.equal([]);
        const sorted = (list: readonly AddressClaim[]) => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
        expect(sorted(settle([...all].reverse()))).to.deep.equal(sorted(settled));
      }),
      { numRuns: 300 },
    );
  });
});
