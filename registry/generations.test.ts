import { expect } from 'chai';
import { Generations } from './generations.ts';

const named = (name: string, generation = 1) => ({
  ...{ cluster: 'c1', kind: 'VirtualService', namespace: 'shop', name },
  ...{ uid: `uid-${name}`, generation },
});

describe('the record of generations', () => {
  it('is the identical list until a generation comes into force or goes', () => {
    const generations = new Generations();
    generations.note(named('reviews'));
    expect(generations.values()).to.deep.equal([]);
    generations.settle(1);
    const first = generations.values();
    expect(first).to.deep.equal([{ ...named('reviews'), revision: 1 }]);
    generations.note(named('reviews'));
    generations.settle(2);
    generations.forget(named('unknown'));
    expect(generations.values()).to.equal(first);
    generations.note(named('reviews', 2));
    generations.settle(3);
    expect(generations.values()).to.deep.equal([{ ...named('reviews', 2), revision: 3 }]);
    expect(first).to.deep.equal([{ ...named('reviews'), revision: 1 }]);
    generations.forget(named('reviews', 2));
    expect(generations.values()).to.deep.equal([]);
  });
});
