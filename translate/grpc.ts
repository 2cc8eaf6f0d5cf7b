/**
 * What a view holds for proxyless gRPC clients: for each service port a listener per name that it may be dialled by, one
 * route table, and clusters in the form that they accept. Endpoints are those of everybody else.
 */
import {
  BLACK_HOLE,
  buildGrpcCluster,
  buildGrpcListener,
  buildGrpcRouteTable,
  renderClusterName,
} from '#envoy/index.ts';
import { type Graph, type Reader, sameMembers } from '#graph/index.ts';
import {
  type Cluster,
  endpointKeyOf,
  listenerRouteTable,
  type MeshQueries,
  parseServiceId,
  parseVirtualHostKey,
  readCompositionKeys,
  type VirtualHost,
} from '#model/index.ts';
import { type Collection, collect, compose, type KeysOf } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { ABSENT, buildEntry, createEntry, type Entry, sameEntry } from './entry.ts';
import { clustersOfVirtualHost, sourcesOfVirtualHost } from './needs.ts';
import { encodeResource } from './resource.ts';
import { mergeSources } from './sources.ts';

/** Key of each: the model's ViewKey. */
export interface GrpcCollections {
  readonly clusters: Collection;
  /** Those that are the same wherever the client runs. */
  readonly endpoints: Collection;
  readonly listeners: Collection;
  readonly tables: Collection;
}

export function createGrpcCollections(graph: Graph, model: MeshQueries, queries: EntryQueries): GrpcCollections {
  const cluster = graph.query<Entry>(
    'translate.grpc.cluster',
    (reader, key) => buildEntry(key, () => translateCluster(reader.read(model.cluster, key))),
    { equal: sameEntry },
  );
  const table = graph.query<Entry>(
    'translate.grpc.table',
    (reader, key) =>
      buildEntry(key, () => {
        const host = reader.read(model.virtualHost, key);
        const name = tableOf(key);
        const needs = [...clustersOfVirtualHost(host)].filter((cluster) => cluster.startsWith('outbound|'));
        return createEntry(
          encodeResource('envoy.config.route.v3.RouteConfiguration', buildGrpcRouteTable(name, host), { name, needs }),
          mergeSources(sourcesOfVirtualHost(host)),
        );
      }),
    { equal: sameEntry },
  );
  const listeners = graph.query<readonly Entry[]>(
    'translate.grpc.listeners',
    (reader, key) => {
      const routes = tableOf(key);
      return namesOf(key, reader.read(model.virtualHost, key)).map((name) =>
        buildEntry(name, () => ({
          resource: encodeResource('envoy.config.listener.v3.Listener', buildGrpcListener(name, routes), {
            name,
            routeNames: [routes],
          }),
          sources: [],
        })),
      );
    },
    { equal: sameEntryLists },
  );
  /** Keys of the virtual hosts that a view sees, apart from those for hosts that nobody declared. */
  const hosts = graph.query<readonly string[]>(
    'translate.grpc.hosts',
    (reader, view) => {
      const own = readCompositionKeys(reader, model.listenerSlice, reader.read(model.viewListeners, view));
      const tables = [
        ...reader.read(model.viewRouteTables, view),
        ...own.flatMap((listener) => listenerRouteTable(listener) ?? []),
      ];
      const keys = tables.flatMap((key) =>
        readCompositionKeys(reader, model.routeSlice, reader.read(model.routeTable, key)),
      );
      return [...new Set(keys)].filter((key) => parseVirtualHostKey(key).kind !== 'any');
    },
    { equal: sameMembers },
  );
  const collectHosts = (name: string, entriesOf: (reader: Reader, host: string) => readonly Entry[]): Collection =>
    collect(
      graph,
      `grpc.${name}`,
      graph.query<readonly Entry[]>(
        `translate.grpc.${name}.entries`,
        (reader, view) => reader.read(hosts, view).flatMap((host) => entriesOf(reader, host)),
        { equal: sameMembers },
      ),
    );
  /** Those of everybody else; of a cluster that leads nowhere: none. Key: the model's EndpointKey, or nothing. */
  const endpoints = graph.query<Entry>('translate.grpc.endpoints', (reader, key) => {
    if (key !== NOWHERE) return reader.read(queries.endpoints, key);
    const message = { clusterName: BLACK_HOLE };
    return {
      resource: encodeResource('envoy.config.endpoint.v3.ClusterLoadAssignment', message, { name: BLACK_HOLE }),
      sources: [],
    };
  });
  const endpointsOf: KeysOf = (reader, member, view) => {
    const entry = reader.read(cluster, member);
    if (!('resource' in entry)) return [];
    if (entry.resource.name === BLACK_HOLE) return [NOWHERE];
    const { discovery } = reader.read(model.cluster, member) ?? {};
    if (discovery?.kind === 'eds' && discovery.placed) return [];
    return [endpointKeyOf(member, view)];
  };
  const { viewClusters, clusterSlice } = model;
  return {
    clusters: compose(graph, 'grpc.clusters', viewClusters, clusterSlice, cluster),
    endpoints: compose(graph, 'grpc.endpoints', viewClusters, clusterSlice, endpoints, endpointsOf),
    listeners: collectHosts('listeners', (reader, host) => reader.read(listeners, host)),
    tables: collectHosts('tables', (reader, host) => [reader.read(table, host)]),
  };
}

const NOWHERE = '';

/** Only what has endpoints that we know; a headless service has them too, although a proxy goes where it is told. */
function translateCluster(cluster: Cluster | undefined): Entry {
  if (cluster === undefined) return ABSENT;
  const name = renderClusterName(cluster.name);
  const known = cluster.discovery.kind === 'eds' || cluster.discovery.kind === 'original-dst';
  if (name !== BLACK_HOLE && (!known || cluster.service === undefined)) return ABSENT;
  const parts = { name, endpointsName: name };
  return createEntry(
    encodeResource('envoy.config.cluster.v3.Cluster', buildGrpcCluster(cluster), parts),
    cluster.sources,
  );
}

function placeOf(key: string): { readonly hostname: string; readonly port: string } {
  const { host, service, port } = parseVirtualHostKey(key);
  return { hostname: service === '' ? host : parseServiceId(service).hostname, port };
}

/** Named after the cluster that it leads to by default, as Istio names it. */
function tableOf(key: string): string {
  const { hostname, port } = placeOf(key);
  return renderClusterName({ direction: 'outbound', port: Number(port), subset: '', hostname });
}

/** What may be dialled: every domain of the virtual host, with the port. */
function namesOf(key: string, { domains }: VirtualHost): readonly string[] {
  const { hostname, port } = placeOf(key);
  const plain = domains.filter((domain) => !domain.includes('*')).map((domain) => domain.replace(/:\d+$/, ''));
  return [...new Set([hostname, ...plain])].filter((name) => !name.includes('*')).map((name) => `${name}:${port}`);
}
