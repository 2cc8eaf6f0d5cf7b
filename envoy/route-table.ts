import type { RouteTable, VirtualHost } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { buildRoute } from './route.ts';
import { wrap } from './values.ts';

/** The routes of one set of domains. */
export function buildVirtualHost(host: VirtualHost): Message<'envoy.config.route.v3.VirtualHost'> {
  return {
    name: host.name,
    domains: host.domains,
    routes: host.routes.map(buildRoute),
    ...(host.requireTls ? { requireTls: 'ALL' as const } : {}),
    includeRequestAttemptCount: true,
  };
}

/**
 * A route table without its virtual hosts, which are built and encoded one by one.
 * Clusters are not checked at load: they may come later than the routes, and a request waits for nothing but its own.
 * The port of a `:authority` is ignored unless domains carry ports.
 */
export function buildRouteTableHead(
  name: string,
  matchesPort = false,
): Message<'envoy.config.route.v3.RouteConfiguration'> {
  return {
    name,
    validateClusters: wrap(false),
    maxDirectResponseBodySizeBytes: wrap(1_048_576),
    ...(matchesPort ? {} : { ignorePortInHostMatching: true }),
  };
}

/** A whole route table in one message, for tables that stand inside a listener. */
export function buildRouteTable(table: RouteTable): Message<'envoy.config.route.v3.RouteConfiguration'> {
  return { ...buildRouteTableHead(table.name), virtualHosts: table.virtualHosts.map(buildVirtualHost) };
}

/** Field number of `RouteConfiguration.virtual_hosts`. */
export const VIRTUAL_HOSTS_FIELD = 2;
