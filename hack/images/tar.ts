import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LateenError } from '#runtime/core/index.ts';

/** One entry of a tar archive. Paths are relative, without a leading `./`. Owner is root, times are the epoch. */
export type TarEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode?: number; readonly uid?: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly content: string | Buffer; readonly mode?: number }
  /** A file's content taken from the machine; its mode is 0755 unless given. */
  | { readonly type: 'copy'; readonly path: string; readonly source: string; readonly mode?: number };

const blockSize = 512;
const typeFlags = { file: '0', copy: '0', link: '2', directory: '5' } as const;
const defaultModes = { file: 0o644, copy: 0o755, link: 0o777, directory: 0o755 } as const;

/** A ustar archive (POSIX.1-1988) of the entries in the order given; the same entries give the same bytes. */
export async function* renderTar(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const size = await sizeOf(entry);
    yield renderHeader(entry, size);
    if (entry.type === 'file') yield Buffer.from(entry.content);
    if (entry.type === 'copy') yield* createReadStream(entry.source, { highWaterMark: 1 << 20 });
    const rest = size % blockSize;
    if (rest > 0) yield Buffer.alloc(blockSize - rest);
  }
  yield Buffer.alloc(2 * blockSize);
}

async function sizeOf(entry: TarEntry): Promise<number> {
  if (entry.type === 'file') return Buffer.byteLength(entry.content);
  return entry.type === 'copy' ? (await stat(entry.source)).size : 0;
}

function renderHeader(entry: TarEntry, size: number): Buffer {
  const path = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  if (Buffer.byteLength(path) > 100) throw new LateenError('invalid', `path too long for a tar archive: ${path}`);
  const mode = ('mode' in entry ? entry.mode : undefined) ?? defaultModes[entry.type];
  const uid = ('uid' in entry ? entry.uid : undefined) ?? 0;
  const header = Buffer.alloc(blockSize);
  header.write(path, 0);
  header.write(octal(mode, 8), 100);
  header.write(octal(uid, 8), 108);
  header.write(octal(uid, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(' '.repeat(8), 148);
  header.write(typeFlags[entry.type], 156);
  if (entry.type === 'link') header.write(entry.target, 157);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
