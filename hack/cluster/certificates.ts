import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Kubernetes reads groups from the organization. */
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
}

const validDays = 365;
const alternativeNameType = { dns: 2, address: 7 } as const;

/** A self-signed certificate authority for one local cluster. */
export async function createAuthority(commonName: string): Promise<KeyPair> {
  return sign({ commonName }, undefined);
}

/** A certificate for serving and for clients alike, signed by the cluster's authority. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  return sign(request, authority);
}

/** An RSA key, PEM; also what ServiceAccount tokens are signed with. */
export async function createPrivateKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return privateKey;
}

async function sign(request: CertificateRequest, authority: KeyPair | undefined): Promise<KeyPair> {
  const key = await createPrivateKey();
  const privateKey = forge.pki.privateKeyFromPem(key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  certificate.serialNumber = renderSerial(randomBytes(16));
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + validDays * 24 * 3600 * 1000);
  const subject = [
    { name: 'commonName', value: request.commonName },
    ...(request.organizations ?? []).map((value) => ({ name: 'organizationName', value })),
  ];
  certificate.setSubject(subject);
  const issuer = authority && forge.pki.certificateFromPem(authority.certificate);
  certificate.setIssuer(issuer ? issuer.subject.attributes : subject);
  certificate.setExtensions(issuer ? leafExtensions(request) : authorityExtensions);
  certificate.sign(authority ? forge.pki.privateKeyFromPem(authority.key) : privateKey, forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key };
}

/**
 * Hexadecimal digits of a certificate's serial number. The first byte is made 0x40 to 0x7f: neither a sign bit nor leading
 * zeros, which DER forbids and Go refuses as malformed.
 */
export function renderSerial(random: Uint8Array): string {
  return Buffer.from(random.map((byte, index) => (index === 0 ? (byte & 0x3f) | 0x40 : byte))).toString('hex');
}

const authorityExtensions = [
  { name: 'basicConstraints', cA: true, critical: true },
  { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
];

function leafExtensions(request: CertificateRequest): object[] {
  const altNames = [
    ...(request.dnsNames ?? []).map((value) => ({ type: alternativeNameType.dns, value })),
    ...(request.addresses ?? []).map((ip) => ({ type: alternativeNameType.address, ip })),
  ];
  return [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    ...(altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : []),
  ];
}
