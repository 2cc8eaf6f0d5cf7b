import { createPrivateKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';
import { buildCertificate } from './certificate.ts';
import { oids } from './oids.ts';
import { parseCertificates } from './pem.ts';

/** What signs workload certificates, and what verifies them. */
export interface CaBundle {
  readonly privateKey: KeyObject;
  /** The signing certificate: a root, or an intermediate that was plugged in. */
  readonly certificate: X509Certificate;
  /** From the signing certificate up, without the root; empty for a self-signed one. */
  readonly intermediates: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
}

/** Files of the Secrets `istio-ca-secret` and `cacerts`, by Istio's names. */
export type CaFiles = Readonly<Record<string, string>>;

const files = {
  key: 'ca-key.pem',
  certificate: 'ca-cert.pem',
  chain: 'cert-chain.pem',
  root: 'root-cert.pem',
} as const;

const tenYears = 3650 * 24 * 3600 * 1000;
const backDate = 2 * 60 * 1000;

export function mintSelfSigned(organization: string, now: number): CaBundle {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = [[oids.organization, organization]] as const;
  const validity = { notBefore: now - backDate, notAfter: now + tenYears };
  const certificate = buildCertificate({ publicKey, subject, ...validity, names: {}, authority: true }, { privateKey });
  return { privateKey, certificate, intermediates: [], roots: [certificate] };
}

export function renderCaFiles(bundle: CaBundle): CaFiles {
  const join = (certificates: readonly X509Certificate[]) =>
    certificates.map((certificate) => certificate.toString()).join('');
  return {
    // SEC 1, the form that Istio writes, for EC keys; PKCS #8 holds any other.
    [files.key]: bundle.privateKey
      .export({ type: bundle.privateKey.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8', format: 'pem' })
      .toString(),
    [files.certificate]: bundle.certificate.toString(),
    [files.chain]: join(bundle.intermediates),
    [files.root]: join(bundle.roots),
  };
}

/**
 * Reads and checks a certificate authority's files: the key fits the certificate, which is a valid authority and chains
 * to a root. Throws LateenError (`invalid`) with a reason that holds no secret.
 */
export function parseCaFiles(given: CaFiles, now: number): CaBundle {
  const [certificate, ...above] = readCertificates(given, files.certificate);
  if (!certificate) throw new LateenError('invalid', `${files.certificate} holds no certificate`);
  const privateKey = readPrivateKey(given[files.key]);
  if (!certificate.checkPrivateKey(privateKey))
    throw new LateenError('invalid', `${files.key} is not the key of ${files.certificate}`);
  if (!certificate.ca) throw new LateenError('invalid', `${files.certificate} is no certificate authority`);
  const roots = given[files.root]?.trim()
    ? readCertificates(given, files.root)
    : [certificate, ...above].filter(isSelfSigned);
  const chain = given[files.chain]?.trim() ? readCertificates(given, files.chain) : [];
  const intermediates = orderChain(certificate, [...above, ...chain], roots);
  for (const member of [...intermediates, certificate, ...roots]) {
    if (member.validToDate.getTime() <= now)
      throw new LateenError('invalid', `the certificate of ${member.subject} expired at ${member.validTo}`);
  }
  return { privateKey, certificate, intermediates, roots };
}

function readCertificates(given: CaFiles, name: string): readonly X509Certificate[] {
  const text = given[name];
  if (text === undefined) throw new LateenError('invalid', `${name} is missing`);
  try {
    return parseCertificates(text);
  } catch (error) {
    throw new LateenError('invalid', `${name}: ${LateenError.from(error).message}`, { cause: error });
  }
}

function readPrivateKey(text: string | undefined): KeyObject {
  if (text === undefined) throw new LateenError('invalid', `${files.key} is missing`);
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    // The cause is dropped: it may quote what it could not read.
    throw new LateenError('invalid', `${files.key} does not parse`);
  }
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const accepted =
    key.asymmetricKeyType === 'rsa' ? modulusLength >= 2048 : ['prime256v1', 'secp384r1'].includes(namedCurve);
  if (!accepted) throw new LateenError('invalid', `${files.key} is not RSA of 2048 bits or more, P-256 or P-384`);
  return key;
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** The certificates from the signing one up to, not including, a root. */
function orderChain(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly X509Certificate[] {
  const isRoot = (one: X509Certificate) => roots.some((root) => root.fingerprint256 === one.fingerprint256);
  const ordered: X509Certificate[] = [];
  let last = certificate;
  while (!isRoot(last)) {
    if (ordered.includes(last) || ordered.length > 8) break;
    ordered.push(last);
    const child = last;
    if (roots.some((root) => isIssuedBy(child, root))) return ordered;
    last = others.find((other) => other.fingerprint256 !== child.fingerprint256 && isIssuedBy(child, other)) ?? last;
  }
  if (isRoot(last)) return ordered;
  throw new LateenError('invalid', `${files.certificate} does not chain to ${files.root} over ${files.chain}`);
}
