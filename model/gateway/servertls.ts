import { passesThrough } from '../frontend/istio/gatewayservers.ts';
import { rootsNameOf, secretName } from '../secretnames.ts';
import { type Server, type ServerTLSSettings, selectCiphers, selectCurves } from '../specs.ts';
import type {
  CertificateOrigin,
  ClientValidation,
  DownstreamTls,
  RootsOrigin,
  TlsParameters,
} from '../types/resolved.ts';

type Version = 'TLSV1_0' | 'TLSV1_1' | 'TLSV1_2' | 'TLSV1_3';

/** TLS that ends at the router; undefined when no certificate is named that we can serve. */
export function resolveServerTls(server: Server, http: boolean): DownstreamTls | undefined {
  const tls = server.tls;
  const alpn = http ? ['h2', 'http/1.1'] : [];
  if (tls?.mode === 'ISTIO_MUTUAL') return { kind: 'mesh-mtls', alpn: http ? alpn : ['istio-peer-exchange', 'istio'] };
  if (tls === undefined) return undefined;
  const credentials = credentialsOf(server);
  if (credentials.length === 0) return resolveServerFiles(tls, alpn);
  const clientCa = clientCaOf(server);
  const certificates = credentials.map((name) => ({ secret: secretName(name) }));
  return resolveServer(tls, alpn, certificates, clientCa === undefined ? undefined : { secret: secretName(clientCa) });
}

/** TLS with files in the proxy's container; undefined when they are not all named. */
export function resolveServerFiles(settings: ServerTLSSettings, alpn: readonly string[]): DownstreamTls | undefined {
  const { caCertificates: file, caCrl: crl } = settings;
  const named = settings.tlsCertificates?.length ? settings.tlsCertificates : [settings];
  const certificates = named.flatMap(({ serverCertificate: certificate, privateKey }) =>
    certificate && privateKey ? [{ certificate, privateKey }] : [],
  );
  if (certificates.length < named.length) return undefined;
  return resolveServer(settings, alpn, certificates, file ? { file, ...(crl ? { crl } : {}) } : undefined);
}

function resolveServer(
  settings: ServerTLSSettings,
  alpn: readonly string[],
  certificates: readonly CertificateOrigin[],
  roots: RootsOrigin | undefined,
): DownstreamTls | undefined {
  // Without roots there is nothing to check clients against, and none may get in unchecked.
  if (checksClients(settings) && roots === undefined) return undefined;
  const clients: ClientValidation | undefined =
    roots === undefined || !checksClients(settings)
      ? undefined
      : {
          roots,
          optional: settings.mode === 'OPTIONAL_MUTUAL',
          subjectAltNames: settings.subjectAltNames ?? [],
          certificateHashes: settings.verifyCertificateHash ?? [],
          publicKeyHashes: settings.verifyCertificateSpki ?? [],
        };
  return {
    kind: 'server',
    certificates,
    alpn,
    ...(clients === undefined ? {} : { clients }),
    ...resolveTlsParameters(settings),
  };
}

const checksClients = ({ mode }: ServerTLSSettings): boolean => mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';

/** Versions, ciphers and curves, as far as they are said. */
export function resolveTlsParameters(tls: ServerTLSSettings): TlsParameters {
  const min = versionOf(tls.minProtocolVersion);
  const max = versionOf(tls.maxProtocolVersion);
  // Envoy refuses a listener for a cipher or curve that it doesn't know; one is left out, as admission says.
  const cipherSuites = selectCiphers(tls.cipherSuites ?? []);
  const ecdhCurves = selectCurves(tls.ecdhCurves ?? []);
  return {
    ...(min === undefined ? {} : { minProtocolVersion: min }),
    ...(max === undefined ? {} : { maxProtocolVersion: max }),
    ...(cipherSuites.length === 0 ? {} : { cipherSuites }),
    ...(ecdhCurves.length === 0 ? {} : { ecdhCurves }),
  };
}

/** The Secrets with certificates and keys. */
export function credentialsOf(server: Server): readonly string[] {
  const { tls } = server;
  if (passesThrough(server)) return [];
  return [tls?.credentialName ?? '', ...(tls?.credentialNames ?? [])].filter((name) => name !== '');
}

/**
 * Where the roots are that clients are checked against (`NAME-cacert`): in a Secret of their own, or beside the first
 * certificate.
 */
export function clientCaOf(server: Server): string | undefined {
  const { tls } = server;
  const [credential] = credentialsOf(server);
  if (tls === undefined || !checksClients(tls) || credential === undefined) return undefined;
  return rootsNameOf(tls.caCertCredentialName || credential);
}

function versionOf(version: string | undefined): Version | undefined {
  return version === 'TLSV1_0' || version === 'TLSV1_1' || version === 'TLSV1_2' || version === 'TLSV1_3'
    ? version
    : undefined;
}
