/** `tls` and `tcp` routes of a VirtualService: destinations by server name and destination address. */
import type { RouteDestination } from '../../specs.ts';
import type { ClusterName, FilterChainMatch } from '../../types/resolved.ts';
import { holdsIn, type RouteScope } from './httpmatch.ts';
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

/** TLS routes first, then TCP routes, up to the first that takes everything. */
export function connectionRoutes(config: VirtualServiceConfig, context: ConnectionContext): readonly ConnectionRoute[] {
  const routes = [...tlsRoutes(config, context), ...tcpRoutes(config, context)].filter(
    (route) => route.clusters.length > 0,
  );
  const last = routes.findIndex((route) => Object.keys(route.match).length === 0);
  return last === -1 ? routes : routes.slice(0, last + 1);
}

export function tlsRoutes(config: VirtualServiceConfig, context: ConnectionContext): readonly ConnectionRoute[] {
  return (config.spec.tls ?? []).flatMap((route) =>
    route.match
      .filter((match) => holdsIn(match, context.scope, config.namespace))
      .map((match) => ({
        match: {
          ...serverNames(match.sniHosts),
          ...prefixRanges(match.destinationSubnets),
        },
        clusters: weigh(route.route ?? [], context.findCluster),
      })),
  );
}

export function tcpRoutes(config: VirtualServiceConfig, context: ConnectionContext): readonly ConnectionRoute[] {
  return (config.spec.tcp ?? []).flatMap((route) => {
    const clusters = weigh(route.route ?? [], context.findCluster);
    if (route.match === undefined || route.match.length === 0) return [{ match: {}, clusters }];
    return route.match
      .filter((match) => holdsIn(match, context.scope, config.namespace))
      .map((match) => ({ match: prefixRanges(match.destinationSubnets), clusters }));
  });
}

/** A bare `*` is every name. */
function serverNames(hosts: readonly string[]): FilterChainMatch {
  return hosts.length === 0 || hosts.includes('*') ? { transportProtocol: 'tls' } : { serverNames: hosts };
}

function prefixRanges(subnets: readonly string[] | undefined): FilterChainMatch {
  return subnets === undefined || subnets.length === 0 ? {} : { prefixRanges: subnets.map(withLength) };
}

function withLength(subnet: string): string {
  if (subnet.includes('/')) return subnet;
  return `${subnet}/${subnet.includes(':') ? 128 : 32}`;
}

function weigh(destinations: readonly RouteDestination[], findCluster: FindCluster): ConnectionRoute['clusters'] {
  const weighed = destinations.filter((destination) => (destination.weight ?? 0) > 0);
  return (weighed.length > 0 ? weighed : destinations).map((destination) => ({
    cluster: findCluster(destination.destination),
    weight: destination.weight || 1,
  }));
}
