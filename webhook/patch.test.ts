import { expect } from 'chai';
import fc from 'fast-check';
import { buildPatch, type PatchOperation } from './patch.ts';

/** RFC 6902, as the API server applies it. */
function applyPatch(document: unknown, patch: readonly PatchOperation[]): unknown {
  let root: { value: unknown } = { value: structuredClone(document) };
  for (const operation of patch) {
    const parts = operation.path
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop();
    if (last === undefined) {
      root = { value: operation.op === 'remove' ? undefined : operation.value };
      continue;
    }
    const parent = parts.reduce<unknown>((node, part) => {
      const child = Object(node)[part];
      expect(child, `${operation.path} exists`).to.not.equal(undefined);
      return child;
    }, root.value);
    if (Array.isArray(parent)) {
      const index = Number(last);
      expect(index).to.be.at.most(operation.op === 'add' ? parent.length : parent.length - 1);
      if (operation.op === 'add') parent.splice(index, 0, operation.value);
      else if (operation.op === 'remove') parent.splice(index, 1);
      else parent[index] = operation.value;
    } else {
      if (operation.op !== 'add') expect(Object(parent)).to.have.property(last);
      if (operation.op === 'remove') delete Object(parent)[last];
      else Object(parent)[last] = operation.value;
    }
  }
  return root.value;
}

describe('buildPatch', () => {
  it('is empty for equal values', () => {
    expect(buildPatch({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).to.deep.equal([]);
  });

  it('inserts a named item in front with one operation', () => {
    const before = { containers: [{ name: 'a', image: 'x' }] };
    const after = { containers: [{ name: 'b' }, { name: 'a', image: 'x' }] };
    expect(buildPatch(before, after)).to.deep.equal([{ op: 'add', path: '/containers/0', value: { name: 'b' } }]);
  });

  it('escapes names', () => {
    expect(buildPatch({ m: {} }, { m: { 'a/b~c': 1 } })).to.deep.equal([{ op: 'add', path: '/m/a~1b~0c', value: 1 }]);
  });

  it('turns one value into the other', () => {
    const key = fc.constantFrom('a', 'b', 'name', 'c/d', '~', '');
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>('x', 'y', 1, 2, true, null),
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(key, tie('node'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).node;
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(applyPatch(before, buildPatch(before, after))).to.deep.equal(after);
      }),
      { numRuns: 2000 },
    );
  });
});
