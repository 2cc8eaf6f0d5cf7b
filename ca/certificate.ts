import { createHash, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';
import { type Asn1, der, parseDer, readBits, readChildren, readContents, readOid, renderDer } from './der.ts';
import { oids } from './oids.ts';

/** One attribute of a distinguished name: type OID and text. */
export type NameAttribute = readonly [oid: string, text: string];

export interface CertificateTemplate {
  readonly publicKey: KeyObject;
  readonly subject: readonly NameAttribute[];
  /** Milliseconds since the epoch; certificates count in seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly names: { readonly uris?: readonly string[]; readonly dnsNames?: readonly string[] };
  readonly authority: boolean;
}

/** Who signs. Without a certificate the template's own key signs itself. */
export interface Issuer {
  readonly privateKey: KeyObject;
  readonly certificate?: X509Certificate;
}

/** Builds and signs an X.509 v3 certificate (RFC 5280). */
export function buildCertificate(template: CertificateTemplate, issuer: Issuer): X509Certificate {
  const spki = template.publicKey.export({ type: 'spki', format: 'der' });
  const subject = buildName(template.subject);
  const issuing = issuer.certificate ? readIssuer(issuer.certificate) : { name: subject, keyId: keyIdOf(spki) };
  const algorithm = signatureAlgorithmOf(issuer.privateKey);
  const serial = randomBytes(16);
  // Positive, and of full length, so that it needs no padding.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(serial),
    algorithm.identifier,
    issuing.name,
    der.sequence(der.time(template.notBefore), der.time(template.notAfter)),
    subject,
    der.raw(spki),
    der.explicit(3, der.sequence(...buildExtensions(template, keyIdOf(spki), issuing.keyId))),
  );
  const signature = sign(algorithm.hash, renderDer(body), issuer.privateKey);
  return new X509Certificate(renderDer(der.sequence(body, algorithm.identifier, der.bitString(signature))));
}

function buildName(attributes: readonly NameAttribute[]): Asn1 {
  return der.sequence(...attributes.map(([oid, text]) => der.set(der.sequence(der.oid(oid), der.utf8String(text)))));
}

function buildExtensions(template: CertificateTemplate, keyId: Buffer, issuerKeyId: Buffer): Asn1[] {
  const { uris = [], dnsNames = [] } = template.names;
  const names = [
    ...uris.map((uri) => der.implicit(6, Buffer.from(uri, 'ascii'))),
    ...dnsNames.map((name) => der.implicit(2, Buffer.from(name, 'ascii'))),
  ];
  const common = [
    extension(oids.basicConstraints, true, template.authority ? der.sequence(der.boolean(true)) : der.sequence()),
    extension(oids.authorityKeyIdentifier, false, der.sequence(der.implicit(0, issuerKeyId))),
    extension(oids.subjectKeyIdentifier, false, der.octetString(keyId)),
  ];
  if (template.authority) {
    // keyCertSign and cRLSign: bits 5 and 6.
    return [extension(oids.keyUsage, true, der.bitString(Buffer.from([0x06]), 1)), ...common];
  }
  return [
    // digitalSignature and keyEncipherment: bits 0 and 2.
    extension(oids.keyUsage, true, der.bitString(Buffer.from([0xa0]), 5)),
    extension(oids.extendedKeyUsage, false, der.sequence(der.oid(oids.serverAuth), der.oid(oids.clientAuth))),
    ...common,
    // RFC 5280 4.2.1.6: critical when there is no subject beside it.
    ...(names.length > 0
      ? [extension(oids.subjectAltName, template.subject.length === 0, der.sequence(...names))]
      : []),
  ];
}

function extension(oid: string, critical: boolean, contents: Asn1): Asn1 {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(renderDer(contents)));
}

/** RFC 5280 4.2.1.2, method 1: SHA-1 over the key's bits, as a name and not for security. */
function keyIdOf(spki: Buffer): Buffer {
  const [, bits] = readChildren(parseDer(spki), 'sequence', 'the public key');
  return createHash('sha1').update(readBits(bits, 'the public key')).digest();
}

interface IssuerName {
  readonly name: Asn1;
  readonly keyId: Buffer;
}

const issuers = new WeakMap<X509Certificate, IssuerName>();

function readIssuer(certificate: X509Certificate): IssuerName {
  const known = issuers.get(certificate) ?? parseIssuer(certificate);
  issuers.set(certificate, known);
  return known;
}

/** The issuer's name and key identifier as its certificate has them, byte by byte. */
function parseIssuer(certificate: X509Certificate): IssuerName {
  const [body] = readChildren(parseDer(certificate.raw), 'sequence', 'the certificate');
  // version, serial, algorithm, issuer, validity, subject, key, extensions
  const parts = readChildren(body, 'sequence', 'the certificate');
  const name = parts[5];
  const extensions = parts.at(-1)?.value;
  if (!name) throw new LateenError('invalid', 'the issuer certificate has no subject');
  for (const node of Array.isArray(extensions) ? readChildren(extensions[0], 'sequence', 'the extensions') : []) {
    const [oid, ...rest] = readChildren(node, 'sequence', 'an extension');
    if (readOid(oid, 'an extension') !== oids.subjectKeyIdentifier) continue;
    return {
      name,
      keyId: readContents(
        parseDer(readContents(rest.at(-1), 'octetString', 'the key identifier')),
        'octetString',
        'the key identifier',
      ),
    };
  }
  return { name, keyId: keyIdOf(certificate.publicKey.export({ type: 'spki', format: 'der' })) };
}

function signatureAlgorithmOf(key: KeyObject): { hash: string; identifier: Asn1 } {
  if (key.asymmetricKeyType === 'rsa')
    return { hash: 'sha256', identifier: der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null()) };
  const { namedCurve } = createPublicKey(key).asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return { hash: 'sha256', identifier: der.sequence(der.oid('1.2.840.10045.4.3.2')) };
  if (namedCurve === 'secp384r1') return { hash: 'sha384', identifier: der.sequence(der.oid('1.2.840.10045.4.3.3')) };
  throw new LateenError('invalid', 'the signing key is not RSA, P-256 or P-384');
}
