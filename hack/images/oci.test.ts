import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { runCommand } from '../setup/command.ts';
import { saveImages } from './load.ts';
import { type Image, imageDigest } from './oci.ts';
import { renderTar, type TarEntry } from './tar.ts';

const digestOf = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

describe('OCI images', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lateen-images-'));
  });
  after(() => rm(directory, { recursive: true }));

  const write = async (name: string, entries: readonly TarEntry[]) => {
    const path = join(directory, name);
    await writeFile(path, await buffer(Readable.from(renderTar(entries))));
    return path;
  };

  it('writes archives that tar(1) unpacks to the same files, modes and links', async () => {
    const source = join(directory, 'program');
    await writeFile(source, Buffer.alloc(1_500_000, 7));
    const archive = await write('files.tar', [
      { type: 'directory', path: 'usr' },
      { type: 'file', path: 'usr/text', content: 'grüße', mode: 0o600 },
      { type: 'file', path: 'usr/empty', content: '' },
      { type: 'copy', path: 'usr/program', source },
      { type: 'link', path: 'usr/link', target: 'text' },
    ]);
    const target = await mkdtemp(join(directory, 'unpacked-'));
    await runCommand('tar', ['--extract', '--file', archive, '--directory', target]);
    expect(await readFile(join(target, 'usr/text'), 'utf8')).to.equal('grüße');
    expect(await readFile(join(target, 'usr/link'), 'utf8')).to.equal('grüße');
    expect((await readFile(join(target, 'usr/program'))).equals(await readFile(source))).to.equal(true);
    expect((await stat(join(target, 'usr/text'))).mode & 0o777).to.equal(0o600);
    expect((await stat(join(target, 'usr/program'))).mode & 0o777).to.equal(0o755);
    expect((await stat(join(target, 'usr/empty'))).size).to.equal(0);
  });

  it('names every blob by its digest, and a shared layer only once', async () => {
    const path = await write('layer.tar', [{ type: 'file', path: 'a', content: 'a' }]);
    const data = await readFile(path);
    const layer = { name: 'layer', path, digest: digestOf(data), size: data.length };
    const images: Image[] = [
      { names: ['localhost/a:1', 'localhost/b:1'], layers: [layer], entrypoint: ['/a'] },
      { names: ['localhost/c:1'], layers: [layer], entrypoint: ['/c'], user: '1337', environment: { X: 'y' } },
    ];
    const archive = join(directory, 'images.tar');
    await saveImages(images, archive);
    const layout = await mkdtemp(join(directory, 'layout-'));
    await runCommand('tar', ['--extract', '--file', archive, '--directory', layout]);
    const listed = (await runCommand('tar', ['--list', '--file', archive])).split('\n');
    expect(listed.filter((name) => name.endsWith(layer.digest.slice(7)))).to.have.length(1);

    const readBlob = async (digest: string) => {
      const blob = await readFile(join(layout, 'blobs/sha256', digest.slice(7)));
      expect(digestOf(blob)).to.equal(digest);
      return JSON.parse(blob.toString());
    };
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
    const names = index.manifests.map(
      (each: { annotations: Record<string, string> }) => each.annotations['io.containerd.image.name'],
    );
    expect(names).to.deep.equal(['localhost/a:1', 'localhost/b:1', 'localhost/c:1']);
    const manifest = await readBlob(index.manifests[2].digest);
    expect(manifest.layers[0]).to.include({ digest: layer.digest, size: layer.size });
    const config = await readBlob(manifest.config.digest);
    expect(config.config).to.deep.include({ User: '1337', Entrypoint: ['/c'] });
    expect(config.config.Env).to.include('X=y');
    expect(config.rootfs.diff_ids).to.deep.equal([layer.digest]);
  });

  it('gives the same digest for the same content and another one for another', () => {
    const image: Image = { names: ['a'], layers: [], entrypoint: ['/a'] };
    expect(imageDigest(image)).to.equal(imageDigest({ ...image, names: ['b'] }));
    expect(imageDigest(image)).to.not.equal(imageDigest({ ...image, entrypoint: ['/b'] }));
  });

  it('refuses a path that the format has no room for', async () => {
    const entries: TarEntry[] = [{ type: 'file', path: 'x'.repeat(101), content: '' }];
    const failure = await buffer(Readable.from(renderTar(entries))).catch((error: Error) => error.message);
    expect(failure).to.match(/path too long/);
  });
});
