/** One query per kind of resource: the resolved value in, the encoded resource out. Equal bytes cut off here. */
import {
  buildCluster,
  buildListener,
  buildLoadAssignment,
  type ListenerSettings,
  renderClusterName,
} from '#envoy/index.ts';
import type { Graph, Query, Reader } from '#graph/index.ts';
import { type Cluster, type Listener, type MeshQueries, readCompositionKeys, type VirtualHost } from '#model/index.ts';
import { ABSENT, type BuiltEntry, buildEntry, createEntry, type Entry, sameEntry } from './entry.ts';
import { clustersOfListener, routeTablesOfListener, sourcesOfListener } from './needs.ts';
import { encodeResource } from './resource.ts';
import { assembleRouteTable, buildPart, type VirtualHostPart } from './route-table.ts';
import { resolveListenerSettings } from './settings.ts';
import { mergeSources, sameSources } from './sources.ts';

export interface EntryQueries {
  /** Key: the model's ClusterKey. */
  readonly cluster: Query<Entry>;
  /** Key: the model's EndpointKey. */
  readonly endpoints: Query<Entry>;
  /** Key: the model's ListenerKey. */
  readonly listener: Query<Entry>;
  /** Key: the model's RouteTableKey. */
  readonly routeTable: Query<Entry>;
  /** Key: the model's VirtualHostKey. */
  readonly virtualHost: Query<VirtualHostPart>;
  /** Key: the model's ClassKey. */
  readonly inboundListeners: Query<readonly Entry[]>;
  readonly inboundClusters: Query<readonly Entry[]>;
  /** Key: the model's GatewayKey. */
  readonly gatewayListeners: Query<readonly Entry[]>;
  /** Key: the model's GatewayRouteTableKey. */
  readonly gatewayRouteTable: Query<Entry>;
  /** Key: that of the model's query of the same name. */
  readonly gatewayVirtualHost: Query<VirtualHostPart>;
}

export function createEntryQueries(graph: Graph, model: MeshQueries): EntryQueries {
  const equal = { equal: sameEntry };
  const equalLists = { equal: sameEntryLists };

  const settings = graph.query(
    'translate.listenerSettings',
    (reader) => resolveListenerSettings(reader.read(model.settings, '')),
    { equal: (a, b) => JSON.stringify(a) === JSON.stringify(b) },
  );
  const listenersOf = (name: string, listeners: Query<readonly Listener[]>) =>
    graph.query(
      name,
      (reader, key) => {
        const own = reader.read(settings, '');
        return reader
          .read(listeners, key)
          .map((listener) => buildEntry(listener.name, () => translateListener(listener, own)));
      },
      equalLists,
    );
  const virtualHost = createPartQuery(graph, 'translate.virtualHost', model.virtualHost);
  const gatewayVirtualHost = createPartQuery(graph, 'translate.gatewayVirtualHost', model.gatewayVirtualHost);

  return {
    cluster: graph.query(
      'translate.cluster',
      (reader, key) => buildEntry(key, () => whenPresent(reader.read(model.cluster, key), translateCluster)),
      equal,
    ),
    endpoints: graph.query(
      'translate.endpoints',
      (reader, key) =>
        buildEntry(key, () => {
          const group = reader.read(model.endpointGroup, key);
          const message = buildLoadAssignment(group);
          const name = message.clusterName ?? '';
          return createEntry(
            encodeResource('envoy.config.endpoint.v3.ClusterLoadAssignment', message, { name }),
            mergeSources([group.sources]),
          );
        }),
      equal,
    ),
    listener: graph.query(
      'translate.listener',
      (reader, key) =>
        buildEntry(key, () =>
          whenPresent(reader.read(model.listener, key), (listener) =>
            translateListener(listener, reader.read(settings, '')),
          ),
        ),
      equal,
    ),
    routeTable: graph.query(
      'translate.routeTable',
      (reader, key) =>
        buildEntry(key, () => {
          const table = reader.read(model.routeTable, key);
          const parts = readCompositionKeys(reader, model.routeSlice, table);
          return translateRouteTable(table, readParts(reader, virtualHost, parts));
        }),
      equal,
    ),
    virtualHost,
    inboundListeners: listenersOf('translate.inboundListeners', model.inboundListeners),
    inboundClusters: graph.query(
      'translate.inboundClusters',
      (reader, key) =>
        reader
          .read(model.inboundClusters, key)
          .map((cluster) => buildEntry(renderClusterName(cluster.name), () => translateCluster(cluster))),
      equalLists,
    ),
    gatewayListeners: listenersOf('translate.gatewayListeners', model.gatewayListeners),
    gatewayRouteTable: graph.query(
      'translate.gatewayRouteTable',
      (reader, key) =>
        buildEntry(key, () => {
          const table = reader.read(model.gatewayRouteTable, key);
          return translateRouteTable(table, readParts(reader, gatewayVirtualHost, table.virtualHosts));
        }),
      equal,
    ),
    gatewayVirtualHost,
  };
}

export function sameEntryLists(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, at) => isSame(entry, b[at]));
}

function isSame(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && sameEntry(a, b);
}

/** A key may outlive what it stands for by one step of the build; then there is nothing to serve. */
function whenPresent<V>(value: V | undefined, translate: (value: V) => BuiltEntry): Entry {
  return value === undefined ? ABSENT : translate(value);
}

function translateCluster(cluster: Cluster): BuiltEntry {
  const name = renderClusterName(cluster.name);
  const { discovery } = cluster;
  const resource = encodeResource('envoy.config.cluster.v3.Cluster', buildCluster(cluster), {
    name,
    ...(discovery.kind === 'eds' ? { endpointsName: name } : {}),
  });
  const entry = createEntry(resource, cluster.sources);
  return discovery.kind === 'eds' && discovery.placed ? { ...entry, placed: true } : entry;
}

function translateListener(listener: Listener, settings: ListenerSettings): BuiltEntry {
  const resource = encodeResource('envoy.config.listener.v3.Listener', buildListener(listener, settings), {
    name: listener.name,
    needs: clustersOfListener(listener),
    routeNames: routeTablesOfListener(listener),
  });
  return createEntry(resource, mergeSources(sourcesOfListener(listener)));
}

function createPartQuery(graph: Graph, name: string, values: Query<VirtualHost>): Query<VirtualHostPart> {
  return graph.query(name, (reader, key) => buildPart(reader.read(values, key)), {
    equal: (a, b) => a.version === b.version && sameSources(a.sources, b.sources),
  });
}

function readParts(reader: Reader, query: Query<VirtualHostPart>, keys: readonly string[]): readonly VirtualHostPart[] {
  return keys.map((key) => reader.read(query, key));
}

function translateRouteTable(
  table: { readonly name: string; readonly matchesPort?: boolean },
  parts: readonly VirtualHostPart[],
): BuiltEntry {
  return createEntry(
    assembleRouteTable(table.name, parts, table.matchesPort),
    mergeSources(parts.map((part) => part.sources)),
  );
}
