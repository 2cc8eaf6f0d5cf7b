/** Certificates in a folder, under Istio's names: for machines whose platform gives them no new token. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import type { IssuedCertificate } from './issued.ts';
import { parseBundle } from './pem.ts';

export type HeldCertificate = Pick<IssuedCertificate, 'chain' | 'privateKey' | 'notAfter'>;

export const certificateFiles = { chain: 'cert-chain.pem', privateKey: 'key.pem', root: 'root-cert.pem' } as const;

/** So often a pair that does not belong together is read again: whoever writes it may replace one file after the other. */
const attempts = 3;

/** Undefined when the folder holds none. Throws LateenError `invalid` when what it holds is no certificate and its key. */
export async function readHeld(folder: string): Promise<HeldCertificate | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const [chain, privateKey] = await Promise.all(
      [certificateFiles.chain, certificateFiles.privateKey].map((name) => readIfThere(join(folder, name))),
    );
    if (chain === undefined || privateKey === undefined) return undefined;
    const [leaf] = parseBundle(chain);
    if (leaf === undefined)
      throw new LateenError('invalid', `${join(folder, certificateFiles.chain)} holds no certificate`);
    if (leaf.checkPrivateKey(parseKey(privateKey, folder)))
      return { chain, privateKey, notAfter: Date.parse(leaf.validTo) };
    if (attempt === attempts)
      throw new LateenError(
        'invalid',
        `${certificateFiles.privateKey} in ${folder} is not the key of ${certificateFiles.chain}`,
      );
  }
}

const readIfThere = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw LateenError.from(thrown);
  });

function parseKey(pem: string, folder: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // What OpenSSL says may hold part of the key.
    throw new LateenError('invalid', `${join(folder, certificateFiles.privateKey)} is no private key`);
  }
}

/** The token in a file; undefined when there is none, or when it says itself that its time is over. */
export async function readToken(path: string, now: number): Promise<string | undefined> {
  const token = ((await readIfThere(path)) ?? '').trim();
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
