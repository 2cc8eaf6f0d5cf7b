import { expect } from 'chai';
import type { LateenError } from '#runtime/core/index.ts';
import { Budget, type Debtor } from './budget.ts';

describe('what clients may have remembered', () => {
  let budget: Budget;
  let exhausted: string[];
  let ended: string[];

  beforeEach(() => {
    exhausted = [];
    ended = [];
    budget = new Budget(
      { maxNameBytesPerStream: 100, maxNameBytes: 250 },
      { exhausted: (holder) => void exhausted.push(holder) },
    );
  });

  /** `HOLDER PROXY STREAM` that has so much to remember, which may change. */
  const stream = (id: string, bytes = 0): Debtor & { has: number } => {
    const [holder = '', nodeId = ''] = id.split(' ');
    return {
      ...{ holder, nodeId, has: bytes },
      bytes() {
        return this.has;
      },
      end: ({ message }: LateenError) => void ended.push(`${id}: ${message}`),
    };
  };
  const thrown = (run: () => void): string => {
    try {
      run();
    } catch (error) {
      return `${(error as LateenError).code}: ${(error as LateenError).message}`;
    }
    return '';
  };

  it('is bounded for each stream, which is told so', () => {
    const one = stream('web a 1', 100);
    budget.owe(one);
    one.has = 101;
    expect(thrown(() => budget.owe(one))).to.equal(
      'exhausted: the names that this stream asks for and brought along take more than the 100 bytes that one stream may have',
    );
    expect([exhausted, ended]).to.deep.equal([['stream'], []]);
  });

  it('is bounded for all: the largest stream of the largest proxy of the largest holder has to go', () => {
    for (const one of [stream('web a 1', 40), stream('web a 2', 60), stream('web b 1', 90)]) budget.owe(one);
    budget.owe(stream('db a 1', 60));
    budget.owe(stream('db b 1', 1));
    const words =
      'the names that all streams ask for and brought along take more than 250 bytes, and web has most of them';
    expect(ended).to.deep.equal([`web a 2: ${words}`]);
    // It is the one that speaks.
    expect(thrown(() => budget.owe(stream('web a 3', 99)))).to.equal(`exhausted: ${words}`);
    expect(exhausted).to.deep.equal(['all', 'all']);
  });

  it('goes by what streams have now, whatever they had, and not by those that have ended', () => {
    const [first, second, third] = [stream('web a 1', 100), stream('web b 1', 100), stream('web c 1', 100)];
    budget.owe(first);
    budget.owe(second);
    // Acknowledged in the meantime.
    first.has = 50;
    budget.owe(third);
    budget.forget(second);
    budget.owe(stream('db a 1', 100));
    expect([exhausted, ended]).to.deep.equal([[], []]);
  });
});
