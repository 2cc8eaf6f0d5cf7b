/** What a proxy gets outbound, in the short form that tests compare: `service.namespace:port|subset`. */
import { expect } from 'chai';
import { listenerRouteTable } from '../outbound/listeners.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { ClusterName, Listener, VirtualHost } from '../types/resolved.ts';
import { createTestMesh, type TestMesh } from './mesh.ts';
import { serviceObjects } from './objects.ts';

/** `shop` has cart (HTTP) and db (TCP), `pay` has card and bank, `ops` has one service for itself. */
export function shops(): TestMesh {
  const mesh = createTestMesh();
  mesh.source.apply([
    ...serviceObjects({ name: 'cart', namespace: 'shop', address: '10.96.0.1', ports: ['http:80', 'grpc:90'] }),
    ...serviceObjects({ name: 'db', namespace: 'shop', address: '10.96.0.2', ports: ['tcp:5432'] }),
    ...serviceObjects({ name: 'card', namespace: 'pay', address: '10.96.0.3', ports: ['http:80'] }),
    ...serviceObjects({ name: 'bank', namespace: 'pay', address: '10.96.0.4', ports: ['tcp:5432', 'http:8080'] }),
    ...serviceObjects({
      name: 'log',
      namespace: 'ops',
      address: '10.96.0.5',
      ports: ['http:80'],
      annotations: { 'networking.istio.io/exportTo': 'client' },
    }),
    ...serviceObjects({ name: 'web', namespace: 'client', address: '10.96.0.6', ports: ['http:80'] }),
  ]);
  return mesh;
}

export const sidecar = (spec: string, name = 'default', namespace = 'client') => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
export const egress = (...hosts: readonly string[]) => sidecar(`{egress: [{hosts: ${JSON.stringify(hosts)}}]}`);

export const client: Partial<ProxyFacts> = { namespace: 'client' };

export const spell = (name: ClusterName): string => {
  if (name.direction === 'special') return name.name;
  if (name.direction === 'inbound') return `inbound|${name.port}`;
  const [service = '', namespace = ''] = name.hostname.split('.');
  return `${service}.${namespace}:${name.port}${name.subset === '' ? '' : `|${name.subset}`}`;
};

/** `service.namespace:port|subset` of every cluster for services. */
export function clustersOf(mesh: TestMesh, proxy: Partial<ProxyFacts> = client): readonly string[] {
  const { view } = mesh.keysOf(proxy);
  const names = mesh
    .flatten(mesh.queries.clusterSlice, mesh.read(mesh.queries.viewClusters, view))
    .flatMap((key) => mesh.read(mesh.queries.cluster, key)?.name ?? [])
    .map(spell);
  expect(new Set(names).size, `twice in ${names.join(' ')}`).to.equal(names.length);
  return names.filter((name) => !name.endsWith('Cluster')).sort();
}

export function listenersOf(mesh: TestMesh, proxy: Partial<ProxyFacts> = client): ReadonlyMap<string, Listener> {
  const { view } = mesh.keysOf(proxy);
  const found = mesh
    .flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view))
    .flatMap((key) => mesh.read(mesh.queries.listener, key) ?? []);
  expect(new Set(found.map(({ name }) => name)).size).to.equal(found.length);
  return new Map(found.map((listener) => [listener.name, listener]));
}

/** Virtual hosts by table. */
export function tablesOf(
  mesh: TestMesh,
  proxy: Partial<ProxyFacts> = client,
): ReadonlyMap<string, readonly VirtualHost[]> {
  const { view } = mesh.keysOf(proxy);
  const listeners = mesh.flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view));
  const own = listeners.map(listenerRouteTable).filter((key) => key !== undefined);
  const tables = new Map<string, readonly VirtualHost[]>();
  for (const key of [...mesh.read(mesh.queries.viewRouteTables, view), ...own]) {
    const table = mesh.read(mesh.queries.routeTable, key);
    const hosts = mesh.flatten(mesh.queries.routeSlice, table).map((host) => mesh.read(mesh.queries.virtualHost, host));
    const domains = hosts.flatMap((host) => host.domains);
    expect(new Set(domains).size, `a domain twice in ${domains.join(' ')}`).to.equal(domains.length);
    expect(tables.has(table.name), `table ${table.name} twice`).to.equal(false);
    tables.set(table.name, hosts);
  }
  const wanted = [...listenersOf(mesh, proxy).values()].flatMap(({ filterChains, defaultFilterChain }) =>
    [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])].flatMap(({ handler }) =>
      handler.kind === 'http' && 'rds' in handler.routes ? [handler.routes.rds] : [],
    ),
  );
  expect([...tables.keys()]).to.have.members([...new Set(wanted)]);
  return tables;
}

/** Names of the hosts of a table, without the domain suffix. */
export const hostsOf = (mesh: TestMesh, table: string, proxy: Partial<ProxyFacts> = client): readonly string[] =>
  (tablesOf(mesh, proxy).get(table) ?? []).map(({ name }) => name.replace('.svc.cluster.local', '')).sort();

/** What a host of a table leads to, by routes. */
export function targetsOf(mesh: TestMesh, table: string, host: string, proxy: Partial<ProxyFacts> = client) {
  const found = tablesOf(mesh, proxy)
    .get(table)
    ?.find(({ name }) => name.startsWith(host));
  return found?.routes.map(({ action }) =>
    action.kind === 'forward' ? action.clusters.map(({ cluster }) => spell(cluster)).join('+') : action.kind,
  );
}

/** The virtual hosts of a route table as a whole. */
export function tableOf(mesh: TestMesh, name: string, proxy: Partial<ProxyFacts> = {}): readonly VirtualHost[] {
  const { view } = mesh.keysOf(proxy);
  const listeners = mesh.flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view));
  const own = listeners.map(listenerRouteTable).filter((key) => key !== undefined);
  for (const key of [...mesh.read(mesh.queries.viewRouteTables, view), ...own]) {
    const table = mesh.read(mesh.queries.routeTable, key);
    if (table.name !== name) continue;
    const hosts = mesh.flatten(mesh.queries.routeSlice, table).map((host) => mesh.read(mesh.queries.virtualHost, host));
    const domains = hosts.flatMap((host) => host.domains);
    expect(new Set(domains).size, `a domain twice in ${domains.join(' ')}`).to.equal(domains.length);
    return hosts;
  }
  throw new Error(`no table ${name}`);
}
