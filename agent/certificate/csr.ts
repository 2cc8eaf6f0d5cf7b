/** A certificate request (PKCS #10, RFC 2986) for one SPIFFE id, with a fresh P-256 key that never leaves memory. */
import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { der } from './der.ts';

const generate = promisify(generateKeyPair);

const oids = {
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectAltName: '2.5.29.17',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
};

export async function generateKey(): Promise<KeyObject> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return privateKey;
}

/** PEM of a request with an empty subject and the URI as its only, critical, subject alternative name. */
export function buildCsr(privateKey: KeyObject, uri: string): string {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const uriName = der.contextText(6, uri);
  const subjectAltName = der.sequence(
    der.oid(oids.subjectAltName),
    der.boolean(true),
    der.octetString(der.sequence(uriName)),
  );
  const attributes = der.context(
    0,
    der.sequence(der.oid(oids.extensionRequest), der.set(der.sequence(subjectAltName))),
  );
  const info = der.sequence(der.integer(0), der.sequence(), publicKey, attributes);
  const request = der.sequence(
    info,
    der.sequence(der.oid(oids.ecdsaWithSha256)),
    der.bitString(sign('sha256', info, privateKey)),
  );
  const body = request.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`. */
export function buildSpiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
