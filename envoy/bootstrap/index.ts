/**
 * Owns: the bootstrap that the agent writes before it starts Envoy; an entry of its own, because it travels in every pod.
 * May import: nothing outside this folder.
 * Invariants: pure; the result is the protobuf JSON form of envoy.config.bootstrap.v3.Bootstrap and names nothing that
 * stock Envoy lacks.
 */
import { buildLoopbackAddress } from './address.ts';
import { buildBootstrapClusters, XDS_CLUSTER } from './clusters.ts';
import { buildBootstrapListeners } from './listeners.ts';
import type { BootstrapOptions, Json } from './options.ts';
import { buildStatsConfig } from './stats.ts';

export { AGENT_CLUSTER, SDS_SOURCE, XDS_CLUSTER } from './clusters.ts';
export { type BootstrapOptions, bootstrapDefaults, type Json } from './options.ts';

/** Runtime keys that differ from Envoy's own defaults; each with its reason in docs of the key. */
const runtimeDefaults: Readonly<Record<string, string | boolean>> = {
  're2.max_program_size.error_level': '32768',
  'envoy.reloadable_features.http_reject_path_with_fragment': false,
};

/**
 * Envoy's own bound is 30 s: a proxy that started before its certificate or its control plane was there would stand idle
 * long after both are.
 */
const reconnection: Json = { retryBackOff: { baseInterval: '0.3s', maxInterval: '3s' } };

/**
 * Left to itself Envoy asks a name server that says nothing for 54 s. For so long a proxy that starts serves nobody, and one
 * that runs acknowledges no clusters, because of one host.
 */
function buildResolver({ dnsQuery: { timeoutSeconds, tries } }: BootstrapOptions): Json {
  return {
    name: 'envoy.network.dns_resolver.cares',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      queryTimeoutSeconds: timeoutSeconds,
      queryTries: tries,
    },
  };
}

/** Everything Envoy must know to start, find its certificates and reach the control plane by delta ADS. */
export function buildBootstrap(options: BootstrapOptions): Json {
  const fromAds: Json = { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' };
  return {
    node: {
      id: options.nodeId,
      cluster: options.cluster,
      locality: { region: options.locality.region, zone: options.locality.zone, subZone: options.locality.subzone },
      metadata: options.metadata,
    },
    admin: { address: buildLoopbackAddress(options.addressFamilies, options.adminPort) },
    layeredRuntime: {
      layers: [
        { name: 'static', staticLayer: { ...runtimeDefaults, ...options.runtimeValues } },
        { name: 'admin', adminLayer: {} },
      ],
    },
    statsConfig: buildStatsConfig(options.statsInclusion),
    typedDnsResolverConfig: buildResolver(options),
    overloadManager: {
      refreshInterval: '0.25s',
      resourceMonitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typedConfig: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            maxActiveDownstreamConnections: options.maxDownstreamConnections,
          },
        },
      ],
    },
    dynamicResources: {
      ldsConfig: fromAds,
      cdsConfig: fromAds,
      adsConfig: {
        apiType: 'DELTA_GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: XDS_CLUSTER }, retryPolicy: reconnection }],
      },
    },
    staticResources: {
      clusters: buildBootstrapClusters(options),
      listeners: buildBootstrapListeners(options),
    },
  };
}
