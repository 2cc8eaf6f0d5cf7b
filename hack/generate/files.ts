import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The root of the work tree. */
export const root = join(import.meta.dirname, '..', '..');

export interface GeneratedFile {
  /** From the root of the work tree. */
  readonly path: string;
  readonly content: string;
}

export interface StaleFile {
  readonly path: string;
  readonly reason: string;
}

/** Folders whose YAML files are all generated: one that nobody generates any more is stale. */
const ownedFolders = ['crds'];

export async function staleFiles(files: readonly GeneratedFile[]): Promise<StaleFile[]> {
  const found = await Promise.all(
    files.map(async ({ path, content }): Promise<StaleFile[]> => {
      const current = await readExisting(path);
      if (current === content) return [];
      return [{ path, reason: current === undefined ? 'is missing' : 'differs from its source' }];
    }),
  );
  const orphans = await orphanedFiles(files);
  return [...found.flat(), ...orphans.map((path) => ({ path, reason: 'has no source any more' }))];
}

/** Writes what differs, removes what has no source any more, and returns the paths that changed. */
export async function writeFiles(files: readonly GeneratedFile[]): Promise<string[]> {
  const stale = await staleFiles(files);
  const contents = new Map(files.map((file) => [file.path, file.content]));
  for (const { path } of stale) {
    const content = contents.get(path);
    const target = join(root, path);
    if (content === undefined) {
      await rm(target);
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  return stale.map((file) => file.path);
}

async function orphanedFiles(files: readonly GeneratedFile[]): Promise<string[]> {
  const known = new Set(files.map((file) => file.path));
  const present = await Promise.all(
    ownedFolders.map(async (folder) => (await readdir(join(root, folder))).map((name) => join(folder, name))),
  );
  return present.flat().filter((path) => path.endsWith('.yaml') && !known.has(path));
}

async function readExisting(path: string): Promise<string | undefined> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
