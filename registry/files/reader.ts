import { LateenError } from '#runtime/core/index.ts';
import { type FileStamp, listFiles, readText } from './folder.ts';
import { type ReadFile, readContent } from './resources.ts';

export interface Look {
  /** Whether a file was read, or is gone. */
  readonly changed: boolean;
  /** False while a file is being written or removed: look again soon. */
  readonly settled: boolean;
}

export interface FolderReader {
  /** Reads what changed since the last look: at once, or once it looked the same twice. Rejects when the folder cannot be read. */
  look(when: 'now' | 'when settled'): Promise<Look>;
  /** The files as they were last read, in the order of their paths. */
  files(): readonly ReadFile[];
}

/** Nobody writes so much by hand, and a file is held in memory as a whole. */
const MOST_BYTES = 16 * 1024 * 1024;

export function createFolderReader(folder: string): FolderReader {
  const read = new Map<string, { readonly stamp: string; readonly file: ReadFile }>();
  /** What differed at the last look and was not taken over yet: the stamp then, undefined when the file was gone. */
  let pending = new Map<string, string | undefined>();

  return {
    files: () => [...read.values()].map(({ file }) => file).sort((a, b) => (a.path < b.path ? -1 : 1)),
    async look(when) {
      const listed = await listFiles(folder);
      const now = new Map(listed.map((file) => [file.path, file]));
      const differing = [...new Set([...now.keys(), ...read.keys()])].filter(
        (path) => now.get(path)?.stamp !== read.get(path)?.stamp,
      );
      const waiting = new Map<string, string | undefined>();
      let changed = false;
      for (const path of differing) {
        const found = now.get(path);
        const same = pending.has(path) && pending.get(path) === found?.stamp;
        if (when === 'now' || same) {
          changed = true;
          if (found === undefined) read.delete(path);
          else read.set(path, { stamp: found.stamp, file: await readOne(folder, found, read.get(path)?.file) });
        } else waiting.set(path, found?.stamp);
      }
      pending = waiting;
      return { changed, settled: waiting.size === 0 };
    },
  };
}

/** A file that cannot be read stays as it was read before, with its fault. */
async function readOne(folder: string, { path, size }: FileStamp, before: ReadFile | undefined): Promise<ReadFile> {
  const faulty = (fault: string): ReadFile => ({ path, content: before?.content, fault });
  if (size > MOST_BYTES) return faulty(`has ${size} bytes, more than ${MOST_BYTES}`);
  try {
    return readContent(path, await readText(folder, path));
  } catch (thrown) {
    return faulty(LateenError.from(thrown).message);
  }
}
