/**
 * The virtual hosts of route tables as resources of their own. A table is a stack of layers, one for each slice, which
 * all views share: a changed virtual host rebuilds the map of its own layer, and nothing of the size of a table.
 */
import { type Graph, type Query, type Reader, sameEntries } from '#graph/index.ts';
import {
  type ComposedRouteTable,
  type MeshQueries,
  parseRouteSliceKey,
  parseServiceId,
  readCompositionKeys,
} from '#model/index.ts';
import type { Resources } from '#xds/source.ts';
import { type Collection, collect, mapOf } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { buildEntry, type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { layer, sameLayers } from './layered.ts';
import {
  areDisjoint,
  type Claims,
  claimsOf,
  separateDomains,
  splitVirtualHost,
  type VirtualHostPart,
} from './route-table.ts';

/** Virtual hosts by the model's RouteTableKey. */
export function composeVirtualHosts(graph: Graph, model: MeshQueries, queries: EntryQueries): Collection {
  const layers = createLayers(graph, 'slice', queries, (reader, key) => {
    const { slice, without } = parseLayerKey(key);
    const left = new Set(without);
    const members = reader.read(model.routeSlice, slice).filter(({ service }) => !left.has(service));
    return { table: parseRouteSliceKey(slice).port, keys: members.flatMap(({ keys }) => keys) };
  });
  /** What a table holds beside its slices. */
  const own = createLayers(graph, 'own', queries, (reader, key) => {
    const { name, overrides, extra } = reader.read(model.routeTable, key);
    return { table: name, keys: [...[...overrides.values()].flat(), ...extra] };
  });

  /** Two virtual hosts claim the same domain only where somebody made a mistake. */
  const isDisjoint = graph.query<boolean>('translate.hosts.isDisjoint', (reader, key) =>
    areDisjoint([
      ...layersOf(reader.read(model.routeTable, key)).map((layerKey) => reader.read(layers.claims, layerKey)),
      reader.read(own.claims, key),
    ]),
  );
  const separated = graph.query<readonly Entry[]>(
    'translate.hosts.separated',
    (reader, key) => {
      const table = reader.read(model.routeTable, key);
      const keys = readCompositionKeys(reader, model.routeSlice, table);
      return separateDomains(keys.map((host) => reader.read(queries.virtualHost, host))).map((part) =>
        splitEntry(table.name, part),
      );
    },
    { equal: sameEntryLists },
  );

  return {
    entries: graph.query(
      'translate.hosts.entries',
      (reader, key) => {
        if (!reader.read(isDisjoint, key)) return reader.read(separated, key);
        const shared = layersOf(reader.read(model.routeTable, key));
        return [
          ...shared.flatMap((layerKey) => reader.read(layers.entries, layerKey)),
          ...reader.read(own.entries, key),
        ];
      },
      { equal: sameEntryLists },
    ),
    resources: graph.query<Resources>(
      'translate.hosts.resources',
      (reader, key) => {
        if (!reader.read(isDisjoint, key)) return mapOf(reader.read(separated, key));
        const shared = layersOf(reader.read(model.routeTable, key));
        return layer([
          ...shared.map((layerKey) => reader.read(layers.resources, layerKey)),
          reader.read(own.resources, key),
        ]);
      },
      { equal: sameResources },
    ),
    summary: graph.query(
      'translate.hosts.summary',
      (reader, key) => {
        const shared = layersOf(reader.read(model.routeTable, key));
        return mergeSummaries([
          ...shared.map((layerKey) => reader.read(layers.summary, layerKey)),
          reader.read(own.summary, key),
        ]);
      },
      { equal: sameSummary },
    ),
  };
}

/** The virtual hosts of a gateway's route tables, by the model's key of the table. */
export function listGatewayVirtualHosts(graph: Graph, model: MeshQueries, queries: EntryQueries): Collection {
  return collect(
    graph,
    'gatewayHosts',
    graph.query<readonly Entry[]>(
      'translate.gatewayHosts.entries',
      (reader, key) => {
        const { name, virtualHosts } = reader.read(model.gatewayRouteTable, key);
        const parts = virtualHosts.map((host) => reader.read(queries.gatewayVirtualHost, host));
        return separateDomains(parts).map((part) => splitEntry(name, part));
      },
      { equal: sameEntryLists },
    ),
  );
}

interface Layers extends Collection {
  readonly claims: Query<Claims>;
}

type ReadLayer = (reader: Reader, key: string) => { readonly table: string; readonly keys: readonly string[] };

function createLayers(graph: Graph, name: string, queries: EntryQueries, read: ReadLayer): Layers {
  const entries = graph.query<readonly Entry[]>(
    `translate.hosts.${name}.entries`,
    (reader, key) => {
      const { table, keys } = read(reader, key);
      return keys.map((host) => buildEntry(host, () => splitEntry(table, reader.read(queries.virtualHost, host))));
    },
    { equal: sameEntryLists },
  );
  const claims = graph.query<Claims>(
    `translate.hosts.${name}.claims`,
    (reader, key) => claimsOf(read(reader, key).keys.map((host) => reader.read(queries.virtualHost, host))),
    { equal: (a, b) => a.hash === b.hash },
  );
  return { ...collect(graph, `hosts.${name}`, entries), claims };
}

function splitEntry(table: string, part: VirtualHostPart): Extract<Entry, { resource: unknown }> {
  return { resource: splitVirtualHost(table, part), sources: part.sources };
}

function sameResources(a: Resources, b: Resources): boolean {
  return sameLayers(a, b) || (a.layers === undefined && b.layers === undefined && sameEntries(a, b));
}

/** Keys of the layers of a table: its slices, without the services that it sees differently. */
function layersOf({ slices, overrides }: ComposedRouteTable): readonly string[] {
  return slices.map((slice) => {
    const { public: namespace, private: client } = parseRouteSliceKey(slice);
    const without = [...overrides.keys()].filter(
      (service) => client !== '' || parseServiceId(service).namespace === namespace,
    );
    return renderLayerKey(slice, without);
  });
}

/** Keys hold no line break. */
function renderLayerKey(slice: string, without: readonly string[]): string {
  return without.length === 0 ? slice : [slice, ...without].join('\n');
}

function parseLayerKey(key: string): { readonly slice: string; readonly without: readonly string[] } {
  const [slice = '', ...without] = key.split('\n');
  return { slice, without };
}
