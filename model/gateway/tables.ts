/** Route configurations of routers: one for all plaintext servers of a port, one for each HTTPS server. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import {
  classOf,
  type PlacedPort,
  type PlacedServer,
  servesHttp,
  splitServerHost,
} from '../frontend/istio/gatewayservers.ts';
import { catchesAll } from '../frontend/istio/httpmatch.ts';
import { hasRoutesIn, resolveHttpRoutes } from '../frontend/istio/httproute.ts';
import { renderDomain } from '../hosts.ts';
import {
  type GatewayKey,
  parseGatewayKey,
  parseGatewayPart,
  parseLabels,
  renderGatewayPart,
  renderObjectKey,
} from '../keys.ts';
import { findClusterFor } from '../outbound/virtualhost.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Route, VirtualHost } from '../types/resolved.ts';
import { boundVirtualServices } from './bindings.ts';
import type { GatewayParts, GatewayQueries } from './gateway.ts';

/** Istio's names: `http.8080`, `https.443.https.bookinfo.default`. */
export function tableName(placed: PlacedPort, server: PlacedServer): string {
  const bind = placed.bind === '' ? '' : `.${placed.bind}`;
  if (placed.class === 'http') return `http.${placed.port}${bind}`;
  const [namespace = '', name = ''] = server.gateway.split('/');
  const { port } = server.server;
  return `https.${port.number}.${port.name}.${name}.${namespace}${bind}`;
}

/** A table as a list of hosts; each is a virtual host of its own query. */
export interface GatewayTable {
  readonly name: string;
  /** Keys of `gatewayVirtualHost`. */
  readonly virtualHosts: readonly string[];
}

export interface GatewayTableQueries {
  /** Table keys by gateway key. */
  readonly gatewayRouteTables: Query<readonly string[]>;
  /** By table key (gateway key, bar, table name). */
  readonly gatewayRouteTable: Query<GatewayTable>;
  /** By table key, bar, domain. */
  readonly gatewayVirtualHost: Query<VirtualHost>;
}

/** What is behind one domain of a table. */
interface HostPlan {
  readonly domain: string;
  readonly requireTls: boolean;
  /** Port that the first server names; part of the virtual host's name. */
  readonly port: number;
  readonly tls: boolean;
  /** VirtualServices with the gateways (`namespace/name`) through which they are reached, oldest first. */
  readonly routes: readonly { readonly key: string; readonly gateways: readonly string[] }[];
  readonly sources: readonly SourceRef[];
}

export function defineGatewayTables(graph: Graph, parts: GatewayParts, gateways: GatewayQueries): GatewayTableQueries {
  const tablePlan = graph.query<readonly HostPlan[]>(
    'gatewayTablePlan',
    (reader, text) => {
      const { gateway, name } = parseGatewayPart(text);
      const servers = tablesOf(reader, gateways, gateway).get(name) ?? [];
      return planHosts(reader, parts, servers, parseGatewayKey(gateway));
    },
    { equal: sameData },
  );

  const gatewayRouteTables = graph.query<readonly string[]>(
    'gatewayRouteTables',
    (reader, gateway) =>
      [...tablesOf(reader, gateways, gateway).keys()].map((name) => renderGatewayPart(gateway, name)),
    { equal: sameData },
  );

  const gatewayRouteTable = graph.query<GatewayTable>(
    'gatewayRouteTable',
    (reader, text) => ({
      name: parseGatewayPart(text).name,
      virtualHosts: reader.read(tablePlan, text).map((plan) => renderGatewayPart(text, plan.domain)),
    }),
    { equal: sameData },
  );

  const gatewayVirtualHost = graph.query<VirtualHost>(
    'gatewayVirtualHost',
    (reader, text) => {
      const at = text.lastIndexOf('|');
      const { gateway } = parseGatewayPart(text);
      const domain = text.slice(at + 1);
      const plan = reader.read(tablePlan, text.slice(0, at)).find((candidate) => candidate.domain === domain);
      return buildHost(reader, parts, gateway, domain, plan);
    },
    { equal: sameData },
  );

  return { gatewayRouteTables, gatewayRouteTable, gatewayVirtualHost };
}

function tablesOf(
  reader: Reader,
  gateways: GatewayQueries,
  gateway: string,
): ReadonlyMap<string, readonly PlacedServer[]> {
  const tables = new Map<string, PlacedServer[]>();
  for (const placed of reader.read(gateways.gatewayServers, gateway).ports) {
    for (const server of placed.servers) {
      if (!servesHttp(server.server)) continue;
      const name = tableName(placed, server);
      const known = tables.get(name);
      if (known === undefined) tables.set(name, [server]);
      else known.push(server);
    }
  }
  return tables;
}

/** Domains of one table; what no host claims is answered 404 by the one that is named `blackhole`. */
function planHosts(
  reader: Reader,
  parts: GatewayParts,
  servers: readonly PlacedServer[],
  key: Pick<GatewayKey, 'ns' | 'labels'>,
): readonly HostPlan[] {
  const client = key.ns;
  const labels = parseLabels(key.labels);
  const plans = new Map<string, HostPlan>();
  for (const server of servers) {
    const redirects = server.server.tls?.httpsRedirect === true;
    const port = server.server.port.number;
    const tls = classOf(server.server) === 'tls';
    const plan = (domain: string, change: (known: HostPlan) => Partial<HostPlan>): void => {
      const known = plans.get(domain) ?? { domain, requireTls: false, port, tls, routes: [], sources: [] };
      // One server that redirects is enough: none may serve in plaintext what another one protects.
      const common = { requireTls: known.requireTls || redirects, sources: addSource(known.sources, server.source) };
      plans.set(domain, { ...known, ...common, ...change(known) });
    };
    for (const { config, hosts } of boundVirtualServices(reader, parts.virtualServices, server, client)) {
      const scope = { port, gateways: [server.gateway], namespace: client, labels };
      if (!hasRoutesIn(config, scope)) continue;
      const key = renderObjectKey(config.cluster, config.namespace, config.name);
      for (const domain of hosts) plan(domain, ({ routes }) => ({ routes: addRoute(routes, key, server.gateway) }));
    }
    if (redirects) for (const text of server.hosts) plan(splitServerHost(text, '').host, () => ({}));
  }
  if (plans.size === 0)
    plans.set('*', {
      domain: '*',
      requireTls: false,
      port: servers[0]?.server.port.number ?? 0,
      tls: false,
      routes: [],
      sources: [],
    });
  return [...plans.keys()].sort().flatMap((domain) => plans.get(domain) ?? []);
}

function addRoute(routes: HostPlan['routes'], key: string, gateway: string): HostPlan['routes'] {
  const known = routes.find((route) => route.key === key);
  if (known === undefined) return [...routes, { key, gateways: [gateway] }];
  if (known.gateways.includes(gateway)) return routes;
  return routes.map((route) => (route === known ? { key, gateways: [...route.gateways, gateway] } : route));
}

function addSource(sources: readonly SourceRef[], source: SourceRef): readonly SourceRef[] {
  return sources.some((known) => known.uid === source.uid && known.name === source.name)
    ? sources
    : [...sources, source];
}

function buildHost(
  reader: Reader,
  parts: GatewayParts,
  gateway: string,
  domain: string,
  plan: HostPlan | undefined,
): VirtualHost {
  const { ns, labels } = parseGatewayKey(gateway);
  const port = plan?.port ?? 0;
  const { defaultRetries } = reader.read(parts.virtualServices.settings, '');
  const routes = (plan?.routes ?? []).flatMap(({ key, gateways }): readonly Route[] => {
    const config = reader.get(parts.inputs.virtualServices, key);
    if (config === undefined) return [];
    return resolveHttpRoutes(config, {
      scope: { port, gateways, namespace: ns, labels: parseLabels(labels) },
      findCluster: findClusterFor(reader, parts.services, parts.inputs.domainSuffix, config.namespace, port, {
        client: ns,
      }),
      retryDefaults: defaultRetries,
      tls: plan?.tls === true,
    });
  });
  const name = plan === undefined || (plan.routes.length === 0 && !plan.requireTls) ? 'blackhole' : domain;
  const sources = [...(plan?.sources ?? []), ...routes.flatMap((route) => route.sources)];
  return {
    name: `${name}:${port}`,
    domains: [renderDomain(domain)],
    // Of several resources on one host the oldest comes first, and what catches everything comes last.
    routes: [
      ...routes.filter((route) => !catchesAll(route.match)),
      ...routes.filter((route) => catchesAll(route.match)),
    ],
    requireTls: plan?.requireTls ?? false,
    sources: [
      ...new Map(sources.map((source) => [`${source.kind}/${source.namespace}/${source.name}`, source])).values(),
    ],
  };
}
