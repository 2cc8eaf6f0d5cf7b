/**
 * The virtual hosts of a sidecar's route tables as resources of their own: those that everybody sees, and before them the
 * little that its view sees by itself: its own namespace under short names, what is private to it, what is routed
 * differently for it. A changed virtual host makes the map of its namespace anew, and nothing of the size of a table.
 */
import { createIntern, type Graph, type Query } from '#graph/index.ts';
import { type MeshQueries, parseRouteSliceKey, readCompositionKeys } from '#model/index.ts';
import type { Resources } from '#xds/source.ts';
import { type Collection, collect } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { type Claims, createHostLayer, splitEntry } from './host-layer.ts';
import { LayeredResources, layer, sameLayers } from './layered.ts';
import { createPublicHosts, type PublicClaims, type PublicKey } from './public-hosts.ts';
import { separateDomains } from './route-table.ts';

export interface SidecarHosts extends Collection {
  /** By the model's RouteTableKey: the table has no virtual host at all. */
  readonly isEmpty: Query<boolean>;
}

/** The virtual hosts of all tables of a view, by the model's ViewKey. */
export function composeVirtualHosts(graph: Graph, model: MeshQueries, queries: EntryQueries): SidecarHosts {
  const shared = createPublicHosts(graph, model, queries);
  /** By RouteTableKey. */
  const own = createHostLayer(graph, 'hosts.own', queries.virtualHost, (reader, key) => {
    const { name, slices, overrides } = reader.read(model.routeTable, key);
    const members = slices.filter(isOwn).flatMap((slice) => reader.read(model.routeSlice, slice));
    const unchanged = members.filter(({ service }) => !overrides.has(service));
    return { table: name, keys: [...unchanged.flatMap(({ keys }) => keys), ...[...overrides.values()].flat()] };
  });
  const collides = graph.query<boolean>('translate.hosts.collides', (reader, key) => {
    const { overrides } = reader.read(model.routeTable, key);
    if ([...overrides.values()].some(({ length }) => length === 0)) return true;
    return findCollision(reader.read(own.claims, key), reader.read(shared.claims, reader.read(shared.keyOf, key).text));
  });
  /** A table where a view's own virtual hosts claim what others claim too: settled by itself, for this view alone. */
  const settled = graph.query<readonly Entry[]>(
    'translate.hosts.settledForView',
    (reader, key) => {
      const table = reader.read(model.routeTable, key);
      const keys = readCompositionKeys(reader, model.routeSlice, table);
      const parts = keys.map((host) => reader.read(queries.virtualHost, host));
      return separateDomains(parts).map((part) => splitEntry(table.name, part));
    },
    { equal: sameEntryLists },
  );

  const ownOfView = collect(
    graph,
    'hosts.ofView',
    graph.query<readonly Entry[]>(
      'translate.hosts.ofView.entries',
      (reader, view) =>
        reader
          .read(model.viewRouteTables, view)
          .flatMap((key) => reader.read(reader.read(collides, key) ? settled : own.entries, key)),
      { equal: sameEntryLists },
    ),
  );
  const sharedKeys = graph.query<PublicKeys>('translate.hosts.publicKeys', (reader, view) => {
    const keys = reader
      .read(model.viewRouteTables, view)
      .flatMap((key) => (reader.read(collides, key) ? [] : [reader.read(shared.keyOf, key)]));
    return internKeys({ keys, text: keys.map(({ text }) => text).join(SEPARATOR) });
  });
  const sharedResources = graph.query<Resources>(
    'translate.hosts.allPublic',
    (reader, text) => layer(splitKeys(text).map((key) => reader.read(shared.resources, key))),
    { equal: sameLayers },
  );

  return {
    isEmpty: graph.query('translate.hosts.isEmpty', (reader, key) => {
      const { services } = reader.read(shared.claims, reader.read(shared.keyOf, key).text);
      return services.size === 0 && reader.read(own.claims, key).hosts.length === 0;
    }),
    entries: graph.query(
      'translate.hosts.viewEntries',
      (reader, view) => {
        const first = reader.read(ownOfView.resources, view);
        const { keys } = reader.read(sharedKeys, view);
        const rest = keys.flatMap(({ text }) => reader.read(shared.entries, text));
        return [
          ...reader.read(ownOfView.entries, view),
          ...rest.filter((entry) => !('resource' in entry && first.has(entry.resource.name))),
        ];
      },
      { equal: sameEntryLists },
    ),
    resources: graph.query<Resources>(
      'translate.hosts.viewResources',
      (reader, view) => {
        const first = reader.read(ownOfView.resources, view);
        const rest = reader.read(sharedResources, reader.read(sharedKeys, view).text);
        return first.size === 0 ? rest : new LayeredResources([first, rest]);
      },
      { equal: sameLayers },
    ),
    /** Names the user resources behind what a view sees differently as well: they decide that it does. */
    summary: graph.query(
      'translate.hosts.viewSummary',
      (reader, view) =>
        mergeSummaries([
          reader.read(ownOfView.summary, view),
          ...reader.read(sharedKeys, view).keys.map(({ text }) => reader.read(shared.summary, text)),
        ]),
      { equal: sameSummary },
    ),
  };
}

interface PublicKeys {
  readonly keys: readonly PublicKey[];
  readonly text: string;
}

const internKeys = createIntern<PublicKeys>(({ text }) => text);

/** Stands in no key. */
const SEPARATOR = '\f';

function splitKeys(text: string): readonly string[] {
  return text === '' ? [] : text.split(SEPARATOR);
}

/** Seen by clients of one namespace only, or under names of their own. */
function isOwn(slice: string): boolean {
  const { private: client, near } = parseRouteSliceKey(slice);
  return client !== '' || near !== '';
}

/** Whether two virtual hosts claim one domain, unless the view's own merely takes the place of everybody's. */
function findCollision({ hosts }: Claims, shared: PublicClaims): boolean {
  const names = new Set<string>();
  const domains = new Set<string>();
  for (const host of hosts) {
    const replaced = shared.services.get(host.name);
    if (names.has(host.name) || (replaced !== undefined && replaced !== host.service)) return true;
    names.add(host.name);
    for (const domain of host.domains) {
      const owner = shared.owners.get(domain);
      if (domains.has(domain) || shared.contested.has(domain)) return true;
      if (owner !== undefined && owner !== host.name) return true;
      domains.add(domain);
    }
  }
  return false;
}
