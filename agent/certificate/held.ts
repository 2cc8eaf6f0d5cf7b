/** Certificates in a folder, under Istio's names: for machines whose platform gives them no new token. */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import type { IssuedCertificate } from './issued.ts';
import { parseBundle } from './pem.ts';

export type HeldCertificate = Pick<IssuedCertificate, 'chain' | 'privateKey' | 'notAfter'>;

const files = { chain: 'cert-chain.pem', privateKey: 'key.pem', root: 'root-cert.pem' } as const;

/** Undefined when the folder holds none. Throws LateenError `invalid` when what it holds is no certificate. */
export async function readHeld(folder: string): Promise<HeldCertificate | undefined> {
  const read = (name: string) =>
    readFile(join(folder, name), 'utf8').catch((thrown: unknown) => {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      throw LateenError.from(thrown);
    });
  const [chain, privateKey] = await Promise.all([read(files.chain), read(files.privateKey)]);
  if (chain === undefined || privateKey === undefined) return undefined;
  const [leaf] = parseBundle(chain);
  if (leaf === undefined) throw new LateenError('invalid', `${join(folder, files.chain)} holds no certificate`);
  return { chain, privateKey, notAfter: Date.parse(leaf.validTo) };
}

/** Each file whole or not at all, the key readable by this user only. */
export async function writeHeld(
  folder: string,
  { chain, privateKey, root }: Pick<IssuedCertificate, 'chain' | 'privateKey' | 'root'>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await chmod(`${path}.new`, 0o600);
    await rename(`${path}.new`, path);
  };
  await write(files.privateKey, privateKey);
  await write(files.chain, chain);
  if (root !== '') await write(files.root, root);
}

/** The token in a file; undefined when there is none, or when it says itself that its time is over. */
export async function readToken(path: string, now: number): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return '';
    throw thrown;
  });
  const token = text.trim();
  return token === '' || expiryOf(token) <= now ? undefined : token;
}

/** Milliseconds since the epoch; what is no JWT never expires. */
function expiryOf(token: string): number {
  const [, payload = ''] = token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims === 'object' && claims !== null && 'exp' in claims && typeof claims.exp === 'number')
      return claims.exp * 1000;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  return Number.POSITIVE_INFINITY;
}
