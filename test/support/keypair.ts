import { generateKeyPairSync } from 'node:crypto';
import { mintSelfSigned } from '#ca/bundle.ts';
import { buildCertificate } from '#ca/certificate.ts';

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A self-signed certificate and its key. Ten years valid, from a time in milliseconds since the epoch. */
export function mintKeyPair(from = Date.now()): KeyPair {
  const { certificate, privateKey } = mintSelfSigned('a test', from);
  return {
    certificate: certificate.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/** A pair that belongs together, with a key that is too short for Envoy. */
export function mintWeakKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const notBefore = Date.now() - 60_000;
  const notAfter = Date.now() + 24 * 3600_000;
  const names = { dnsNames: ['weak.example.com'] };
  const certificate = buildCertificate(
    { publicKey, subject: [], notBefore, notAfter, names, authority: false },
    { privateKey },
  );
  return {
    certificate: certificate.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notBefore,
    notAfter,
  };
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
