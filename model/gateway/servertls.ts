import type { Server, ServerTLSSettings } from '../specs.ts';
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
  if (tls === undefined || credential === undefined) return undefined;
  const clientCa = clientCaOf(server);
  // Clients may do without a certificate only where nothing else says so: an optional one cannot be asked for here.
  if (tls.mode === 'OPTIONAL_MUTUAL') return undefined;
  return {
    kind: 'server',
    secret: secretName(credential),
    alpn,
    ...(clientCa === undefined ? {} : { clientCa: { secret: secretName(clientCa) } }),
    ...resolveTlsParameters(tls),
  };
}

/** Versions and ciphers, as far as they are said. */
export function resolveTlsParameters(tls: ServerTLSSettings): TlsParameters {
  const min = versionOf(tls.minProtocolVersion);
  const max = versionOf(tls.maxProtocolVersion);
  return {
    ...(min === undefined ? {} : { minProtocolVersion: min }),
    ...(max === undefined ? {} : { maxProtocolVersion: max }),
    ...(tls.cipherSuites === undefined || tls.cipherSuites.length === 0 ? {} : { cipherSuites: tls.cipherSuites }),
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
