/** Filter chains of outbound listeners. */
import type { Reader } from '#graph/types.ts';
import type { MeshService, ServiceQueries } from '../discovery/services.ts';
import { connectionRoutes } from '../frontend/istio/connectionroute.ts';
import { readVirtualService, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { type ListenerKey, parseLabels } from '../keys.ts';
import { sourceOf } from '../selection.ts';
import type { ClusterName, FilterChain } from '../types/resolved.ts';
import { disjoint } from './disjoint.ts';
import { findClusterFor } from './virtualhost.ts';

export interface ChainParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
}

/** What of a key decides by which VirtualService a service is reached. */
export type ChainClient = Pick<ListenerKey, 'client' | 'labels' | 'by'>;

/** What `http_inspector` finds in plain HTTP. */
export const plainHttp = ['http/1.0', 'http/1.1', 'h2c'] as const;

export function tcpChain(name: string, cluster: ClusterName, match: FilterChain['match'] = {}): FilterChain {
  const statPrefix = cluster.direction === 'special' ? cluster.name : name;
  return { name, match, handler: { kind: 'tcp', statPrefix, clusters: [{ cluster, weight: 1 }] }, sources: [] };
}

export function httpChain(name: string, rds: string, place: string): FilterChain {
  return {
    name,
    match: { transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
    handler: {
      kind: 'http',
      routes: { rds },
      statPrefix: `outbound_${place}`,
      role: 'sidecar-outbound',
      useRemoteAddress: false,
      forwardClientCert: 'SANITIZE_SET',
    },
    sources: [],
  };
}

/** Chains of the VirtualService that routes the host, the one that takes everything else last. */
export function connectionChains(
  reader: Reader,
  parts: ChainParts,
  service: MeshService,
  port: number,
  client: ChainClient,
): readonly FilterChain[] {
  const cluster: ClusterName = { direction: 'outbound', port, subset: '', hostname: service.hostname };
  const fallback: FilterChain = tcpChain(`outbound|${port}||${service.hostname}`, cluster);
  const config = readVirtualService(reader, parts.virtualServices, service.hostname, client);
  if (config === undefined) return [fallback];
  const routes = connectionRoutes(config, {
    scope: { port, gateways: ['mesh'], namespace: client.client, labels: parseLabels(client.labels) },
    findCluster: findClusterFor(
      reader,
      parts.services,
      parts.virtualServices.inputs.domainSuffix,
      config.namespace,
      port,
    ),
  });
  const chains = disjoint(routes).map(
    (route, at): FilterChain => ({
      name: `${fallback.name}/${at}`,
      match: route.match,
      handler: { kind: 'tcp', statPrefix: fallback.name, clusters: route.clusters },
      sources: [sourceOf('VirtualService', config)],
    }),
  );
  const last = chains.findIndex((chain) => Object.keys(chain.match).length === 0);
  return last === -1 ? [...chains, fallback] : chains.slice(0, last + 1);
}

/** The chain that takes everything stands apart: Envoy asks it when no other fits. */
export function lastChain(chains: readonly FilterChain[]): { readonly defaultFilterChain?: FilterChain } {
  const last = chains.at(-1);
  return last === undefined ? {} : { defaultFilterChain: last };
}
