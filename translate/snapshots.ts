/** What one proxy may hold: its view, and its own listeners and clusters beside it. */
import { type Graph, type Query, type Reader, sameMembers } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import type { Resources } from '#xds/source.ts';
import { type Collection, collect, createViewCollections } from './collections.ts';
import type { EntryQueries } from './entries.ts';
import { type Entry, mergeSummaries, type Summary, sameSummary } from './entry.ts';
import { layer, sameLayers } from './layered.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './resource.ts';

/** Resources by type URL. */
export type Types = ReadonlyMap<string, Resources>;

/** What a view, a workload class or a gateway contributes; the identical object while nothing in it changes. */
export interface Part {
  readonly types: Types;
  /** Every user resource that contributes to it, and what could not be built. */
  readonly summary: Summary;
}

export interface SnapshotQueries {
  /** Key: the model's proxy facts. The combination of view and class or gateway that the proxy belongs to. */
  readonly combination: Query<string>;
  /** Key: the view of a combination. Shared by every class of its proxies. */
  readonly view: Query<Part>;
  /** Key: what a combination has beside its view. */
  readonly own: Query<Part>;
  /** Key: a combination. Every entry, by type URL; for blame. */
  readonly entries: Query<ReadonlyMap<string, readonly Entry[]>>;
}

/** The collections of each type that a part is made of, under one key. */
type Shape = readonly (readonly [type: string, collection: Collection])[];

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

  const viewShape: Shape = [
    [CLUSTER_TYPE, views.clusters],
    [ENDPOINT_TYPE, views.endpoints],
    [LISTENER_TYPE, views.listeners],
    [ROUTE_TYPE, views.portTables],
    [ROUTE_TYPE, views.listenerTables],
  ];
  const classShape: Shape = [
    [CLUSTER_TYPE, inboundClusters],
    [LISTENER_TYPE, inboundListener],
  ];
  const gatewayShape: Shape = [
    [LISTENER_TYPE, gatewayListeners],
    [ROUTE_TYPE, gatewayTables],
  ];
  const ownShape = (own: string): Shape => (gatewayOf(own) === undefined ? classShape : gatewayShape);

  return {
    combination: graph.query('translate.combination', (reader, facts) =>
      renderCombination(reader.read(model.proxyKeys, facts)),
    ),
    view: defineParts(graph, 'view', () => viewShape),
    own: defineParts(graph, 'own', ownShape),
    entries: graph.query('translate.combinationEntries', (reader: Reader, combination) => {
      const { view, own } = parseCombination(combination);
      const byType = new Map<string, Entry[]>();
      const add = (shape: Shape, key: string) => {
        for (const [type, collection] of shape)
          byType.set(type, [...(byType.get(type) ?? []), ...reader.read(collection.entries, key)]);
      };
      add(viewShape, view);
      add(ownShape(own), keyOf(own));
      return byType;
    }),
  };
}

function defineParts(graph: Graph, name: string, shapeOf: (key: string) => Shape): Query<Part> {
  const ofType = graph.query(
    `translate.${name}.type`,
    (reader, typeAndKey) => {
      const at = typeAndKey.indexOf('\n');
      const type = typeAndKey.slice(0, at);
      const key = typeAndKey.slice(at + 1);
      const collections = shapeOf(key).filter(([one]) => one === type);
      return layer(collections.map(([, collection]) => reader.read(collection.resources, keyOf(key))));
    },
    { equal: sameLayers },
  );
  const types = graph.query<Types>(
    `translate.${name}.types`,
    (reader, key) => {
      const all = new Set(shapeOf(key).map(([type]) => type));
      return new Map([...all].map((type) => [type, reader.read(ofType, `${type}\n${key}`)]));
    },
    { equal: (a, b) => a.size === b.size && [...b].every(([type, resources]) => a.get(type) === resources) },
  );
  const summary = graph.query(
    `translate.${name}.summary`,
    (reader, key) => mergeSummaries(shapeOf(key).map(([, collection]) => reader.read(collection.summary, keyOf(key)))),
    { equal: sameSummary },
  );
  return graph.query<Part>(
    `translate.${name}`,
    (reader, key) => ({ types: reader.read(types, key), summary: reader.read(summary, key) }),
    { equal: (a, b) => a.types === b.types && a.summary === b.summary },
  );
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

/** The keys of the two parts of a combination. */
export function parseCombination(combination: string): { readonly view: string; readonly own: string } {
  const at = combination.indexOf('\n');
  return { view: combination.slice(0, at), own: combination.slice(at + 1) };
}

/** The gateway's key of what a router has beside its view. */
export function gatewayOf(own: string): string | undefined {
  return own.startsWith('gateway\n') ? keyOf(own) : undefined;
}

/** Without the word that says what kind of part it is. */
const keyOf = (part: string): string => part.slice(part.indexOf('\n') + 1);
