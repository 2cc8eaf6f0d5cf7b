/** What one kind of proxy is given on its way out, in the short form tests compare. */
import { endpointKeyOf, parseViewKey } from '../keys.ts';
import { listenerRouteTable } from '../outbound/listeners.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Cluster, ClusterName, FilterChain, Listener, LocalityEndpoints, VirtualHost } from '../types/resolved.ts';
import type { TestMesh } from './mesh.ts';

export interface Outbound {
  /** By Envoy's name. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** By name; the first of a name, as it is served. */
  readonly listeners: ReadonlyMap<string, Listener>;
  /** Virtual hosts by table name. */
  readonly tables: ReadonlyMap<string, readonly VirtualHost[]>;
  /** What a cluster of kind `eds` has. */
  localities(cluster: string): readonly LocalityEndpoints[];
}

export const renderName = (name: ClusterName): string =>
  name.direction === 'outbound'
    ? `outbound|${name.port}|${name.subset}|${name.hostname}`
    : name.direction === 'special'
      ? name.name
      : `inbound|${name.port}||`;

export function readOutbound(mesh: TestMesh, proxy: Partial<ProxyFacts> = {}): Outbound {
  const { queries } = mesh;
  const { view } = mesh.keysOf(proxy);
  const clusters = new Map<string, Cluster>();
  const keys = new Map<string, string>();
  for (const key of mesh.flatten(queries.clusterSlice, mesh.read(queries.viewClusters, view))) {
    const cluster = mesh.read(queries.cluster, key);
    if (cluster === undefined) continue;
    const name = renderName(cluster.name);
    if (clusters.has(name)) throw new Error(`cluster ${name} stands twice`);
    clusters.set(name, cluster);
    keys.set(name, key);
  }
  const listeners = new Map<string, Listener>();
  const tableKeys = [...mesh.read(queries.viewRouteTables, view)];
  for (const key of mesh.flatten(queries.listenerSlice, mesh.read(queries.viewListeners, view))) {
    const listener = mesh.read(queries.listener, key);
    if (listener !== undefined && !listeners.has(listener.name)) listeners.set(listener.name, listener);
    const table = listenerRouteTable(key);
    if (table !== undefined) tableKeys.push(table);
  }
  const tables = new Map<string, readonly VirtualHost[]>();
  for (const key of tableKeys) {
    const table = mesh.read(queries.routeTable, key);
    const hosts = mesh.flatten(queries.routeSlice, table).map((host) => mesh.read(queries.virtualHost, host));
    tables.set(table.name, hosts);
  }
  return {
    ...{ clusters, listeners, tables },
    localities: (cluster) =>
      mesh.read(queries.endpointGroup, endpointKeyOf(keys.get(cluster) ?? '', parseViewKey(view))).localities,
  };
}

/** `what it matches -> where it leads` of each chain, the default last. */
export function describeListener(listener: Listener | undefined): readonly string[] {
  if (listener === undefined) return [];
  const { defaultFilterChain } = listener;
  return [...listener.filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])].map(describeChain);
}

function describeChain({ match, handler }: FilterChain): string {
  const matched = [
    ...(match.prefixRanges ?? []),
    ...(match.serverNames ?? []).map((name) => `sni:${name}`),
    ...(match.transportProtocol === undefined ? [] : [match.transportProtocol]),
  ];
  const lookup = handler.lookup === undefined ? '' : ' by name';
  const target =
    handler.kind === 'http'
      ? `http ${'rds' in handler.routes ? handler.routes.rds : handler.routes.inline.name}`
      : handler.clusters
          .map(({ cluster, weight }) => `${renderName(cluster)}${weight === 1 ? '' : `*${weight}`}`)
          .join();
  return `${matched.length === 0 ? '*' : matched.join(' ')} -> ${target}${lookup}`;
}
