/** PEM bundles: split, compared by content, never by their white space. */
import { X509Certificate } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';

/** The certificates of a PEM bundle in order, each normalised; throws `invalid` when one does not parse. */
export function parseBundle(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new LateenError('invalid', 'a certificate in the PEM bundle does not parse', { cause: error });
    }
  });
}

export function renderBundle(certificates: readonly X509Certificate[]): string {
  const seen = new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate.toString()]));
  return [...seen.values()].join('');
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}
