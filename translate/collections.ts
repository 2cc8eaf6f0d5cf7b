/**
 * What a view holds, composed of shared slices. Two views that compose the same slices share one list and one map, and a
 * changed member touches its own slice and the lists that hold it.
 */
import { type Graph, type Query, type Reader, sameEntries, sameMembers } from '#graph/index.ts';
import {
  type Composition,
  endpointKeyOf,
  listenerRouteTable,
  type MeshQueries,
  parseFields,
  parseViewKey,
  renderFields,
  type Slice,
  type ViewKey,
} from '#model/index.ts';
import type { ServedResource } from '#xds/source.ts';
import type { EntryQueries } from './entries.ts';
import { type Entry, mergeSummaries, type Summary, sameSummary, summarize } from './entry.ts';

/** Entries of one kind, the map of what they serve, and whose they are. */
export interface Collection {
  readonly entries: Query<readonly Entry[]>;
  readonly resources: Query<ReadonlyMap<string, ServedResource>>;
  /** Stays clean when members change without changing whose they are. */
  readonly summary: Query<Summary>;
}

export interface ViewCollections {
  /** Key of each: the model's ViewKey. */
  readonly clusters: Collection;
  readonly endpoints: Collection;
  readonly listeners: Collection;
  /** Tables of ports that several services share. */
  readonly portTables: Collection;
  /** Tables of one listener's own. */
  readonly listenerTables: Collection;
}

/** What of a view its endpoints depend on. */
const endpointViewFields = ['network', 'cluster', 'families'] as const;
type EndpointView = Pick<ViewKey, (typeof endpointViewFields)[number]>;

export function createViewCollections(graph: Graph, model: MeshQueries, queries: EntryQueries): ViewCollections {
  const clusters = (reader: Reader, key: string): readonly Entry[] => [reader.read(queries.cluster, key)];
  const endpoints = (reader: Reader, key: string, view: EndpointView): readonly Entry[] => {
    const cluster = reader.read(queries.cluster, key);
    if (!('resource' in cluster) || cluster.resource.endpointsName === undefined) return [];
    return [reader.read(queries.endpoints, endpointKeyOf(key, view))];
  };
  const listeners = (reader: Reader, key: string): readonly Entry[] => [reader.read(queries.listener, key)];
  const listenerTables = (reader: Reader, key: string): readonly Entry[] => {
    const table = listenerRouteTable(key);
    return table === undefined ? [] : [reader.read(queries.routeTable, table)];
  };
  const { viewClusters, clusterSlice, viewListeners, listenerSlice } = model;

  const portTables = graph.query(
    'translate.portTables',
    (reader, view) => reader.read(model.viewRouteTables, view).map((key) => reader.read(queries.routeTable, key)),
    { equal: sameMembers },
  );
  return {
    clusters: compose(graph, 'clusters', viewClusters, clusterSlice, clusters),
    endpoints: compose(graph, 'endpoints', viewClusters, clusterSlice, endpoints),
    listeners: compose(graph, 'listeners', viewListeners, listenerSlice, listeners),
    listenerTables: compose(graph, 'listenerTables', viewListeners, listenerSlice, listenerTables),
    portTables: collect(graph, 'portTables', portTables),
  };
}

/** The collection of a list of entries. */
export function collect(graph: Graph, name: string, entries: Query<readonly Entry[]>): Collection {
  return {
    entries,
    resources: graph.query(`translate.${name}.resources`, (reader, key) => mapOf(reader.read(entries, key)), {
      equal: sameEntries,
    }),
    summary: graph.query(`translate.${name}.summary`, (reader, key) => summarize(reader.read(entries, key)), {
      equal: sameSummary,
    }),
  };
}

/** Served resources by name; where two claim one name the first stays, because Envoy would refuse both. */
export function mapOf(entries: readonly Entry[]): ReadonlyMap<string, ServedResource> {
  const map = new Map<string, ServedResource>();
  for (const entry of entries) {
    if ('resource' in entry && !map.has(entry.resource.name)) map.set(entry.resource.name, entry.resource);
  }
  return map;
}

type Translate = (reader: Reader, key: string, view: EndpointView) => readonly Entry[];

interface ServiceEntries {
  readonly service: string;
  readonly entries: readonly Entry[];
}

/**
 * The collection of a composition. Views without overrides of their own are answered by one node per distinct list of
 * slices, so that the number of views does not multiply the work, and share one list and one map.
 */
function compose(
  graph: Graph,
  name: string,
  compositions: Query<Composition>,
  slices: Query<Slice>,
  translate: Translate,
): Collection {
  const slice = graph.query<readonly ServiceEntries[]>(
    `translate.${name}.slice`,
    (reader, key) => {
      const {
        slices: [sliceKey = ''],
        view,
      } = parseSharedKey(key);
      return reader.read(slices, sliceKey).map(({ service, keys }) => ({
        service,
        entries: keys.flatMap((member) => translate(reader, member, view)),
      }));
    },
    { equal: sameServices },
  );
  const sliceSummary = graph.query(
    `translate.${name}.sliceSummary`,
    (reader, key) => summarize(reader.read(slice, key).flatMap((member) => member.entries)),
    { equal: sameSummary },
  );
  /** What a composition holds beside its slices, and what it holds of each slice. */
  const ownEntries = (reader: Reader, { overrides, extra, view }: Composed): readonly Entry[] =>
    [...[...overrides.values()].flat(), ...extra].flatMap((key) => translate(reader, key, view));
  const allEntries = (reader: Reader, composed: Composed): readonly Entry[] => {
    const entries: Entry[] = [];
    for (const key of composed.slices) {
      for (const member of reader.read(slice, renderSharedKey({ slices: [key], extra: [], view: composed.view }))) {
        if (!composed.overrides.has(member.service)) entries.push(...member.entries);
      }
    }
    return [...entries, ...ownEntries(reader, composed)];
  };
  /** Names the user resources of an overridden service as well: they decide that there is an override. */
  const summaryOf = (reader: Reader, composed: Composed): Summary =>
    mergeSummaries([
      ...composed.slices.map((key) =>
        reader.read(sliceSummary, renderSharedKey({ slices: [key], extra: [], view: composed.view })),
      ),
      summarize(ownEntries(reader, composed)),
    ]);
  const shared: Collection = {
    entries: graph.query(`translate.${name}.shared`, (reader, key) => allEntries(reader, parseSharedKey(key)), {
      equal: sameMembers,
    }),
    resources: graph.query(
      `translate.${name}.sharedResources`,
      (reader, key) => mapOf(reader.read(shared.entries, key)),
      { equal: sameEntries },
    ),
    summary: graph.query(`translate.${name}.sharedSummary`, (reader, key) => summaryOf(reader, parseSharedKey(key)), {
      equal: sameSummary,
    }),
  };
  const sharedKey = graph.query(`translate.${name}.sharedKey`, (reader, viewKey) => {
    const composition = reader.read(compositions, viewKey);
    if (composition.overrides.size > 0) return undefined;
    const filled = composition.slices.filter((key) => reader.read(slices, key).length > 0);
    return renderSharedKey({ slices: filled, extra: composition.extra, view: parseViewKey(viewKey) });
  });
  const composedOf = (reader: Reader, viewKey: string): Composed => ({
    ...reader.read(compositions, viewKey),
    view: parseViewKey(viewKey),
  });
  const entries = graph.query(
    `translate.${name}.entries`,
    (reader, viewKey) => {
      const key = reader.read(sharedKey, viewKey);
      return key !== undefined ? reader.read(shared.entries, key) : allEntries(reader, composedOf(reader, viewKey));
    },
    { equal: sameMembers },
  );
  return {
    entries,
    resources: graph.query(
      `translate.${name}.resources`,
      (reader, viewKey) => {
        const key = reader.read(sharedKey, viewKey);
        return key !== undefined ? reader.read(shared.resources, key) : mapOf(reader.read(entries, viewKey));
      },
      { equal: sameEntries },
    ),
    summary: graph.query(
      `translate.${name}.summary`,
      (reader, viewKey) => {
        const key = reader.read(sharedKey, viewKey);
        return key !== undefined ? reader.read(shared.summary, key) : summaryOf(reader, composedOf(reader, viewKey));
      },
      { equal: sameSummary },
    ),
  };
}

interface Composed extends Composition {
  readonly view: EndpointView;
}

function sameServices(a: readonly ServiceEntries[], b: readonly ServiceEntries[]): boolean {
  return (
    a.length === b.length &&
    a.every((member, at) => {
      const other = b[at];
      return other !== undefined && member.service === other.service && sameMembers(member.entries, other.entries);
    })
  );
}

const NO_OVERRIDES: Composition['overrides'] = new Map();

/** Keys hold no line break, so lists of them are joined by one. */
function renderSharedKey({ slices, extra, view }: Omit<Composed, 'overrides'>): string {
  const { network, cluster, families } = view;
  return [renderFields(endpointViewFields, { network, cluster, families }), slices.length, ...slices, ...extra].join(
    '\n',
  );
}

function parseSharedKey(key: string): Composed {
  const [view = '', count = '0', ...keys] = key.split('\n');
  return {
    view: parseFields(endpointViewFields, view),
    slices: keys.slice(0, Number(count)),
    overrides: NO_OVERRIDES,
    extra: keys.slice(Number(count)),
  };
}
