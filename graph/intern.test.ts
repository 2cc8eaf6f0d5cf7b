import { expect } from 'chai';
import { createIntern, sameEntries, sameMembers } from './index.ts';

describe('intern', () => {
  it('gives one instance per spelling', () => {
    const intern = createIntern<{ readonly host: string }>((value) => value.host);
    const first = intern({ host: 'reviews' });
    expect(intern({ host: 'reviews' })).to.equal(first);
    expect(intern({ host: 'ratings' })).to.not.equal(first);
  });
});

describe('equality of collections', () => {
  const a = { name: 'a' };
  const b = { name: 'b' };

  it('of arrays counts members by identity and in order', () => {
    expect(sameMembers([a, b], [a, b])).to.equal(true);
    expect(sameMembers([a, b], [b, a])).to.equal(false);
    expect(sameMembers([a], [{ name: 'a' }])).to.equal(false);
    expect(sameMembers([a], [a, b])).to.equal(false);
  });

  it('of maps counts keys and values, not the order', () => {
    expect(
      sameEntries(
        new Map([
          ['a', a],
          ['b', b],
        ]),
        new Map([
          ['b', b],
          ['a', a],
        ]),
      ),
    ).to.equal(true);
    expect(sameEntries(new Map([['a', a]]), new Map([['a', b]]))).to.equal(false);
    expect(sameEntries(new Map([['a', undefined]]), new Map([['b', undefined]]))).to.equal(false);
  });
});
