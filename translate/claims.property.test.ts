import { expect } from 'chai';
import fc from 'fast-check';
import { type Claims, type HostClaim, StackedClaims } from './claims.ts';
import { Collisions } from './collisions.ts';

const letters = ['a', 'b', 'c', 'd'] as const;

/** Few names and domains, so that much is contested; hosts of one key differ between states. */
const anyHost: fc.Arbitrary<HostClaim> = fc
  .record({
    key: fc.constantFrom('1', '2', '3', '4', '5'),
    name: fc.constantFrom(...letters),
    domains: fc.subarray([...letters], { minLength: 1 }),
    service: fc.constantFrom('', 's', 't'),
  })
  // A host's query says which service it stands for.
  .map((host) => ({
    ...host,
    key: `${host.key}/${host.service}`,
    hash: `${host.name} ${host.domains.join(' ')}`,
  }));

const anyLayer: fc.Arbitrary<Claims> = fc.uniqueArray(anyHost, { selector: ({ key }) => key, maxLength: 4 });

/** A change replaces one layer, which may stand anywhere, or the view's own; or takes a layer away. */
const anyChange = fc.record({ at: fc.integer({ min: -1, max: 4 }), layer: fc.option(anyLayer, { nil: undefined }) });

/** What claims a domain with another, found by looking at all of them. */
function findContested(hosts: Claims): Claims {
  const all = hosts.flatMap(({ domains }) => domains);
  return hosts.filter(({ domains }) => domains.some((domain) => all.indexOf(domain) !== all.lastIndexOf(domain)));
}

function collide(own: Claims, shared: Claims): boolean {
  const contested = new Set(findContested(shared).map(({ name }) => name));
  return (
    findContested(own).length > 0 ||
    new Set(own.map(({ name }) => name)).size < own.length ||
    own.some(
      (host) =>
        contested.has(host.name) ||
        shared.some(({ name, service }) => name === host.name && service !== host.service) ||
        shared.some(({ name, domains }) => name !== host.name && domains.some((one) => host.domains.includes(one))),
    )
  );
}

describe('claims of virtual hosts', () => {
  it('tell at every step of a history what looking at all of them tells', () => {
    fc.assert(
      fc.property(
        anyLayer,
        fc.array(anyLayer, { maxLength: 4 }),
        fc.array(fc.record({ change: anyChange, asked: fc.boolean() }), { maxLength: 12 }),
        (first, stack, changes) => {
          let own = first;
          let shared = new StackedClaims(stack);
          let collisions = new Collisions(own, shared);
          for (const { change, asked } of changes) {
            // Not everybody is asked between two changes.
            if (asked) expect(collisions.any).to.equal(collide(own, shared.layers.flat()));
            const { at, layer } = change;
            if (at < 0) own = layer ?? [];
            else {
              const next = new StackedClaims(shared.layers.toSpliced(at, 1, ...(layer === undefined ? [] : [layer])));
              next.inherit(shared);
              shared = next;
            }
            const next = new Collisions(own, shared);
            next.inherit(collisions);
            collisions = next;
          }
          const all = shared.layers.flat();
          expect(collisions.any).to.equal(collide(own, all));
          expect(shared.contesting.map(({ key }) => key)).to.deep.equal(findContested(all).map(({ key }) => key));
          for (const letter of letters) {
            expect(shared.named(letter)).to.have.length(all.filter(({ name }) => name === letter).length);
            expect(shared.claiming(letter)).to.have.length(
              all.filter(({ domains }) => domains.includes(letter)).length,
            );
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
