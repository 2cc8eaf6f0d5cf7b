import { assert } from 'chai';
import { customResourceDefinitions } from './crds.ts';
import { staleFiles } from './files.ts';

describe('the generated files', () => {
  it('are what their sources say', async () => {
    assert.deepEqual(await staleFiles(await customResourceDefinitions()), []);
  });

  it('would be found stale: changed, missing or without a source', async () => {
    const [first, second, ...rest] = await customResourceDefinitions();
    if (first === undefined || second === undefined) throw new Error('nothing is generated');
    const drifted = [{ ...first, content: `${first.content}#` }, ...rest, { path: 'crds/new.yaml', content: '' }];
    assert.deepEqual(await staleFiles(drifted), [
      { path: first.path, reason: 'differs from its source' },
      { path: 'crds/new.yaml', reason: 'is missing' },
      { path: second.path, reason: 'has no source any more' },
    ]);
  });

  it('are the same bytes each time', async () => {
    assert.deepEqual(await customResourceDefinitions(), await customResourceDefinitions());
  });
});
