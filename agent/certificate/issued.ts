/** What the authority answered, checked before anybody uses it. */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';
import { isSelfSigned, parseBundle, renderBundle } from './pem.ts';

export interface IssuedCertificate {
  /** PEM: the leaf and its intermediates, without the root. */
  readonly chain: string;
  /** PKCS #8 PEM. Never logged; written to disk only where somebody asks for it. */
  readonly privateKey: string;
  /** PEM of the root that the authority named, empty when it named none. */
  readonly root: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Throws `invalid` when the chain is empty, is not for this key and identity, or has expired. */
export function parseIssued(
  certChain: readonly string[],
  privateKey: KeyObject,
  uri: string,
  now: number,
): IssuedCertificate {
  const certificates = certChain.flatMap((pem) => parseBundle(pem));
  const [leaf, ...issuers] = certificates;
  if (!leaf) throw new LateenError('invalid', 'the certificate authority sent no certificate');
  if (!leaf.checkPrivateKey(privateKey)) throw new LateenError('invalid', 'the certificate is for another key');
  if (leaf.subjectAltName !== `URI:${uri}`) {
    throw new LateenError('invalid', `the certificate is for ${leaf.subjectAltName ?? 'no identity'}, not for ${uri}`);
  }
  const notAfter = Date.parse(leaf.validTo);
  if (!(notAfter > now)) throw new LateenError('invalid', `the certificate expired at ${leaf.validTo}`);
  const roots: X509Certificate[] = issuers.filter(isSelfSigned);
  return {
    chain: renderBundle([leaf, ...issuers.filter((certificate) => !roots.includes(certificate))]),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    root: renderBundle(roots),
    notBefore: Date.parse(leaf.validFrom),
    notAfter,
  };
}

/** When to ask for the next one: `ratio` of the lifetime (plus jitter in −1…1 times `spread` of it) before it ends. */
export function resolveRenewal(
  issued: Pick<IssuedCertificate, 'notBefore' | 'notAfter'>,
  grace: { readonly ratio: number; readonly spread: number },
  jitter: number,
): number {
  const lifetime = issued.notAfter - issued.notBefore;
  const ratio = Math.min(1, Math.max(0, grace.ratio + grace.spread * jitter));
  return issued.notAfter - lifetime * ratio;
}
