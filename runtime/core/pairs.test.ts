import { expect } from 'chai';
import { rememberPairs } from './pairs.ts';

describe('a function of pairs', () => {
  it('is computed once for each, in this order of the two', () => {
    const computed: string[] = [];
    const join = rememberPairs((a: { readonly name: string }, b: { readonly name: string }) => {
      computed.push(`${a.name}${b.name}`);
      return { joined: a.name + b.name };
    });
    const [one, two] = [{ name: '1' }, { name: '2' }];
    expect(join(one, two)).to.equal(join(one, two));
    expect(join(two, one)).to.deep.equal({ joined: '21' });
    expect(join({ name: '1' }, two), 'an equal object is another one').to.not.equal(join(one, two));
    expect(computed).to.deep.equal(['12', '21', '12']);
  });
});
