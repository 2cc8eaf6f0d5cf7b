import { expect } from 'chai';
import { differingTypes, type Resources } from './difference.ts';
import type { Types } from './source.ts';
import { RESOURCE_TYPES } from './types.ts';

/** As a proxy is served: what it has otherwise stands before what many share. */
class Joined extends Map<string, Resources> implements Types {
  readonly shared: Types;
  readonly own: Types;

  constructor(shared: Types, own: Types) {
    super([...shared, ...own]);
    this.shared = shared;
    this.own = own;
  }
}

const types = (...urls: readonly string[]): Types => new Map(urls.map((url) => [url, new Map()]));
const [first, second, third] = RESOURCE_TYPES.map(({ typeUrl, bit }) => ({ typeUrl, bit }));

describe('types that differ', () => {
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three types');
  const view = types(first.typeUrl, second.typeUrl, third.typeUrl);
  const own = types(first.typeUrl);
  const changed = new Map(view).set(first.typeUrl, new Map()).set(second.typeUrl, new Map());

  it('are those of the shared part that the own part does not hide', () => {
    const from = new Joined(view, own);
    expect(differingTypes(from, new Joined(view, own))).to.equal(0);
    expect(differingTypes(from, new Joined(changed, own))).to.equal(second.bit);
    expect(differingTypes(from, new Joined(changed, types()))).to.equal(first.bit | second.bit);
    expect(differingTypes(from, new Joined(view, types(third.typeUrl)))).to.equal(first.bit | third.bit);
  });

  it('are told alike of parts and of a whole', () => {
    const wholes = [view, changed, types(), types(third.typeUrl)];
    const owns = [own, types(second.typeUrl, third.typeUrl), types()];
    const all = wholes.flatMap((shared) => owns.map((mine) => new Joined(shared, mine)));
    for (const from of all)
      for (const to of all) expect(differingTypes(from, to)).to.equal(differingTypes(new Map(from), new Map(to)));
  });

  it('are all of them where there is nothing to compare with', () => {
    const every = RESOURCE_TYPES.reduce((bits, { bit }) => bits | bit, 0);
    expect(differingTypes(undefined, new Joined(view, own))).to.equal(every);
  });
});
