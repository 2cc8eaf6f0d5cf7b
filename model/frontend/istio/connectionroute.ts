/** `tls` and `tcp` routes of a VirtualService: destinations by server name and destination address. */
import { parseBlock } from '../../blocks.ts';
import { matchServers } from '../../hosts.ts';
import type { RouteDestination } from '../../specs.ts';
import type { ClusterName, FilterChainMatch } from '../../types/resolved.ts';
import { holdsForConnections, type RouteScope } from './httpmatch.ts';
import type { FindCluster } from './httproute.ts';
import type { VirtualServiceConfig } from './virtualservices.ts';

export interface ConnectionRoute {
  /** Empty: takes every connection. */
  readonly match: FilterChainMatch;
  readonly clusters: readonly { readonly cluster: ClusterName; readonly weight: number }[];
}

export interface ConnectionContext {
  readonly scope: RouteScope;
  readonly findCluster: FindCluster;
}

/** Whether nothing behind this route can be reached. */
export const takesEverything = ({ match }: ConnectionRoute): boolean => Object.keys(match).length === 0;

/** What a port of TLS, or any other that isn't HTTP, has of the routes, up to the first that takes everything. */
export function connectionRoutes(
  config: VirtualServiceConfig,
  kind: 'tls' | 'tcp',
  context: ConnectionContext,
): readonly ConnectionRoute[] {
  const all = kind === 'tls' ? tlsRoutes(config, context) : tcpRoutes(config, context);
  const routes = all.filter((route) => route.clusters.length > 0);
  const last = routes.findIndex(takesEverything);
  return last === -1 ? routes : routes.slice(0, last + 1);
}

export function tlsRoutes(config: VirtualServiceConfig, context: ConnectionContext): readonly ConnectionRoute[] {
  return (config.spec.tls ?? []).flatMap((route) =>
    route.match
      .filter((match) => holdsForConnections(match, context.scope, config.namespace))
      .flatMap((match) => {
        const names = serverNames(match.sniHosts);
        if (names === undefined) return [];
        const clusters = weigh(route.route ?? [], context.findCluster);
        return [{ match: { ...names, ...prefixRanges(match.destinationSubnets) }, clusters }];
      }),
  );
}

export function tcpRoutes(config: VirtualServiceConfig, context: ConnectionContext): readonly ConnectionRoute[] {
  return (config.spec.tcp ?? []).flatMap((route) => {
    const clusters = weigh(route.route ?? [], context.findCluster);
    if (route.match === undefined || route.match.length === 0) return [{ match: {}, clusters }];
    return route.match
      .filter((match) => holdsForConnections(match, context.scope, config.namespace))
      .map((match) => ({ match: prefixRanges(match.destinationSubnets), clusters }));
  });
}

/** A bare `*` is every name. */
function serverNames(hosts: readonly string[]): FilterChainMatch | undefined {
  return hosts.length === 0 || hosts.includes('*') ? { transportProtocol: 'tls' } : matchServers(hosts);
}

function prefixRanges(subnets: readonly string[] | undefined): FilterChainMatch {
  const blocks = new Set((subnets ?? []).map((subnet) => parseBlock(subnet).address));
  return blocks.size === 0 ? {} : { prefixRanges: [...blocks] };
}

function weigh(destinations: readonly RouteDestination[], findCluster: FindCluster): ConnectionRoute['clusters'] {
  const weighed = destinations.filter((destination) => (destination.weight ?? 0) > 0);
  return (weighed.length > 0 ? weighed : destinations).map((destination) => ({
    cluster: findCluster(destination.destination),
    weight: destination.weight || 1,
  }));
}
