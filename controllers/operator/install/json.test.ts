import { expect } from 'chai';
import fc from 'fast-check';
import { type Json, type JsonObject, leafPaths, overlayObject, readPath, withPath } from './json.ts';

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
const object = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), json) as fc.Arbitrary<JsonObject>;

describe('laying settings over settings', () => {
  it('merges maps, replaces the rest, removes with null', () => {
    const base = { a: { b: 1, c: [1, 2] }, d: 'x', e: true };
    expect(overlayObject(base, { a: { b: 2, c: [3] }, d: null, f: {} })).to.deep.equal({
      a: { b: 2, c: [3] },
      e: true,
      f: {},
    });
  });

  it('merges gateways and variables by name', () => {
    const base = {
      ingressGateways: [
        { name: 'one', enabled: true },
        { name: 'two', enabled: true },
      ],
      env: [{ name: 'A', value: '1' }],
    };
    const over = {
      ingressGateways: [{ name: 'two', enabled: false }, { name: 'three' }],
      env: [{ name: 'A', value: '2' }],
    };
    expect(overlayObject(base, over)).to.deep.equal({
      ingressGateways: [{ name: 'one', enabled: true }, { name: 'two', enabled: false }, { name: 'three' }],
      env: [{ name: 'A', value: '2' }],
    });
  });

  it('tells gateways of one name in two namespaces apart', () => {
    const base = { ingressGateways: [{ name: 'gw', namespace: 'a' }] };
    expect(overlayObject(base, { ingressGateways: [{ name: 'gw', namespace: 'b' }] }).ingressGateways).to.have.length(
      2,
    );
  });

  it('takes names of the language for names', () => {
    const over = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"a": 1}}') as JsonObject;
    const merged = overlayObject({}, over);
    expect(Object.keys(merged).sort()).to.deep.equal(['__proto__', 'constructor']);
    expect(({} as { polluted?: boolean }).polluted).to.equal(undefined);
    expect(readPath({ a: 1 }, 'constructor.name')).to.equal(undefined);
  });

  it('changes neither side, and nothing over something is something', () => {
    fc.assert(
      fc.property(object, object, (base, over) => {
        const before = JSON.stringify([base, over]);
        overlayObject(base, over);
        expect(JSON.stringify([base, over])).to.equal(before);
        expect(overlayObject(base, {})).to.deep.equal(base);
      }),
    );
  });

  it('says the same when said twice', () => {
    fc.assert(
      fc.property(object, object, (base, over) => {
        const once = overlayObject(base, over);
        expect(overlayObject(once, over)).to.deep.equal(once);
      }),
    );
  });

  it('finds what it put somewhere', () => {
    expect(withPath({ a: { b: 1 } }, 'a.c.d', 2)).to.deep.equal({ a: { b: 1, c: { d: 2 } } });
    expect(readPath(withPath({}, 'x.y', 'z'), 'x.y')).to.equal('z');
    expect(leafPaths({ a: { b: 1, c: {} }, d: [1] })).to.deep.equal(['a.b', 'd']);
  });
});
