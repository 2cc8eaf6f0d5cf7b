import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.ts';

/** Everything kept between runs lies here, outside the work tree; deleting it costs time and nothing else. */
export function cacheDirectory(): string {
  const own = process.env.LATEEN_CACHE;
  if (own) return own;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lateen');
}

/** A hash over names and contents, in the order given; 16 hexadecimal digits. */
export function contentHash(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}\0`).update(part);
  return hash.digest('hex').slice(0, 16);
}

/** Hash of all regular files below a directory: relative paths and contents, sorted. */
export async function directoryHash(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const parts: (string | Buffer)[] = [];
  for (const path of paths) parts.push(path.slice(directory.length), await readFile(path));
  return contentHash(...parts);
}

export interface CacheEntry {
  /** What it is; the folder below the cache directory. */
  readonly kind: string;
  /** Hash of everything the content depends on. */
  readonly key: string;
  /** Fills an empty directory; when it throws, nothing is kept. */
  readonly produce: (directory: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Gives the directory of a cache entry, produced first if it is missing. Processes that ask at once produce it once. */
export async function cached(entry: CacheEntry): Promise<string> {
  const parent = join(cacheDirectory(), entry.kind);
  const directory = join(parent, entry.key);
  if (existsSync(directory)) return directory;
  await mkdir(parent, { recursive: true });
  return withLock(
    `${directory}.lock`,
    async () => {
      if (existsSync(directory)) return directory;
      const partial = `${directory}.partial`;
      // Left by a run that was killed; the lock is ours, so nobody is filling it.
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial);
      try {
        await entry.produce(partial);
        await rename(partial, directory);
      } finally {
        await rm(partial, { recursive: true, force: true });
      }
      return directory;
    },
    entry.signal,
  );
}
