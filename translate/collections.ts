/**
 * What a view holds, composed of shared slices. Two views that compose the same slices share one list and one map, and a
 * changed member touches its own slice and the lists that hold it.
 */
import { createIntern, type Graph, type Query, type Reader, sameEntries, sameMembers } from '#graph/index.ts';
import {
  type Composition,
  endpointKeyOf,
  isPrivateSlice,
  listenerRouteTable,
  type MeshQueries,
  parseFields,
  parseServiceId,
  parseViewKey,
  renderFields,
  type Slice,
  sliceFields,
  type ViewKey,
} from '#model/index.ts';
import type { Resources, ServedResource } from '#xds/source.ts';
import type { EntryQueries } from './entries.ts';
import { type Entry, mergeSummaries, type Summary, sameSummary, summarize } from './entry.ts';
import { LayeredResources, layer, sameLayers } from './layered.ts';

/** Entries of one kind, the map of what they serve, and whose they are. */
export interface Collection {
  readonly entries: Query<readonly Entry[]>;
  readonly resources: Query<Resources>;
  /** Stays clean when members change without changing whose they are. */
  readonly summary: Query<Summary>;
}

export interface ViewCollections {
  /** Key of each: the model's ViewKey. */
  readonly clusters: Collection;
  /** Those that are the same wherever the client runs. */
  readonly endpoints: Collection;
  /** Those that are not. Key: the ViewKey, a tab, the PlaceKey. */
  readonly placedEndpoints: Collection;
  readonly listeners: Collection;
  /** Tables of ports that several services share. */
  readonly portTables: Collection;
  /** Tables of one listener's own. */
  readonly listenerTables: Collection;
}

/** What of a view its endpoints depend on. */
const endpointViewFields = ['network', 'cluster', 'families'] as const;
export type EndpointView = Pick<ViewKey, (typeof endpointViewFields)[number]>;

export function createViewCollections(graph: Graph, model: MeshQueries, queries: EntryQueries): ViewCollections {
  const endpointsOf: KeysOf = (reader, member, view) => {
    const cluster = reader.read(queries.cluster, member);
    if (!('resource' in cluster) || cluster.resource.endpointsName === undefined || cluster.placed) return [];
    return [endpointKeyOf(member, view)];
  };
  const tablesOf: KeysOf = (_reader, member) => {
    const table = listenerRouteTable(member);
    return table === undefined ? [] : [table];
  };
  const { viewClusters, clusterSlice, viewListeners, listenerSlice } = model;

  const portTables = graph.query(
    'translate.portTables',
    (reader, view) => reader.read(model.viewRouteTables, view).map((key) => reader.read(queries.routeTable, key)),
    { equal: sameMembers },
  );
  const placedEndpoints = graph.query(
    'translate.placedEndpoints',
    (reader, key) => {
      const [view = '', place = ''] = key.split('\t');
      return reader.read(model.placedClusters, view).flatMap((member) => {
        const cluster = reader.read(queries.cluster, member);
        const placed = 'resource' in cluster && cluster.resource.endpointsName !== undefined && cluster.placed;
        return placed ? [reader.read(queries.endpoints, endpointKeyOf(member, parseViewKey(view), place))] : [];
      });
    },
    { equal: sameMembers },
  );
  return {
    clusters: compose(graph, 'clusters', viewClusters, clusterSlice, queries.cluster),
    endpoints: compose(graph, 'endpoints', viewClusters, clusterSlice, queries.endpoints, endpointsOf),
    placedEndpoints: collect(graph, 'placedEndpoints', placedEndpoints),
    listeners: compose(graph, 'listeners', viewListeners, listenerSlice, queries.listener),
    listenerTables: compose(graph, 'listenerTables', viewListeners, listenerSlice, queries.routeTable, tablesOf),
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
export function mapOf(entries: readonly Entry[]): Resources {
  const map = new Map<string, ServedResource>();
  for (const entry of entries) {
    if ('resource' in entry && !map.has(entry.resource.name)) map.set(entry.resource.name, entry.resource);
  }
  return map;
}

/** Keys of the entries that a member of a composition stands for. */
export type KeysOf = (reader: Reader, member: string, view: EndpointView) => readonly string[];

const itself: KeysOf = (_reader, member) => [member];

interface ServiceKeys {
  readonly service: string;
  readonly keys: readonly string[];
}

interface ServiceEntries {
  readonly service: string;
  readonly entries: readonly Entry[];
}

/**
 * The collection of a composition: a layer per slice, and one for what stands beside them. Views that are composed of the
 * same slices share it; a view that sees some services differently has a thin layer of its own before it. So a changed
 * member makes its slice anew and otherwise costs lists of layers, however many services and views there are.
 */
export function compose(
  graph: Graph,
  name: string,
  compositions: Query<Composition>,
  slices: Query<Slice>,
  entryOf: Query<Entry>,
  keysOf: KeysOf = itself,
): Collection {
  const define = <V>(part: string, compute: (reader: Reader, key: string) => V, equal?: (a: V, b: V) => boolean) =>
    graph.query(`translate.${name}.${part}`, compute, equal === undefined ? {} : { equal });
  const oneSlice = (key: string, view: EndpointView) => renderSharedKey({ slices: [key], extra: [], view });
  const composedOf = (reader: Reader, viewKey: string): Composed => ({
    ...reader.read(compositions, viewKey),
    view: parseViewKey(viewKey),
  });

  /** Apart from the entries, so that a changed one costs no more than a look at each: the keys are long and made once. */
  const sliceKeys = define<readonly ServiceKeys[]>(
    'sliceKeys',
    (reader, key) => {
      const {
        slices: [sliceKey = ''],
        view,
      } = parseSharedKey(key);
      return reader
        .read(slices, sliceKey)
        .map(({ service, keys }) => ({ service, keys: keys.flatMap((member) => keysOf(reader, member, view)) }));
    },
    sameServiceKeys,
  );
  const readEntries = (reader: Reader, keys: readonly string[]) => keys.map((key) => reader.read(entryOf, key));
  const slice = define<readonly ServiceEntries[]>(
    'slice',
    (reader, key) =>
      reader.read(sliceKeys, key).map(({ service, keys }) => ({ service, entries: readEntries(reader, keys) })),
    sameServices,
  );
  const sliceEntries = (reader: Reader, key: string) => reader.read(slice, key).flatMap(({ entries }) => entries);
  const sliceResources = define('sliceResources', (reader, key) => mapOf(sliceEntries(reader, key)), sameEntries);
  const sliceSummary = define('sliceSummary', (reader, key) => summarize(sliceEntries(reader, key)), sameSummary);

  const translate = (reader: Reader, members: readonly string[], view: EndpointView) =>
    readEntries(
      reader,
      members.flatMap((member) => keysOf(reader, member, view)),
    );
  /** What stands beside the slices of a composition; key: as of a shared composition without slices. */
  const extraEntries = (reader: Reader, { extra, view }: Pick<Composed, 'extra' | 'view'>) =>
    translate(reader, extra, view);
  const extraResources = define(
    'extraResources',
    (reader, key) => mapOf(extraEntries(reader, parseSharedKey(key))),
    sameEntries,
  );
  /** A shared key, which names every namespace, taken apart once. */
  const partsOf = define('sharedParts', (_reader, key): SharedParts => {
    const composed = parseSharedKey(key);
    return {
      slices: composed.slices.map((member) => oneSlice(member, composed.view)),
      rest: renderSharedKey({ ...composed, slices: [] }),
    };
  });
  const sharedResources = define<Resources>(
    'sharedResources',
    (reader, key) => {
      const { slices: all, rest } = reader.read(partsOf, key);
      return layer([...all.map((member) => reader.read(sliceResources, member)), reader.read(extraResources, rest)]);
    },
    sameLayers,
  );
  const sharedSummary = define(
    'sharedSummary',
    (reader, key) => {
      const { slices: all, rest } = reader.read(partsOf, key);
      return mergeSummaries([
        ...all.map((member) => reader.read(sliceSummary, member)),
        summarize(extraEntries(reader, parseSharedKey(rest))),
      ]);
    },
    sameSummary,
  );
  const isFilled = graph.query(`translate.${name}.isFilled`, (reader, key) => reader.read(slices, key).length > 0);
  /** The same without the slices that hold nothing. Views that see the same namespaces ask in the same words. */
  const filled = graph.query<SharedKey>(`translate.${name}.filled`, (reader, key) => {
    const composed = parseSharedKey(key);
    return internSharedKey({
      text: renderSharedKey({ ...composed, slices: composed.slices.filter((member) => reader.read(isFilled, member)) }),
    });
  });
  const sharedKey = graph.query<SharedKey>(`translate.${name}.sharedKey`, (reader, viewKey) => {
    const { slices: all, extra, view } = composedOf(reader, viewKey);
    const everybodys = all.filter((key) => !isPrivateSlice(key));
    const own = all.filter((key) => isPrivateSlice(key) && reader.read(isFilled, key));
    const shared = reader.read(filled, renderSharedKey({ slices: everybodys, extra, view }));
    if (own.length === 0) return shared;
    const kept = new Set([...parseSharedKey(shared.text).slices, ...own]);
    return internSharedKey({ text: renderSharedKey({ slices: all.filter((key) => kept.has(key)), extra, view }) });
  });

  /** What a view sees differently from everybody. */
  const ownEntries = (reader: Reader, { overrides, view }: Composed): readonly Entry[] =>
    translate(reader, [...overrides.values()].flat(), view);
  const ownResources = define(
    'ownResources',
    (reader, viewKey) => mapOf(ownEntries(reader, composedOf(reader, viewKey))),
    sameEntries,
  );
  /** Names of what everybody else sees in their place. */
  const hiddenNames = define<ReadonlySet<string>>(
    'hiddenNames',
    (reader, viewKey) => {
      const composed = composedOf(reader, viewKey);
      const names = new Set<string>();
      for (const key of composed.slices.filter((member) => holdsAny(member, composed.overrides.keys()))) {
        for (const { service, entries } of reader.read(slice, oneSlice(key, composed.view))) {
          if (composed.overrides.has(service)) for (const entryName of mapOf(entries).keys()) names.add(entryName);
        }
      }
      return names;
    },
    (a, b) => a.size === b.size && [...a].every((entryName) => b.has(entryName)),
  );
  const hasOverrides = graph.query(
    `translate.${name}.hasOverrides`,
    (reader, viewKey) => reader.read(compositions, viewKey).overrides.size > 0,
  );

  return {
    entries: define<readonly Entry[]>(
      'entries',
      (reader, viewKey) => {
        const composed = composedOf(reader, viewKey);
        const shared = composed.slices.flatMap((key) =>
          reader
            .read(slice, oneSlice(key, composed.view))
            .flatMap(({ service, entries }) => (composed.overrides.has(service) ? [] : entries)),
        );
        return [...shared, ...ownEntries(reader, composed), ...extraEntries(reader, composed)];
      },
      sameMembers,
    ),
    resources: define<Resources>(
      'resources',
      (reader, viewKey) => {
        const shared = reader.read(sharedResources, reader.read(sharedKey, viewKey).text);
        if (!reader.read(hasOverrides, viewKey)) return shared;
        const own = reader.read(ownResources, viewKey);
        return new LayeredResources([own, shared], reader.read(hiddenNames, viewKey));
      },
      sameLayers,
    ),
    /** Names the user resources of an overridden service as well: they decide that there is an override. */
    summary: define(
      'summary',
      (reader, viewKey) => {
        const shared = reader.read(sharedSummary, reader.read(sharedKey, viewKey).text);
        if (!reader.read(hasOverrides, viewKey)) return shared;
        return mergeSummaries([shared, summarize(ownEntries(reader, composedOf(reader, viewKey)))]);
      },
      sameSummary,
    ),
  };
}

/** Keys of the queries that a shared composition is made of. */
interface SharedParts {
  readonly slices: readonly string[];
  readonly rest: string;
}

interface Composed extends Composition {
  readonly view: EndpointView;
}

/** Whether a slice may have one of these services in it. */
function holdsAny(sliceKey: string, services: Iterable<string>): boolean {
  const { public: namespace, private: client } = parseFields(sliceFields, sliceKey);
  if (client !== '') return true;
  for (const service of services) if (parseServiceId(service).namespace === namespace) return true;
  return false;
}

function sameServices(a: readonly ServiceEntries[], b: readonly ServiceEntries[]): boolean {
  return sameList(a, b, (one, other) => one.service === other.service && sameMembers(one.entries, other.entries));
}

function sameServiceKeys(a: readonly ServiceKeys[], b: readonly ServiceKeys[]): boolean {
  return sameList(a, b, (one, other) => one.service === other.service && sameMembers(one.keys, other.keys));
}

function sameList<V>(a: readonly V[], b: readonly V[], same: (one: V, other: V) => boolean): boolean {
  return (
    a.length === b.length &&
    a.every((one, at) => {
      const other = b[at];
      return other !== undefined && same(one, other);
    })
  );
}

/** A key that is as long as a list of namespaces: one instance for all views that have it. */
interface SharedKey {
  readonly text: string;
}

const internSharedKey = createIntern<SharedKey>(({ text }) => text);

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
