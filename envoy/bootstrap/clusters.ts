import { isIP } from 'node:net';
import { buildLoopbackAddress, resolveLookupFamily } from './address.ts';
import type { BootstrapOptions, Json } from './options.ts';

export const XDS_CLUSTER = 'xds-grpc';
const SDS_CLUSTER = 'sds-grpc';
export const AGENT_CLUSTER = 'agent';

const http2Options: Json = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicitHttpConfig: { http2ProtocolOptions: { connectionKeepalive: { interval: '30s', timeout: '10s' } } },
  },
};

/** The agent's socket as a source of secrets: `core.v3.ApiConfigSource`. */
export const SDS_SOURCE = {
  apiType: 'GRPC',
  transportApiVersion: 'V3',
  setNodeOnFirstMessageOnly: true,
  grpcServices: [{ envoyGrpc: { clusterName: SDS_CLUSTER } }],
} as const;

/** One gRPC secret by name from the agent's socket. */
function buildSdsSecret(name: string): Json {
  return {
    name,
    sdsConfig: {
      apiConfigSource: SDS_SOURCE,
      resourceApiVersion: 'V3',
      initialFetchTimeout: '0s',
    },
  };
}

function buildXdsTls(options: BootstrapOptions): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: options.discovery.serverName,
      commonTlsContext: {
        alpnProtocols: ['h2'],
        tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_2' },
        tlsCertificateSdsSecretConfigs: [buildSdsSecret(options.sds.certificate)],
        combinedValidationContext: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: [{ sanType: 'DNS', matcher: { exact: options.discovery.serverName } }],
          },
          validationContextSdsSecretConfig: buildSdsSecret(options.sds.rootCertificate),
        },
      },
    },
  };
}

function buildLoadAssignment(clusterName: string, address: Json): Json {
  return { clusterName, endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }] };
}

/** The control plane over mutual TLS, with the certificate that the agent serves by SDS. */
function buildXdsCluster(options: BootstrapOptions): Json {
  const { host, port } = options.discovery;
  const discovery: Json = isIP(host)
    ? { type: 'STATIC' }
    : {
        clusterType: {
          name: 'envoy.clusters.dns',
          typedConfig: {
            '@type': 'type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster',
            dnsLookupFamily: resolveLookupFamily(options.addressFamilies),
            dnsRefreshRate: '5s',
            respectDnsTtl: true,
            dnsFailureRefreshRate: { baseInterval: '0.1s', maxInterval: '2s' },
          },
        },
      };
  return {
    name: XDS_CLUSTER,
    altStatName: `${XDS_CLUSTER};`,
    ...discovery,
    connectTimeout: '1s',
    loadAssignment: buildLoadAssignment(XDS_CLUSTER, { socketAddress: { address: host, portValue: port } }),
    circuitBreakers: {
      thresholds: [
        { priority: 'DEFAULT', maxConnections: 100000, maxPendingRequests: 100000, maxRequests: 100000 },
        { priority: 'HIGH', maxConnections: 100000, maxPendingRequests: 100000, maxRequests: 100000 },
      ],
    },
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 300 } },
    typedExtensionProtocolOptions: http2Options,
    transportSocket: buildXdsTls(options),
  };
}

/** The three peers that Envoy knows without being told: its certificates, its control plane and its agent. */
export function buildBootstrapClusters(options: BootstrapOptions): readonly Json[] {
  return [
    {
      name: SDS_CLUSTER,
      altStatName: `${SDS_CLUSTER};`,
      type: 'STATIC',
      connectTimeout: '1s',
      loadAssignment: buildLoadAssignment(SDS_CLUSTER, { pipe: { path: options.sds.socketPath } }),
      typedExtensionProtocolOptions: http2Options,
    },
    buildXdsCluster(options),
    {
      name: AGENT_CLUSTER,
      altStatName: `${AGENT_CLUSTER};`,
      type: 'STATIC',
      connectTimeout: '0.250s',
      loadAssignment: buildLoadAssignment(
        AGENT_CLUSTER,
        buildLoopbackAddress(options.addressFamilies, options.agentPort),
      ),
    },
  ];
}
