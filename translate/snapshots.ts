/** What one proxy may hold: its view, and its own listeners and clusters beside it. */
import { type Graph, type Query, type Reader, sameMembers } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import type { ServedResource } from '#xds/source.ts';
import { collect, createViewCollections } from './collections.ts';
import type { EntryQueries } from './entries.ts';
import { type Entry, mergeSummaries, type Summary, sameSummary } from './entry.ts';
import { layer, sameLayers } from './layered.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './resource.ts';

/** Resources by type URL, then name. */
export type Types = ReadonlyMap<string, ReadonlyMap<string, ServedResource>>;

export interface SnapshotQueries {
  /** Key: the model's proxy facts. The combination of view and class or gateway that the proxy belongs to. */
  readonly combination: Query<string>;
  /** Key: a combination. The identical object while nothing in it changes. */
  readonly types: Query<Types>;
  /** Key: a combination. Every entry, by type URL; for blame. */
  readonly entries: Query<ReadonlyMap<string, readonly Entry[]>>;
  /** Key: a combination. Every user resource that contributes to it, and what could not be built. */
  readonly summary: Query<Summary>;
}

export function createSnapshotQueries(graph: Graph, model: MeshQueries, queries: EntryQueries): SnapshotQueries {
  const views = createViewCollections(graph, model, queries);
  const inboundListener = collect(
    graph,
    'inboundListener',
    graph.query('translate.inboundListener.entries', (reader, key) => [reader.read(queries.inboundListener, key)], {
      equal: sameMembers,
    }),
  );
  const inboundClusters = collect(graph, 'inboundClusters', queries.inboundClusters);
  const gatewayListeners = collect(graph, 'gatewayListeners', queries.gatewayListeners);
  const gatewayTables = collect(
    graph,
    'gatewayTables',
    graph.query(
      'translate.gatewayTables.entries',
      (reader, key) =>
        reader.read(model.gatewayRouteTables, key).map((table) => reader.read(queries.gatewayRouteTable, table)),
      { equal: sameMembers },
    ),
  );

  /** The collections of a combination: type URL, collection, key. */
  const partsOf = (combination: string) => {
    const { view, kind, own } = parseCombination(combination);
    const outbound = [
      { type: CLUSTER_TYPE, collection: views.clusters, key: view },
      { type: ENDPOINT_TYPE, collection: views.endpoints, key: view },
    ];
    if (kind === 'gateway') {
      return [
        ...outbound,
        { type: LISTENER_TYPE, collection: gatewayListeners, key: own },
        { type: ROUTE_TYPE, collection: gatewayTables, key: own },
      ];
    }
    return [
      ...outbound,
      { type: LISTENER_TYPE, collection: views.listeners, key: view },
      { type: ROUTE_TYPE, collection: views.portTables, key: view },
      { type: ROUTE_TYPE, collection: views.listenerTables, key: view },
      { type: CLUSTER_TYPE, collection: inboundClusters, key: own },
      { type: LISTENER_TYPE, collection: inboundListener, key: own },
    ];
  };
  const resourcesOf = graph.query(
    'translate.type',
    (reader, key) => {
      const at = key.indexOf('\n');
      const type = key.slice(0, at);
      const parts = partsOf(key.slice(at + 1)).filter((part) => part.type === type);
      return layer(parts.map((part) => reader.read(part.collection.resources, part.key)));
    },
    { equal: sameLayers },
  );
  const entries = graph.query('translate.combinationEntries', (reader: Reader, combination) => {
    const byType = new Map<string, Entry[]>();
    for (const { type, collection, key } of partsOf(combination)) {
      byType.set(type, [...(byType.get(type) ?? []), ...reader.read(collection.entries, key)]);
    }
    return byType;
  });
  return {
    combination: graph.query('translate.combination', (reader, facts) =>
      renderCombination(reader.read(model.proxyKeys, facts)),
    ),
    types: graph.query(
      'translate.types',
      (reader, combination) =>
        new Map(
          [CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE].map((type) => [
            type,
            reader.read(resourcesOf, `${type}\n${combination}`),
          ]),
        ),
      { equal: (a, b) => [...b].every(([type, resources]) => a.get(type) === resources) },
    ),
    entries,
    summary: graph.query(
      'translate.combinationSummary',
      (reader, combination) =>
        mergeSummaries(partsOf(combination).map(({ collection, key }) => reader.read(collection.summary, key))),
      { equal: sameSummary },
    ),
  };
}

/** Keys of views, classes and gateways hold no line break. */
function renderCombination(keys: {
  readonly view: string;
  readonly class?: string;
  readonly gateway?: string;
}): string {
  const own = keys.gateway === undefined ? `class\n${keys.class ?? ''}` : `gateway\n${keys.gateway}`;
  return `${keys.view}\n${own}`;
}

function parseCombination(combination: string): {
  readonly view: string;
  readonly kind: 'class' | 'gateway';
  readonly own: string;
} {
  const [view = '', kind, own = ''] = combination.split('\n');
  return { view, kind: kind === 'gateway' ? 'gateway' : 'class', own };
}

/** The gateway's key of a router's combination. */
export function gatewayOf(combination: string): string | undefined {
  const { kind, own } = parseCombination(combination);
  return kind === 'gateway' ? own : undefined;
}
