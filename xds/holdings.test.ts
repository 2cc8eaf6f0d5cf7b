import { expect } from 'chai';
import fc from 'fast-check';
import { Holdings } from './holdings.ts';
import { endpoints } from './testing/resources.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const name = fc.constantFrom(...NAMES);
const version = fc.constantFrom('1', '2', '3');
const collection = fc
  .array(fc.tuple(name, version), { maxLength: 8 })
  .map((entries) => new Map(entries.map(([name, version]) => [name, endpoints(name, version)])));
const step = fc.oneof(
  name.map((name) => ({ kind: 'ask' as const, name })),
  fc.constantFrom('*', ...NAMES).map((name) => ({ kind: 'lose' as const, name })),
  fc.record({ kind: fc.constant('restore' as const), name, version }),
  fc.record({ kind: fc.constant('take' as const), name, version: fc.option(version, { nil: undefined }) }),
  collection.map((target) => ({ kind: 'rebase' as const, target })),
);

describe('what a client holds', () => {
  it('is what was noted of it last, whatever it is held against, and takes nothing once it holds what all do', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 30 }), (everything, steps) => {
        const holdings = new Holdings();
        holdings.interest.everything = everything;
        const held = new Map<string, string>();
        let base = new Map<string, ReturnType<typeof endpoints>>();
        for (const one of steps) {
          if (one.kind === 'ask') {
            if (holdings.subscribed(one.name)) continue;
            holdings.interest.add(one.name);
            // As for a channel: what it held before it lost interest is gone.
            holdings.record(one.name, undefined);
          } else if (one.kind === 'lose') {
            holdings.lose(one.name);
            for (const name of NAMES) if (!holdings.subscribed(name)) held.delete(name);
          } else if (one.kind === 'rebase') {
            const different = [...holdings.rebase(one.target)];
            base = one.target;
            for (const name of NAMES.filter((name) => holdings.subscribed(name))) {
              const wanted = base.get(name)?.version;
              const isNoted = different.includes(name) || [...holdings.strays()].includes(name);
              expect(isNoted, name).to.equal(held.get(name) !== wanted);
            }
          } else if (holdings.subscribed(one.name)) {
            if (one.kind === 'restore') holdings.record(one.name, { version: one.version, needs: undefined });
            else
              holdings.acknowledge(one.name, one.version === undefined ? undefined : endpoints(one.name, one.version));
            if (one.version === undefined) held.delete(one.name);
            else held.set(one.name, one.version);
          }
          for (const name of NAMES) {
            expect(holdings.held(name)?.version, name).to.equal(held.get(name));
            expect(holdings.holds(name), name).to.equal(held.has(name));
          }
        }
        holdings.rebase(base);
        for (const name of NAMES) holdings.acknowledge(name, base.get(name));
        expect(holdings.isAt(base)).to.equal(true);
        for (const name of ['*', ...NAMES]) holdings.lose(name);
        expect(holdings.bytes).to.equal(0);
      }),
      { numRuns: 1_000 },
    );
  });
});
