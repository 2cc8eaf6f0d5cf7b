/**
 * Leaves a certificate in a folder whose files change together, as those of a Secret in a volume do: each name is a link
 * through `..data`, which leads to a folder of its own for each certificate and is replaced by one rename.
 */
import { chmod, mkdir, mkdtemp, open, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { certificateFiles } from './held.ts';
import type { IssuedCertificate } from './issued.ts';

/** Permissions of what is written. */
export interface OutputAccess {
  readonly file: number;
  readonly folder: number;
}

/** For this user alone: on a machine, where the folder is a place like any other. */
export const privateAccess: OutputAccess = { file: 0o600, folder: 0o700 };

/** For every user: in a pod, where the folder is a volume that is shared with whoever is meant to read it, as with Istio. */
export const sharedAccess: OutputAccess = { file: 0o644, folder: 0o755 };

const CURRENT = '..data';
const PREFIX = '..certificate-';

type Output = Pick<IssuedCertificate, 'chain' | 'privateKey' | 'root'>;

/** Without a root the one that is there stays. What a reader has open it can read to its end. Not to be called twice at once. */
export async function writeOutput(folder: string, output: Output, access: OutputAccess): Promise<void> {
  await mkdir(folder, { recursive: true });
  const root = output.root === '' ? await readIfThere(join(folder, certificateFiles.root)) : output.root;
  const contents = [
    [certificateFiles.privateKey, output.privateKey],
    [certificateFiles.chain, output.chain],
    ...(root === '' ? [] : [[certificateFiles.root, root] as const]),
  ] as const;
  const next = await mkdtemp(join(folder, PREFIX));
  for (const [name, text] of contents) await writeDurably(join(next, name), text, access.file);
  await chmod(next, access.folder);
  await replaceLink(join(folder, CURRENT), basename(next));
  for (const [name] of contents) {
    const target = join(CURRENT, name);
    if ((await readLinkIfThere(join(folder, name))) !== target) await replaceLink(join(folder, name), target);
  }
  await flush(folder);
  const old = (await readdir(folder)).filter((name) => name.startsWith(PREFIX) && name !== basename(next));
  for (const name of old) await rm(join(folder, name), { recursive: true });
}

/** A machine that loses its certificate with its power would need a new token. */
async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whatever was there is replaced at once. */
async function replaceLink(path: string, target: string): Promise<void> {
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  await symlink(target, fresh);
  await rename(fresh, path);
}

const readIfThere = (path: string): Promise<string> => readFile(path, 'utf8').catch(absent(''));

/** Undefined where there is none, or something else than a link. */
const readLinkIfThere = (path: string): Promise<string | undefined> =>
  readlink(path).catch(absent(undefined, 'EINVAL'));

const absent =
  <T>(value: T, ...codes: readonly string[]) =>
  (thrown: unknown): T => {
    if (thrown instanceof Error && 'code' in thrown && ['ENOENT', ...codes].includes(String(thrown.code))) return value;
    throw LateenError.from(thrown);
  };
