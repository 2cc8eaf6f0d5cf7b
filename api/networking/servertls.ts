import * as z from 'zod';
import { celCount, countSet, withRule } from '../schema/rule.ts';
import { nullable, type Value } from '../schema/vocabulary.ts';

const protocolVersion = () => z.enum(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);

const TLSCertificate = z.object({
  serverCertificate: z.string().optional().describe('File of the certificate chain.'),
  privateKey: z.string().optional().describe('File of the private key.'),
  caCertificates: z.string().optional().describe('File of the roots that clients are checked against.'),
});

const fields = z.object({
  httpsRedirect: z.boolean().optional().describe('Answer plain HTTP with a redirect to HTTPS.'),
  mode: z
    .enum(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'])
    .optional()
    .describe('Whether TLS ends here, and whether the client must show a certificate.'),
  serverCertificate: z.string().optional().describe('File of the certificate chain.'),
  privateKey: z.string().optional().describe('File of the private key.'),
  caCertificates: z.string().optional().describe('File of the roots that clients are checked against.'),
  caCrl: z.string().optional().describe('File of the revocation list.'),
  tlsCertificates: z
    .array(TLSCertificate)
    .min(1)
    .max(2)
    .optional()
    .describe('Certificates of different key types, such as RSA and ECDSA.'),
  credentialName: z.string().optional().describe('Secret that holds the certificate and key.'),
  credentialNames: z.array(z.string()).min(1).max(2).optional().describe('Secrets of different key types.'),
  caCertCredentialName: z.string().optional().describe('Secret or ConfigMap that holds the roots for clients.'),
  subjectAltNames: z.array(z.string()).optional().describe('Names of which the client certificate must bear one.'),
  verifyCertificateSpki: z
    .array(z.string())
    .optional()
    .describe('Accepted hashes of the client public key, in base64.'),
  verifyCertificateHash: z.array(z.string()).optional().describe('Accepted hashes of the client certificate, in hex.'),
  minProtocolVersion: protocolVersion().optional().describe('Oldest TLS version.'),
  maxProtocolVersion: protocolVersion().optional().describe('Newest TLS version.'),
  cipherSuites: z.array(z.string()).optional().describe('Ciphers to offer, in Envoy’s names.'),
  ecdhCurves: z.array(z.string()).optional().describe('Curves to offer, in Envoy’s names.'),
  insecureSkipVerify: nullable(z.boolean()).describe('No longer used on servers.'),
});

function oneOf<S extends z.ZodObject>(
  schema: S,
  first: keyof S['shape'] & string,
  second: keyof S['shape'] & string,
): S {
  return withRule(schema, {
    cel: `${celCount(first, second)} <= 1`,
    message: `only one of ${first} and ${second} may be set`,
    holds: (tls) => countSet(tls, [first, second]) <= 1,
  });
}

/** How a proxy answers TLS: a Gateway server or a Sidecar ingress listener. */
export const ServerTLSSettings = oneOf(
  oneOf(fields, 'tlsCertificates', 'credentialNames'),
  'credentialName',
  'credentialNames',
);
export type ServerTLSSettings = Value<typeof ServerTLSSettings>;
