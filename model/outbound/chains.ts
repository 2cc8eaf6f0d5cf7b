/** Filter chains of outbound listeners. */
import type { Reader } from '#graph/types.ts';
import { isTls, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { connectionRoutes, takesEverything } from '../frontend/istio/connectionroute.ts';
import { readVirtualServices, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { isPartialWildcard } from '../hosts.ts';
import { type ListenerKey, parseLabels } from '../keys.ts';
import { sourceOf } from '../selection.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { ClusterName, FilterChain, FilterChainMatch, Listener, Lookup, RouteTable } from '../types/resolved.ts';
import { disjoint } from './disjoint.ts';
import { resolveLookup } from './lookup.ts';
import { findClusterFor } from './virtualhost.ts';

export interface ChainParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
}

/** What of a key decides by which VirtualServices a service is reached. */
export type ChainClient = Pick<ListenerKey, 'client' | 'labels' | 'by'>;

/** What `http_inspector` finds in plain HTTP. */
export const plainHttp = ['http/1.0', 'http/1.1', 'h2c'] as const;

export function tcpChain(name: string, cluster: ClusterName, match: FilterChain['match'] = {}): FilterChain {
  const statPrefix = cluster.direction === 'special' ? cluster.name : name;
  return { name, match, handler: { kind: 'tcp', statPrefix, clusters: [{ cluster, weight: 1 }] }, sources: [] };
}

export interface HttpChainOptions {
  /** How addresses are looked up by the host of each request, where some routes need it. */
  readonly lookup?: Lookup | undefined;
  /** What else must hold. */
  readonly match?: FilterChainMatch;
}

/** `rds`: the name of a route table, or the table itself. */
export function httpChain(
  name: string,
  rds: string | RouteTable,
  place: string,
  options: HttpChainOptions = {},
): FilterChain {
  const { lookup, match = {} } = options;
  return {
    name,
    match: { ...match, transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
    handler: {
      kind: 'http',
      routes: typeof rds === 'string' ? { rds } : { inline: rds },
      statPrefix: `outbound_${place}`,
      ...(lookup === undefined ? {} : { lookup }),
      role: 'sidecar-outbound',
      useRemoteAddress: false,
      forwardClientCert: 'SANITIZE_SET',
    },
    sources: [],
  };
}

/**
 * What a connection must show on a listener of the service's own. Where the address is looked up by the server's name,
 * only names of the service are.
 */
export function ownMatch(service: MeshService, port: ServicePort): FilterChainMatch {
  return service.resolution === 'dynamic-dns' && isTls(port.protocol) ? { serverNames: [service.hostname] } : {};
}

/** Whether the server that a TLS connection names decides where it goes. */
function isLookedUpByServer({ resolution, ports }: MeshService, number: number): boolean {
  const target = ports.find(({ port }) => port === number);
  return resolution === 'dynamic-dns' && target !== undefined && isTls(target.protocol);
}

/**
 * Chains of the VirtualServices that route the host, then the one to the service itself.
 * None where Envoy cannot tell the names of the host from others (it knows servers by whole labels).
 * @param protocol of the port, as this listener has it
 * @param base what every connection to the service shows, unless a route says otherwise
 */
export function connectionChains(
  reader: Reader,
  parts: ChainParts,
  service: MeshService,
  { port, protocol }: Pick<ServicePort, 'port' | 'protocol'>,
  client: ChainClient & Partial<Pick<ListenerKey, 'families'>>,
  base: FilterChainMatch = {},
): readonly FilterChain[] {
  // Nothing would keep a connection to a server of another name from being looked up.
  if (isLookedUpByServer(service, port) && isPartialWildcard(service.hostname)) return [];
  const fallback = serviceChain(reader, parts, service, port, client.families ?? '', base);
  const { virtualServices } = parts;
  const { domainSuffix } = virtualServices.inputs;
  const chains: FilterChain[] = [];
  for (const config of readVirtualServices(reader, virtualServices, service.hostname, client)) {
    const routes = connectionRoutes(config, isTls(protocol) ? 'tls' : 'tcp', {
      scope: { port, gateways: ['mesh'], namespace: client.client, labels: parseLabels(client.labels) },
      findCluster: findClusterFor(reader, parts.services, domainSuffix, config.namespace, port, {
        client: client.client,
        service,
      }),
    });
    for (const { match, clusters } of routes) {
      chains.push({
        name: `${fallback.name}/${chains.length}`,
        match: { ...base, ...match },
        handler: { kind: 'tcp', statPrefix: fallback.name, clusters },
        sources: [...fallback.sources, sourceOf('VirtualService', config)],
      });
    }
    if (routes.some(takesEverything)) break;
  }
  return disjoint([...chains, fallback]);
}

function serviceChain(
  reader: Reader,
  parts: ChainParts,
  { hostname, resolution, entry, ports }: MeshService,
  port: number,
  families: string,
  match: FilterChainMatch,
): FilterChain {
  const cluster: ClusterName = { direction: 'outbound', port, subset: '', hostname };
  const chain = tcpChain(`outbound|${port}||${hostname}`, cluster, match);
  const sources = entry?.sources ?? [];
  const target = ports.find((candidate) => candidate.port === port);
  if (resolution !== 'dynamic-dns' || target === undefined || !isTls(target.protocol)) return { ...chain, sources };
  const lookup = resolveLookup(families, reader.read(parts.virtualServices.settings, ''));
  const reached = typeof target.targetPort === 'number' ? target.targetPort : port;
  return {
    ...chain,
    sources,
    handler: { ...chain.handler, lookup: { ...lookup, port: reached } } as typeof chain.handler,
  };
}

/** The chain that takes everything stands apart: Envoy asks it when no other fits. */
export function splitChains(
  chains: readonly FilterChain[],
): Pick<Listener, 'filterChains'> & { readonly defaultFilterChain?: FilterChain } {
  const last = chains.find((chain) => Object.keys(chain.match).length === 0);
  return last === undefined
    ? { filterChains: chains }
    : { filterChains: chains.filter((chain) => chain !== last), defaultFilterChain: last };
}
