/** One listener of a router. */
import type { Reader } from '#graph/types.ts';
import { tcpRoutes, tlsRoutes } from '../frontend/istio/connectionroute.ts';
import {
  type PlacedPort,
  type PlacedServer,
  passesThrough,
  servesHttp,
  splitServerHost,
} from '../frontend/istio/gatewayservers.ts';
import { intersectHosts, matchServers } from '../hosts.ts';
import type { GatewayKey } from '../keys.ts';
import { parseLabels } from '../keys.ts';
import { disjoint } from '../outbound/disjoint.ts';
import { anyAddress } from '../outbound/place.ts';
import { findClusterFor } from '../outbound/virtualhost.ts';
import { sourceOf } from '../selection.ts';
import type { DownstreamTls, FilterChain, FilterChainMatch, Listener } from '../types/resolved.ts';
import { boundVirtualServices } from './bindings.ts';
import type { GatewayParts } from './gateway.ts';
import { resolveServerTls } from './servertls.ts';
import { tableName } from './tables.ts';

/** Who connects to a gateway for TLS speaks first; who doesn't must not hold a connection for ever. */
const GREETING_MS = 15_000;

/** Undefined when nothing would be served, so that nothing listens. */
export function buildGatewayListener(
  reader: Reader,
  parts: GatewayParts,
  key: GatewayKey,
  placed: PlacedPort,
): Listener | undefined {
  const chains = chainsOf(reader, parts, key, placed);
  if (chains.length === 0) return undefined;
  const addresses =
    placed.bind === '' ? anyAddress(key.families, placed.port) : [{ address: placed.bind, port: placed.port }];
  return {
    name: `${addresses[0]?.address}_${placed.port}`,
    addresses,
    direction: 'gateway',
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    tlsInspector: placed.class === 'tls',
    httpInspector: false,
    detectionTimeoutMs: GREETING_MS,
    filterChains: chains,
    sources: uniqueSources(placed),
  };
}

function uniqueSources(placed: PlacedPort): Listener['sources'] {
  return [...new Map(placed.servers.map((server) => [server.gatewayKey, server.source])).values()];
}

function chainsOf(reader: Reader, parts: GatewayParts, key: GatewayKey, placed: PlacedPort): readonly FilterChain[] {
  const [first] = placed.servers;
  if (first === undefined) return [];
  if (placed.class === 'http')
    return [httpChain(tableName(placed, first), placed, {}, undefined, uniqueSources(placed))];
  const chains = placed.servers.flatMap((server): readonly FilterChain[] => {
    const match = placed.class === 'tls' ? serverNames(server) : {};
    if (match === undefined) return [];
    const tls =
      placed.class === 'tls' && !passesThrough(server.server)
        ? resolveServerTls(server.server, servesHttp(server.server))
        : undefined;
    // A server whose certificate cannot be found must not answer in plaintext.
    if (placed.class === 'tls' && !passesThrough(server.server) && tls === undefined) return [];
    if (servesHttp(server.server)) return [httpChain(tableName(placed, server), placed, match, tls, [server.source])];
    return connectionChains(reader, parts, key, server, match, tls);
  });
  return disjoint(chains);
}

function serverNames(server: PlacedServer): FilterChainMatch | undefined {
  return matchNames(server.hosts.map((host) => splitServerHost(host, '').host));
}

const matchNames = (hosts: readonly string[]): FilterChainMatch | undefined =>
  hosts.includes('*') ? {} : matchServers([...hosts].sort());

function httpChain(
  rds: string,
  placed: PlacedPort,
  match: FilterChainMatch,
  tls: DownstreamTls | undefined,
  sources: FilterChain['sources'],
): FilterChain {
  return {
    name: rds,
    match,
    ...(tls === undefined ? {} : { tls }),
    handler: {
      kind: 'http',
      routes: { rds },
      statPrefix: `outbound_${placed.bind || '0.0.0.0'}_${placed.port}`,
      role: 'gateway',
      useRemoteAddress: true,
      forwardClientCert: 'SANITIZE_SET',
    },
    sources,
  };
}

/** TLS that is passed through is routed by server name, everything else by the first TCP route. */
function connectionChains(
  reader: Reader,
  parts: GatewayParts,
  key: GatewayKey,
  server: PlacedServer,
  match: FilterChainMatch,
  tls: DownstreamTls | undefined,
): readonly FilterChain[] {
  const port = server.server.port.number;
  const { domainSuffix } = parts.inputs;
  return boundVirtualServices(reader, parts.virtualServices, server, key.ns).flatMap(({ config }) => {
    const context = {
      scope: { port, gateways: [server.gateway], namespace: key.ns, labels: parseLabels(key.labels) },
      findCluster: findClusterFor(reader, parts.services, domainSuffix, config.namespace, port, { client: key.ns }),
    };
    const through = passesThrough(server.server);
    const routes = through ? tlsRoutes(config, context) : tcpRoutes(config, context).slice(0, 1);
    return routes
      .filter((route) => route.clusters.length > 0)
      .flatMap((route, at): readonly FilterChain[] => {
        const taken = through ? narrowNames(route.match, server) : match;
        if (taken === undefined) return [];
        const chain: FilterChain = {
          name: `${server.gateway}.${server.server.port.name}.${config.namespace}.${config.name}.${at}`,
          match: taken,
          ...(tls === undefined ? {} : { tls }),
          handler: {
            kind: 'tcp',
            statPrefix: `outbound|${port}||${config.name}.${config.namespace}`,
            clusters: route.clusters,
          },
          sources: [server.source, sourceOf('VirtualService', config)],
        };
        return [chain];
      });
  });
}

/** Of the route's names those that the server serves. */
function narrowNames({ serverNames: names = ['*'], ...rest }: FilterChainMatch, server: PlacedServer) {
  const served = server.hosts.map((host) => splitServerHost(host, '').host);
  const both = names.flatMap((name) => served.flatMap((host) => intersectHosts(name, host) ?? []));
  const match = matchNames(both);
  return match === undefined ? undefined : { ...rest, ...match };
}
