import { isIP } from 'node:net';
import type {
  CertificateOrigin,
  ClientValidation,
  DownstreamTls,
  RootsOrigin,
  UpstreamProtocol,
  UpstreamTls,
} from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { MESH_TCP, resolveMeshHttp } from './alpn.ts';
import {
  filters,
  MTLS_SOCKET,
  PLAINTEXT_SOCKET,
  renderCertificateFiles,
  renderRootsFiles,
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
type ValidationContext = Message<'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext'>;
type SanMatcher = Message<'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher'>;

type MeshTls = Extract<UpstreamTls, { kind: 'auto-mtls' | 'istio-mutual' }>;
type OriginatedTls = Extract<UpstreamTls, { kind: 'tls' }>;

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
    alpnProtocols: [...(tls.alpn === 'http' ? resolveMeshHttp(protocol) : MESH_TCP)],
    tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2', tlsMaximumProtocolVersion: 'TLSv1_3' },
    tlsCertificateSdsSecretConfigs: [buildSecretConfig(WORKLOAD_CERTIFICATE)],
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: tls.subjectAltNames.flatMap(anyNameKind) },
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

function buildClientCertificate({ clientCertificate }: OriginatedTls): CommonTlsContext {
  return clientCertificate === undefined ? {} : buildCertificates([clientCertificate]);
}

function buildCertificates(certificates: readonly CertificateOrigin[]): CommonTlsContext {
  const names = certificates.map((one) =>
    'secret' in one ? one.secret : renderCertificateFiles(one.certificate, one.privateKey),
  );
  return { tlsCertificateSdsSecretConfigs: names.map(buildSecretConfig) };
}

function buildServerValidation(tls: OriginatedTls): CommonTlsContext {
  if (tls.insecureSkipVerify) return {};
  return buildValidation(tls.caCertificates ?? {}, {
    matchTypedSubjectAltNames: tls.subjectAltNames.flatMap(anyNameKind),
  });
}

function buildValidation(roots: RootsOrigin, checks: ValidationContext): CommonTlsContext {
  const name = 'secret' in roots ? roots.secret : renderRootsFiles(roots.file, roots.crl);
  return {
    combinedValidationContext: {
      defaultValidationContext: checks,
      validationContextSdsSecretConfig: buildSecretConfig(name),
    },
  };
}

function exactUri(exact: string): SanMatcher {
  return { sanType: 'URI', matcher: { exact } };
}

/** A name that the user gave may stand in the certificate as any kind of name; SPIFFE ids are URIs. */
function anyNameKind(exact: string): SanMatcher[] {
  if (exact.includes('://')) return [exactUri(exact)];
  const kind = isIP(exact) !== 0 ? 'IP_ADDRESS' : exact.includes('@') ? 'EMAIL' : 'DNS';
  return [{ sanType: kind, matcher: { exact } }, exactUri(exact)];
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
          requireClientCertificate: wrap(tls.clients?.optional === false),
          commonTlsContext: {
            ...buildServerParameters(tls),
            ...buildCertificates(tls.certificates),
            ...(tls.clients ? buildClientValidation(tls.clients) : {}),
          },
        };
  return {
    name: filters.tls,
    typedConfig: pack('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', context),
  };
}

const versions = { TLSV1_0: 'TLSv1_0', TLSV1_1: 'TLSv1_1', TLSV1_2: 'TLSv1_2', TLSV1_3: 'TLSv1_3' } as const;

type ServerTls = Exclude<DownstreamTls, { kind: 'mesh-mtls' }>;

function buildServerParameters(tls: ServerTls): CommonTlsContext {
  return {
    alpnProtocols: [...tls.alpn],
    tlsParams: {
      tlsMinimumProtocolVersion: versions[tls.minProtocolVersion ?? 'TLSV1_2'],
      ...(tls.maxProtocolVersion ? { tlsMaximumProtocolVersion: versions[tls.maxProtocolVersion] } : {}),
      ...(tls.cipherSuites ? { cipherSuites: [...tls.cipherSuites] } : {}),
      ...(tls.ecdhCurves ? { ecdhCurves: [...tls.ecdhCurves] } : {}),
    },
  };
}

function buildClientValidation(clients: ClientValidation): CommonTlsContext {
  return buildValidation(clients.roots, {
    matchTypedSubjectAltNames: clients.subjectAltNames.flatMap(anyNameKind),
    verifyCertificateHash: clients.certificateHashes,
    verifyCertificateSpki: clients.publicKeyHashes,
  });
}
