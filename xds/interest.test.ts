import { expect } from 'chai';
import fc from 'fast-check';
import { Interest } from './interest.ts';
import { endpoints } from './testing/resources.ts';

const NAMES = Array.from({ length: 50 }, (_, at) => `n${at}`);
const some = fc.subarray(NAMES);
const collection = some.map((names) => new Map(names.map((name) => [name, endpoints(name)])));
const step = fc.oneof(
  some.map((names) => ({ kind: 'add' as const, names })),
  some.map((names) => ({ kind: 'delete' as const, names })),
  collection.map((target) => ({ kind: 'follow' as const, target })),
);

describe('what a client asks for', () => {
  it('is the same whether kept as names or held against a collection', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const interest = new Interest();
        const names = new Set<string>();
        let followed = new Map<string, ReturnType<typeof endpoints>>();
        for (const one of steps) {
          if (one.kind === 'follow') {
            const gone = interest.follow(one.target);
            const before = followed;
            for (const name of gone)
              expect(names.has(name) && before.has(name) && !one.target.has(name)).to.equal(true);
            followed = one.target;
          } else {
            for (const name of one.names) {
              interest[one.kind](name);
              names[one.kind](name);
            }
          }
          expect([...interest].sort()).to.deep.equal([...names].sort());
          expect(interest.unnamed).to.equal(names.size === 0);
          expect(interest.size).to.equal(names.size);
          for (const name of NAMES) expect(interest.has(name)).to.equal(names.has(name));
        }
        interest.follow(followed);
        if (interest.complete) expect([...followed.keys()].every((name) => names.has(name))).to.equal(true);
        for (const name of NAMES) interest.delete(name);
        interest.follow(new Map());
        expect(interest.bytes).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });
});
