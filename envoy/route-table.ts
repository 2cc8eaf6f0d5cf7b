import type { RouteTable, VirtualHost } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { buildRoute } from './route.ts';
import { buildDuration, wrap } from './values.ts';

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

/** A virtual host without its name, which is another where it stands by itself. */
export function buildNamelessVirtualHost(host: VirtualHost): Message<'envoy.config.route.v3.VirtualHost'> {
  const { name: _, ...rest } = buildVirtualHost(host);
  return rest;
}

/**
 * A virtual host that is a resource of its own is named after its table. Envoy 1.40 keeps it under the name in the
 * message but removes it by the name of the resource: where the two differ, it acknowledges a removal and does nothing.
 */
export function renderSplitHostName(table: string, host: string): string {
  return `${table}/${host}`;
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

/**
 * A route table whose virtual hosts come as resources of their own. It must have some: Envoy waits for the first, up to
 * the timeout, and until then the listener that asks for the table accepts no connection.
 */
export function buildSplitRouteTable(
  name: string,
  matchesPort = false,
): Message<'envoy.config.route.v3.RouteConfiguration'> {
  const configSource = {
    ads: {},
    resourceApiVersion: 'V3',
    initialFetchTimeout: buildDuration(VIRTUAL_HOSTS_TIMEOUT_MS),
  } as const;
  return { ...buildRouteTableHead(name, matchesPort), vhds: { configSource } };
}

/** Longer than a virtual host is ever held back for the sake of its clusters. */
const VIRTUAL_HOSTS_TIMEOUT_MS = 30_000;

/** A whole route table in one message, for tables that stand inside a listener. */
export function buildRouteTable(table: RouteTable): Message<'envoy.config.route.v3.RouteConfiguration'> {
  return { ...buildRouteTableHead(table.name), virtualHosts: table.virtualHosts.map(buildVirtualHost) };
}

/** Field number of `VirtualHost.name`. */
export const VIRTUAL_HOST_NAME_FIELD = 1;

/** Field number of `RouteConfiguration.virtual_hosts`. */
export const VIRTUAL_HOSTS_FIELD = 2;
