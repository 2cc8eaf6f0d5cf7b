import type { OwnPorts, ProxyFacts } from '#model/index.ts';
import type { Proxy as MeshProxy } from '#xds/source.ts';

/** What the model reads of a proxy; where an identity is proven, it is the identity that counts and not the claim. */
export function factsOf(proxy: MeshProxy): ProxyFacts {
  return {
    type: proxy.type,
    namespace: proxy.identity?.namespace ?? proxy.namespace,
    podName: proxy.podName,
    ipAddresses: proxy.ipAddresses,
    labels: proxy.labels,
    serviceAccount: proxy.identity?.serviceAccount ?? proxy.serviceAccount,
    clusterId: proxy.clusterId,
    network: proxy.network,
    locality: proxy.locality,
    interceptionMode: proxy.interceptionMode,
    envoyVersion: proxy.envoyVersion,
    extensions: proxy.extensions,
    dnsCapture: proxy.metadata.DNS_CAPTURE === true || proxy.metadata.DNS_CAPTURE === 'true',
    ownPorts: ownPortsOf(proxy.metadata),
  };
}

function ownPortsOf({ ENVOY_STATUS_PORT, ENVOY_PROMETHEUS_PORT }: MeshProxy['metadata']): OwnPorts {
  const [readiness, prometheus] = [ENVOY_STATUS_PORT, ENVOY_PROMETHEUS_PORT].map(parsePort);
  return { ...(readiness === undefined ? {} : { readiness }), ...(prometheus === undefined ? {} : { prometheus }) };
}

function parsePort(value: unknown): number | undefined {
  const port = typeof value === 'number' || typeof value === 'string' ? Number(value) : 0;
  return Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined;
}
