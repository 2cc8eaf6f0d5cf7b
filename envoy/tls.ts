import type { DownstreamTls, UpstreamProtocol, UpstreamTls } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import {
  filters,
  MTLS_SOCKET,
  PLAINTEXT_SOCKET,
  renderCertificateFiles,
  renderRootsFile,
  SYSTEM_ROOTS,
  TLS_MODE_ISTIO,
  TLS_MODE_KEY,
  WORKLOAD_CERTIFICATE,
  WORKLOAD_ROOTS,
} from './names.ts';
import { buildSecretConfig } from './secret.ts';
import { wrap } from './values.ts';

type TransportSocket = Message<'envoy.config.core.v3.TransportSocket'>;
type TransportSocketMatch = Message<'envoy.config.cluster.v3.Cluster.TransportSocketMatch'>;
type CommonTlsContext = Message<'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'>;
type SanMatcher = Message<'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher'>;

type MeshTls = Extract<UpstreamTls, { kind: 'auto-mtls' | 'istio-mutual' }>;
type OriginatedTls = Extract<UpstreamTls, { kind: 'tls' }>;

/**
 * What a client offers inside mesh TLS. A server that accepts both HTTP and TCP on one port picks its filter chain by
 * these values; stock Envoy has no filter that rewrites them per request, so the cluster's own protocol decides.
 */
export function resolveMeshAlpn(alpn: MeshTls['alpn'], protocol: UpstreamProtocol): readonly string[] {
  if (alpn !== 'http') return ['istio'];
  return protocol === 'http2' ? ['istio-h2', 'istio', 'h2'] : ['istio-http/1.1', 'istio', 'http/1.1'];
}

/** The transport socket of a cluster, or one per kind of endpoint when mTLS depends on the endpoint. */
export function buildUpstreamTransport(
  tls: UpstreamTls,
  protocol: UpstreamProtocol,
): { readonly transportSocket?: TransportSocket; readonly transportSocketMatches?: TransportSocketMatch[] } {
  switch (tls.kind) {
    case 'none':
      return {};
    case 'istio-mutual':
      return { transportSocket: buildMeshSocket(tls, protocol) };
    case 'tls':
      return { transportSocket: buildOriginatedSocket(tls, protocol) };
    case 'auto-mtls':
      return {
        transportSocketMatches: [
          {
            name: MTLS_SOCKET,
            match: { fields: { [TLS_MODE_KEY]: { stringValue: TLS_MODE_ISTIO } } },
            transportSocket: buildMeshSocket(tls, protocol),
          },
          { name: PLAINTEXT_SOCKET, match: {}, transportSocket: rawBuffer() },
        ],
      };
  }
}

function rawBuffer(): TransportSocket {
  return {
    name: filters.rawBuffer,
    typedConfig: pack('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
  };
}

function buildMeshSocket(tls: MeshTls, protocol: UpstreamProtocol): TransportSocket {
  return buildUpstreamSocket(tls.sni, {
    alpnProtocols: [...resolveMeshAlpn(tls.alpn, protocol)],
    tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2', tlsMaximumProtocolVersion: 'TLSv1_3' },
    tlsCertificateSdsSecretConfigs: [buildSecretConfig(WORKLOAD_CERTIFICATE)],
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: tls.subjectAltNames.map(exactUri) },
      validationContextSdsSecretConfig: buildSecretConfig(WORKLOAD_ROOTS),
    },
  });
}

/** TLS that the user asked for towards servers outside of mesh mTLS (modes SIMPLE and MUTUAL). */
function buildOriginatedSocket(tls: OriginatedTls, protocol: UpstreamProtocol): TransportSocket {
  return buildUpstreamSocket(tls.sni, {
    ...(protocol === 'http2' ? { alpnProtocols: ['h2'] } : {}),
    ...buildClientCertificate(tls),
    ...buildServerValidation(tls),
  });
}

function buildUpstreamSocket(sni: string, commonTlsContext: CommonTlsContext): TransportSocket {
  return {
    name: filters.tls,
    typedConfig: pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni, commonTlsContext }),
  };
}

function buildClientCertificate({ clientCertificate: given }: OriginatedTls): CommonTlsContext {
  if (given === undefined) return {};
  const name = 'secret' in given ? given.secret : renderCertificateFiles(given.certificate, given.privateKey);
  return { tlsCertificateSdsSecretConfigs: [buildSecretConfig(name)] };
}

function buildServerValidation(tls: OriginatedTls): CommonTlsContext {
  if (tls.insecureSkipVerify) return {};
  const names = { matchTypedSubjectAltNames: tls.subjectAltNames.flatMap(anyNameKind) };
  const roots = tls.caCertificates ?? { secret: SYSTEM_ROOTS };
  const name = 'file' in roots ? renderRootsFile(roots.file) : roots.secret;
  return {
    combinedValidationContext: {
      defaultValidationContext: names,
      validationContextSdsSecretConfig: buildSecretConfig(name),
    },
  };
}

function exactUri(exact: string): SanMatcher {
  return { sanType: 'URI', matcher: { exact } };
}

/** A name that the user gave may stand in the certificate as any kind of name. */
function anyNameKind(exact: string): SanMatcher[] {
  if (exact.includes('://')) return [exactUri(exact)];
  return [
    { sanType: 'DNS', matcher: { exact } },
    { sanType: 'URI', matcher: { exact } },
  ];
}

/** What a filter chain presents and demands. */
export function buildDownstreamTransport(tls: DownstreamTls): TransportSocket {
  const context =
    tls.kind === 'mesh-mtls'
      ? {
          requireClientCertificate: wrap(true),
          commonTlsContext: {
            alpnProtocols: [...tls.alpn],
            tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2' as const, tlsMaximumProtocolVersion: 'TLSv1_3' as const },
            tlsCertificateSdsSecretConfigs: [buildSecretConfig(WORKLOAD_CERTIFICATE)],
            validationContextSdsSecretConfig: buildSecretConfig(WORKLOAD_ROOTS),
          },
        }
      : {
          requireClientCertificate: wrap(requiresClientCertificate(tls)),
          commonTlsContext: { ...buildServerParameters(tls), ...buildServerIdentity(tls) },
        };
  return {
    name: filters.tls,
    typedConfig: pack('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', context),
  };
}

const versions = { TLSV1_0: 'TLSv1_0', TLSV1_1: 'TLSv1_1', TLSV1_2: 'TLSv1_2', TLSV1_3: 'TLSv1_3' } as const;

type ServerTls = Exclude<DownstreamTls, { kind: 'mesh-mtls' }>;

function requiresClientCertificate(tls: ServerTls): boolean {
  return tls.kind === 'files' ? tls.clientCa?.optional === false : tls.clientCa !== undefined;
}

function buildServerParameters(tls: ServerTls): CommonTlsContext {
  return {
    alpnProtocols: [...tls.alpn],
    tlsParams: {
      tlsMinimumProtocolVersion: versions[tls.minProtocolVersion ?? 'TLSV1_2'],
      ...(tls.maxProtocolVersion ? { tlsMaximumProtocolVersion: versions[tls.maxProtocolVersion] } : {}),
      ...(tls.cipherSuites ? { cipherSuites: [...tls.cipherSuites] } : {}),
    },
  };
}

function buildServerIdentity(tls: ServerTls): CommonTlsContext {
  if (tls.kind === 'files') {
    const { certificate, privateKey, clientCa } = tls;
    const names = { certificate: renderCertificateFiles(certificate, privateKey) };
    return buildServedIdentity({ ...names, ...(clientCa ? { roots: renderRootsFile(clientCa.file) } : {}) });
  }
  return buildServedIdentity({
    certificate: tls.secret,
    ...(tls.clientCa ? { roots: tls.clientCa.secret } : {}),
  });
}

/** By SDS names. */
function buildServedIdentity(names: { readonly certificate: string; readonly roots?: string }): CommonTlsContext {
  return {
    tlsCertificateSdsSecretConfigs: [buildSecretConfig(names.certificate)],
    ...(names.roots === undefined ? {} : { validationContextSdsSecretConfig: buildSecretConfig(names.roots) }),
  };
}
