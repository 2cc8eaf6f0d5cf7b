import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cacheDirectory, cached, contentHash, directoryHash } from './cache.ts';

describe('the cache outside the work tree', () => {
  let directory: string;
  let previous: string | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lateen-cache-'));
    previous = process.env.LATEEN_CACHE;
    process.env.LATEEN_CACHE = directory;
  });
  afterEach(async () => {
    if (previous === undefined) delete process.env.LATEEN_CACHE;
    else process.env.LATEEN_CACHE = previous;
    await rm(directory, { recursive: true });
  });

  it('lies where LATEEN_CACHE says', () => {
    expect(cacheDirectory()).to.equal(directory);
  });

  it('produces an entry once for all that ask at the same time', async () => {
    let produced = 0;
    const ask = () =>
      cached({
        kind: 'thing',
        key: 'k',
        produce: async (target) => {
          produced += 1;
          await writeFile(join(target, 'file'), 'content');
        },
      });
    const paths = await Promise.all([ask(), ask(), ask()]);
    expect(produced).to.equal(1);
    expect(new Set(paths).size).to.equal(1);
    expect(await readFile(join(paths[0] ?? '', 'file'), 'utf8')).to.equal('content');
  });

  it('keeps nothing of an entry that could not be produced, and tries again', async () => {
    const failing = cached({
      kind: 'thing',
      key: 'k',
      produce: async (target) => {
        await writeFile(join(target, 'half'), '');
        throw new Error('no network');
      },
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('no network');
    const path = await cached({ kind: 'thing', key: 'k', produce: (target) => writeFile(join(target, 'whole'), '') });
    expect(await readdir(path)).to.deep.equal(['whole']);
  });

  it('starts over where a run was killed', async () => {
    await mkdir(join(directory, 'thing', 'k.partial'), { recursive: true });
    await writeFile(join(directory, 'thing', 'k.partial', 'half'), '');
    const path = await cached({ kind: 'thing', key: 'k', produce: (target) => writeFile(join(target, 'whole'), '') });
    expect(await readdir(path)).to.deep.equal(['whole']);
    expect(existsSync(join(directory, 'thing', 'k.partial'))).to.equal(false);
  });

  it('tells contents, names and the borders between them apart', async () => {
    expect(contentHash('a', 'b')).to.not.equal(contentHash('ab'));
    const hashOf = async (files: Record<string, string>) => {
      const folder = await mkdtemp(join(directory, 'sources-'));
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return directoryHash(folder);
    };
    const hash = await hashOf({ a: '1', b: '2' });
    expect(await hashOf({ b: '2', a: '1' })).to.equal(hash);
    expect(await hashOf({ a: '2', b: '1' })).to.not.equal(hash);
    expect(await hashOf({ a: '1', c: '2' })).to.not.equal(hash);
  });
});
