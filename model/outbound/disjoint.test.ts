import { expect } from 'chai';
import { disjoint } from './disjoint.ts';

const chain = (name: string, match: Parameters<typeof disjoint>[0][number]['match']) => ({ name, match });

describe('disjoint', () => {
  it('leaves matches alone that have nothing in common', () => {
    const chains = [chain('a', { serverNames: ['a'] }), chain('b', { transportProtocol: 'tls' }), chain('c', {})];
    expect(disjoint(chains)).to.deep.equal(chains);
  });

  it('gives a name or a range to the first that asks for it', () => {
    const chains = [
      chain('a', { serverNames: ['a', 'b'] }),
      chain('b', { serverNames: ['b', 'c'] }),
      chain('c', { serverNames: ['a', 'c'] }),
      chain('d', { prefixRanges: ['10.0.0.0/8'] }),
      chain('e', { prefixRanges: ['10.0.0.0/8', '11.0.0.0/8'] }),
      chain('f', {}),
      chain('g', {}),
    ];
    expect(disjoint(chains)).to.deep.equal([
      chain('a', { serverNames: ['a', 'b'] }),
      chain('b', { serverNames: ['c'] }),
      chain('d', { prefixRanges: ['10.0.0.0/8'] }),
      chain('e', { prefixRanges: ['11.0.0.0/8'] }),
      chain('f', {}),
    ]);
  });

  it('takes one name in two ranges for two things', () => {
    const chains = [
      chain('a', { serverNames: ['a'], prefixRanges: ['10.0.0.0/8'] }),
      chain('b', { serverNames: ['a'], prefixRanges: ['11.0.0.0/8'] }),
    ];
    expect(disjoint(chains)).to.deep.equal(chains);
  });
});
