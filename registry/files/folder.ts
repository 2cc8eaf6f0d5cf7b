/** The YAML files below a folder as they are now. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What tells two states of a file apart without reading it. */
export interface FileStamp {
  /** Below the folder, with slashes. */
  readonly path: string;
  readonly stamp: string;
  /** Bytes. */
  readonly size: number;
}

const extensions = ['.yaml', '.yml', '.json'];

/**
 * Files in the order of their paths. Names that begin with a dot are left out; links are followed, so that a mounted
 * ConfigMap, which is swapped by its links, works. Rejects when the folder itself cannot be read.
 */
export async function listFiles(folder: string): Promise<readonly FileStamp[]> {
  const found: FileStamp[] = [];
  const seen = new Set<string>();
  const visit = async (below: string): Promise<void> => {
    const here = join(folder, below);
    const real = await realpath(here);
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of (await readdir(here)).sort()) {
      if (name.startsWith('.')) continue;
      const path = below === '' ? name : `${below}/${name}`;
      // It may be gone by now.
      const entry = await stat(join(folder, path)).catch(() => undefined);
      if (entry?.isDirectory()) await visit(path).catch(unlessGone);
      else if (entry?.isFile() && extensions.some((extension) => name.endsWith(extension)))
        found.push({ path, stamp: `${entry.ino}-${entry.size}-${entry.mtimeMs}-${entry.ctimeMs}`, size: entry.size });
    }
  };
  await visit('');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function unlessGone(thrown: unknown): void {
  const gone = thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
  if (!gone) throw thrown;
}

export const readText = (folder: string, path: string): Promise<string> => readFile(join(folder, path), 'utf8');
