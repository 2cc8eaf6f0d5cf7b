import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cached } from '../setup/cache.ts';
import { renderTar, type TarEntry } from './tar.ts';

/** One layer of an image: an uncompressed tar archive in the cache. */
export interface Layer {
  /** What it is, for people: `rootfs`, `node`, `envoy`, or the program's name. */
  readonly name: string;
  readonly path: string;
  /** `sha256:…` of the archive; being uncompressed, it is the layer's diff id, too. */
  readonly digest: string;
  readonly size: number;
}

/** A layer whose archive `produce` writes to the path it is given; made once for each key. */
export async function cachedLayer(
  name: string,
  key: string,
  produce: (path: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<Layer> {
  const directory = await cached({
    kind: 'layers',
    key,
    ...(signal ? { signal } : {}),
    produce: async (target) => {
      const path = join(target, 'layer.tar');
      await produce(path);
      const hash = createHash('sha256');
      await pipeline(createReadStream(path), hash);
      const { size } = await stat(path);
      await writeFile(join(target, 'layer.json'), JSON.stringify({ digest: `sha256:${hash.digest('hex')}`, size }));
    },
  });
  const { digest, size } = JSON.parse(await readFile(join(directory, 'layer.json'), 'utf8'));
  return { name, path: join(directory, 'layer.tar'), digest, size };
}

/** A layer of the entries; `key` stands for all that they hold. */
export function filesLayer(
  name: string,
  key: string,
  entries: readonly TarEntry[],
  signal?: AbortSignal,
): Promise<Layer> {
  return cachedLayer(name, key, (path) => pipeline(renderTar(entries), createWriteStream(path)), signal);
}
