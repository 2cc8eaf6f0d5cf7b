/** Certificates and keys as Secrets hold them: checked before a proxy is sent any, as a proxy would read them. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export type Checked =
  /** When all of the certificates are valid, and when the first of them expires, in milliseconds since the epoch. */
  | { readonly ok: true; readonly notBefore: number; readonly notAfter: number }
  /** Quotes nothing of what was read. */
  | { readonly ok: false; readonly problem: string };

/** Labels under which Envoy looks for certificates. */
const certificateLabels: readonly string[] = ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'];

export interface PemField {
  /** Under which the Secret holds it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Certificates that can all be read, one at least; anything else between them is skipped. */
export function checkCertificates({ name, bytes }: PemField): Checked {
  const certificates = parseCertificates(bytes);
  return certificates.length === 0 ? unreadable(name, 'certificate') : accept(certificates);
}

/** A chain whose first certificate is that of the key. */
export function checkKeyPair(chain: PemField, key: PemField): Checked {
  const certificates = parseCertificates(chain.bytes);
  const [leaf] = certificates;
  if (leaf === undefined) return unreadable(chain.name, 'certificate');
  const privateKey = parsePrivateKey(key.bytes);
  if (privateKey === undefined) return unreadable(key.name, 'private key');
  if (!leaf.checkPrivateKey(privateKey))
    return { ok: false, problem: `${key.name} is not the key of the certificate in ${chain.name}` };
  return accept(certificates);
}

/** What is wrong with revocation lists, one at least; undefined when nothing is. */
export function checkRevocations({ name, bytes }: PemField): Extract<Checked, { ok: false }> | undefined {
  const blocks = splitBlocks(Buffer.from(bytes).toString('latin1'), ['X509 CRL']) ?? [];
  return blocks.length > 0 && blocks.every(holdsSequence) ? undefined : unreadable(name, 'revocation list');
}

/** Whether a block is DER from its first byte to its last, as far as its outermost length tells. */
function holdsSequence(block: string): boolean {
  const der = Buffer.from(block.split('-----')[2] ?? '', 'base64');
  const [tag, first = 0] = der;
  const more = first > 0x80 && first <= 0x84 ? first - 0x80 : 0;
  if (tag !== 0x30 || (first >= 0x80 && more === 0) || der.length < 2 + more) return false;
  return der.length === 2 + more + (more === 0 ? first : der.readUIntBE(2, more));
}

const accept = (certificates: readonly X509Certificate[]): Checked => ({
  ok: true,
  notBefore: Math.max(...certificates.map((certificate) => certificate.validFromDate.getTime())),
  notAfter: Math.min(...certificates.map((certificate) => certificate.validToDate.getTime())),
});

const unreadable = (field: string, what: string): Extract<Checked, { ok: false }> => ({
  ok: false,
  problem: `${field} holds no ${what} that can be read`,
});

/** Empty when there is none, or when one of them cannot be read. */
function parseCertificates(pem: Uint8Array): readonly X509Certificate[] {
  const blocks = splitBlocks(Buffer.from(pem).toString('latin1'), certificateLabels);
  try {
    return (blocks ?? []).map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}

/** PEM only, without a passphrase: nobody could give one. OpenSSL's own words are dropped, they may quote the key. */
function parsePrivateKey(pem: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.from(pem), format: 'pem' });
  } catch {
    return undefined;
  }
}

/** The blocks with these labels, each looked at once whatever it holds; undefined when one has no end. */
function splitBlocks(text: string, labels: readonly string[]): readonly string[] | undefined {
  const begin = '-----BEGIN ';
  const blocks: string[] = [];
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    const label = text.slice(at + begin.length, text.indexOf('-----', at + begin.length));
    const end = `-----END ${label}-----`;
    const stop = text.indexOf(end, at);
    if (stop < 0) return undefined;
    if (labels.includes(label)) blocks.push(text.slice(at, stop + end.length));
    at = stop + end.length;
  }
  return blocks;
}
