/** A tour of Istio's sidecar mode in YAML, as people write it: all of it must be understood. */
import { assert } from 'chai';
import { type Kind, kinds } from './kinds.ts';
import { readDocuments } from './testing/documents.ts';

function isKind(name: string): name is Kind {
  return name in kinds;
}

describe('the YAML of the guide', () => {
  it('parses without an error, an unknown field or a lost value', async () => {
    const documents = await readDocuments('guide');
    let parsed = 0;
    for (const { name, kind, object } of documents) {
      if (!isKind(kind)) {
        assert.include(['Namespace', 'Pod'], kind, name);
        continue;
      }
      const result = kinds[kind].parse(object);
      assert.deepEqual(result.ok ? [] : result.errors, [], name);
      if (!result.ok) continue;
      assert.notInclude(
        result.warnings.map((warning) => warning.message),
        'unknown field',
        name,
      );
      assert.deepEqual(JSON.parse(JSON.stringify(result.value.spec)), Reflect.get(Object(object), 'spec'), name);
      parsed += 1;
    }
    assert.equal(documents.length, 37);
    assert.equal(parsed, 34);
  });
});
