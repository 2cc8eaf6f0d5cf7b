import type { Cluster, LoadBalancing } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildOffers } from './alpn.ts';
import { buildDnsCache, lookupFamilies } from './dns-cache.ts';
import { buildLoadAssignment, buildStrings } from './endpoint.ts';
import { filters, renderClusterName, renderStatPrefix } from './names.ts';
import { buildUpstreamTransport } from './tls.ts';
import { buildDuration, present, wrap } from './values.ts';

type ClusterMessage = Message<'envoy.config.cluster.v3.Cluster'>;
type HttpProtocolOptions = Message<'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'>;

/** No limit of Envoy's own: a mesh limits where its DestinationRules say so. */
const UNLIMITED = 4_294_967_295;

/** How long a cluster may wait for its first endpoints before it counts as warm without any. */
const FIRST_ENDPOINTS_MS = 5_000;

const policies = {
  ROUND_ROBIN: 'ROUND_ROBIN',
  LEAST_REQUEST: 'LEAST_REQUEST',
  RANDOM: 'RANDOM',
  PASSTHROUGH: 'CLUSTER_PROVIDED',
} as const satisfies Record<LoadBalancing, string>;

/**
 * One Envoy cluster. Below the share of healthy endpoints that a rule names, Envoy sends to all of them; without a rule it
 * never sends to one that Kubernetes calls unready. Never names an extension that stock Envoy lacks.
 */
export function buildCluster(cluster: Cluster): ClusterMessage {
  const name = renderClusterName(cluster.name);
  return {
    name,
    altStatName: renderStatPrefix(name),
    ...buildDiscovery(cluster, name),
    connectTimeout: buildDuration(cluster.connectTimeoutMs),
    lbPolicy: balancesItself(cluster.discovery) ? 'CLUSTER_PROVIDED' : policies[cluster.loadBalancing],
    commonLbConfig: { healthyPanicThreshold: { value: cluster.outlierDetection?.minHealthPercent ?? 0 } },
    circuitBreakers: buildCircuitBreakers(cluster.connectionPool),
    ...present('outlierDetection', cluster.outlierDetection && buildOutlierDetection(cluster.outlierDetection)),
    ...buildKeepalive(cluster.connectionPool),
    ...buildProtocolOptions(cluster),
    ...buildUpstreamTransport(cluster.tls, cluster.protocol),
    ...buildBind(cluster.upstreamBindAddresses),
    ...buildMetadata(cluster),
  };
}

/** The destination is in the connection or in the request. */
const balancesItself = ({ kind }: Cluster['discovery']): boolean => kind === 'original-dst' || kind === 'dynamic-dns';

function buildDiscovery({ discovery, tls }: Cluster, name: string): ClusterMessage {
  switch (discovery.kind) {
    case 'eds':
      return {
        type: 'EDS',
        edsClusterConfig: {
          edsConfig: { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout: buildDuration(FIRST_ENDPOINTS_MS) },
          serviceName: name,
        },
      };
    case 'original-dst':
      return {
        type: 'ORIGINAL_DST',
        ...(discovery.port === undefined
          ? {}
          : { originalDstLbConfig: { upstreamPortOverride: wrap(discovery.port) } }),
      };
    case 'static':
      return { type: 'STATIC', loadAssignment: buildLoadAssignment(discovery.endpoints) };
    case 'strict-dns':
    case 'logical-dns':
      return {
        clusterType: {
          name: 'envoy.clusters.dns',
          typedConfig: pack('envoy.extensions.clusters.dns.v3.DnsCluster', {
            dnsRefreshRate: buildDuration(discovery.lookup.refreshMs),
            respectDnsTtl: true,
            dnsLookupFamily: lookupFamilies[discovery.lookup.families],
            allAddressesInSingleEndpoint: discovery.kind === 'logical-dns',
          }),
        },
        loadAssignment: buildLoadAssignment(discovery.endpoints),
      };
    case 'dynamic-dns':
      return {
        clusterType: {
          name: 'envoy.clusters.dynamic_forward_proxy',
          typedConfig: pack('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
            dnsCacheConfig: buildDnsCache(discovery.lookup),
            ...(namesItself(tls) ? { allowInsecureClusterOptions: true } : {}),
          }),
        },
      };
  }
}

/** Envoy wants to be told that names other than those of the requests are meant. */
function namesItself(tls: Cluster['tls']): boolean {
  const { autoSni, autoSanValidation } = nameByRequest(tls);
  return !autoSni || !autoSanValidation;
}

/** What TLS takes out of each request: the name of the server, wherever the user did not say it. */
function buildNameByRequest({ discovery, tls }: Cluster): HttpProtocolOptions {
  if (discovery.kind === 'dynamic-dns') return { upstreamHttpProtocolOptions: nameByRequest(tls) };
  return tls.kind === 'tls' && tls.sni === '' ? { upstreamHttpProtocolOptions: nameByRequest(tls) } : {};
}

/**
 * Where each request names its own server, so does TLS, and the certificate must bear that name, unless the user says which
 * names are meant, or that any is.
 */
function nameByRequest(tls: Cluster['tls']): Message<'envoy.config.core.v3.UpstreamHttpProtocolOptions'> {
  if (tls.kind === 'none') return { autoSni: true, autoSanValidation: true };
  const checksAny = tls.kind === 'tls' && tls.insecureSkipVerify;
  return { autoSni: tls.sni === '', autoSanValidation: tls.subjectAltNames.length === 0 && !checksAny };
}

function buildCircuitBreakers(
  pool: Cluster['connectionPool'] = {},
): Message<'envoy.config.cluster.v3.CircuitBreakers'> {
  return {
    thresholds: [
      {
        maxConnections: wrap(pool.maxConnections ?? UNLIMITED),
        maxPendingRequests: wrap(pool.maxPendingRequests ?? UNLIMITED),
        maxRequests: wrap(pool.maxRequests ?? UNLIMITED),
        maxRetries: wrap(pool.maxRetries ?? UNLIMITED),
        trackRemaining: true,
      },
    ],
  };
}

/** Ejects only for the errors that the rule names; Envoy's success-rate detector is not part of Istio's API. */
function buildOutlierDetection(
  rule: NonNullable<Cluster['outlierDetection']>,
): Message<'envoy.config.cluster.v3.OutlierDetection'> {
  const split = rule.splitExternalLocalOriginErrors ?? false;
  return {
    ...present('consecutive5xx', rule.consecutive5xx === undefined ? undefined : wrap(rule.consecutive5xx)),
    enforcingConsecutive5xx: wrap(rule.consecutive5xx === 0 ? 0 : 100),
    ...(rule.consecutiveGatewayErrors === undefined
      ? {}
      : {
          consecutiveGatewayFailure: wrap(rule.consecutiveGatewayErrors),
          enforcingConsecutiveGatewayFailure: wrap(rule.consecutiveGatewayErrors === 0 ? 0 : 100),
        }),
    enforcingSuccessRate: wrap(0),
    ...(split ? { splitExternalLocalOriginErrors: true, enforcingLocalOriginSuccessRate: wrap(0) } : {}),
    ...(split && rule.consecutiveLocalOriginFailures !== undefined
      ? {
          consecutiveLocalOriginFailure: wrap(rule.consecutiveLocalOriginFailures),
          enforcingConsecutiveLocalOriginFailure: wrap(100),
        }
      : {}),
    ...present('interval', rule.intervalMs === undefined ? undefined : buildDuration(rule.intervalMs)),
    ...present(
      'baseEjectionTime',
      rule.baseEjectionTimeMs === undefined ? undefined : buildDuration(rule.baseEjectionTimeMs),
    ),
    ...present('maxEjectionPercent', rule.maxEjectionPercent === undefined ? undefined : wrap(rule.maxEjectionPercent)),
  };
}

function buildKeepalive(pool: Cluster['connectionPool']): ClusterMessage {
  const keepalive = pool?.tcpKeepalive;
  if (keepalive === undefined) return {};
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : wrap(Math.round(ms / 1000)));
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...present('keepaliveProbes', keepalive.probes === undefined ? undefined : wrap(keepalive.probes)),
        ...present('keepaliveTime', seconds(keepalive.timeMs)),
        ...present('keepaliveInterval', seconds(keepalive.intervalMs)),
      },
    },
  };
}

function buildProtocolOptions(cluster: Cluster): ClusterMessage {
  const { protocol, connectionPool: pool } = cluster;
  if (protocol === 'tcp') return {};
  const options: HttpProtocolOptions = {
    commonHttpProtocolOptions: {
      ...present('idleTimeout', pool?.idleTimeoutMs === undefined ? undefined : buildDuration(pool.idleTimeoutMs)),
      ...present(
        'maxRequestsPerConnection',
        pool?.maxRequestsPerConnection === undefined ? undefined : wrap(pool.maxRequestsPerConnection),
      ),
    },
    ...buildNameByRequest(cluster),
    ...(protocol === 'http1' ? { explicitHttpConfig: { httpProtocolOptions: {} } } : {}),
    ...(protocol === 'http2' ? { explicitHttpConfig: { http2ProtocolOptions: {} } } : {}),
    ...(protocol === 'downstream'
      ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} } }
      : {}),
  };
  return {
    typedExtensionProtocolOptions: {
      [filters.httpProtocolOptions]: pack('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', options),
    },
  };
}

/** Of several source addresses Envoy takes the one in the family of the destination. */
function buildBind(addresses: readonly string[] = []): ClusterMessage {
  const [main, ...others] = addresses.map((address) => ({ address, portValue: 0 }));
  if (main === undefined) return {};
  return {
    upstreamBindConfig: {
      sourceAddress: main,
      extraSourceAddresses: others.map((address) => ({ address })),
    },
  };
}

function buildMetadata(cluster: Cluster): ClusterMessage {
  const filterMetadata = { ...buildServiceMetadata(cluster.service), ...buildOffers(cluster) };
  return Object.keys(filterMetadata).length === 0 ? {} : { metadata: { filterMetadata } };
}

/** Read by access logs and metrics: whose traffic this cluster carries. */
function buildServiceMetadata(
  service: Cluster['service'],
): Readonly<Record<string, Message<'google.protobuf.Struct'>>> {
  if (service === undefined) return {};
  return {
    istio: buildStrings({
      service: service.hostname,
      service_name: service.name,
      service_namespace: service.namespace,
    }),
  };
}
