import { type Server, type ServerTLSSettings, selectCiphers } from '../specs.ts';
import type { DownstreamTls, TlsParameters } from '../types/resolved.ts';

/** Name under which a router asks for a Secret of its own namespace. */
export const secretName = (credential: string): string => `kubernetes://${credential}`;

type Version = 'TLSV1_0' | 'TLSV1_1' | 'TLSV1_2' | 'TLSV1_3';

/** TLS that ends at the router; undefined when no certificate is named that we can serve. */
export function resolveServerTls(server: Server, http: boolean): DownstreamTls | undefined {
  const tls = server.tls;
  const alpn = http ? ['h2', 'http/1.1'] : [];
  if (tls?.mode === 'ISTIO_MUTUAL') return { kind: 'mesh-mtls', alpn: http ? alpn : ['istio-peer-exchange', 'istio'] };
  const credential = credentialOf(server);
  // Clients may do without a certificate only where nothing else says so: an optional one cannot be asked for here.
  if (tls === undefined || tls.mode === 'OPTIONAL_MUTUAL') return undefined;
  if (credential === undefined) return resolveServerFiles(tls, alpn);
  const clientCa = clientCaOf(server);
  return {
    kind: 'server',
    secret: secretName(credential),
    alpn,
    ...(clientCa === undefined ? {} : { clientCa: { secret: secretName(clientCa) } }),
    ...resolveTlsParameters(tls),
  };
}

/** TLS with files in the proxy's container; undefined when they are not all named. */
export function resolveServerFiles(settings: ServerTLSSettings, alpn: readonly string[]): DownstreamTls | undefined {
  const { mode, serverCertificate, privateKey, caCertificates } = settings;
  if (!serverCertificate || !privateKey) return undefined;
  const checksClients = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  if (checksClients && !caCertificates) return undefined;
  return {
    kind: 'files',
    certificate: serverCertificate,
    privateKey,
    alpn,
    ...(checksClients && caCertificates
      ? { clientCa: { file: caCertificates, optional: mode === 'OPTIONAL_MUTUAL' } }
      : {}),
    ...resolveTlsParameters(settings),
  };
}

/** Versions and ciphers, as far as they are said. */
export function resolveTlsParameters(tls: ServerTLSSettings): TlsParameters {
  const min = versionOf(tls.minProtocolVersion);
  const max = versionOf(tls.maxProtocolVersion);
  // Envoy refuses a listener for a cipher that it doesn't know; one is left out, as admission says.
  const cipherSuites = selectCiphers(tls.cipherSuites ?? []);
  return {
    ...(min === undefined ? {} : { minProtocolVersion: min }),
    ...(max === undefined ? {} : { maxProtocolVersion: max }),
    ...(cipherSuites.length === 0 ? {} : { cipherSuites }),
  };
}

/** The Secret with certificate and key. */
export function credentialOf(server: Server): string | undefined {
  const name = server.tls?.credentialName || server.tls?.credentialNames?.[0];
  return name === undefined || name === '' ? undefined : name;
}

/** The Secret with the roots that clients are checked against, for MUTUAL. */
export function clientCaOf(server: Server): string | undefined {
  const credential = credentialOf(server);
  if (server.tls?.mode !== 'MUTUAL' || credential === undefined) return undefined;
  return server.tls.caCertCredentialName || `${credential}-cacert`;
}

function versionOf(version: string | undefined): Version | undefined {
  return version === 'TLSV1_0' || version === 'TLSV1_1' || version === 'TLSV1_2' || version === 'TLSV1_3'
    ? version
    : undefined;
}
