/**
 * The virtual hosts of a sidecar's route tables as resources of their own: those that everybody sees, and before them the
 * little that its view sees by itself: its own namespace under short names, what is private to it, what is routed
 * differently for it. A changed virtual host makes the map of its namespace anew, and nothing of the size of a table.
 */
import { createIntern, type Graph, type Query, type Reader } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import type { Resources } from '#xds/source.ts';
import { type Collection, collect } from './collections.ts';
import { Collisions } from './collisions.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { createHostLayer, splitEntry } from './host-layer.ts';
import { LayeredResources, layer, sameLayers } from './layered.ts';
import { isOwn, type OwnPlan, planOwn, samePlan } from './own-hosts.ts';
import { createPublicHosts, type PublicKey } from './public-hosts.ts';
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
  const publicClaims = (reader: Reader, key: string) => reader.read(shared.claims, reader.read(shared.keyOf, key).text);
  const collisions = graph.query<Collisions>(
    'translate.hosts.collisions',
    (reader, key) => new Collisions(reader.read(own.claims, key), publicClaims(reader, key)),
    { equal: succeeds },
  );
  const plan = graph.query<OwnPlan>(
    'translate.hosts.ownPlan',
    (reader, key) => {
      const claims = { own: reader.read(own.claims, key), shared: publicClaims(reader, key) };
      return planOwn(reader, model, key, { ...claims, collide: reader.read(collisions, key).any });
    },
    { equal: samePlan },
  );
  /** By RouteTableKey: a view's own, with what is left to those who claim the same. */
  const settled = graph.query<readonly Entry[]>(
    'translate.hosts.settledForView',
    (reader, key) => {
      const parts = reader.read(plan, key).contesting.map((host) => reader.read(queries.virtualHost, host));
      const { name } = reader.read(model.routeTable, key);
      return separateDomains(parts).map((part) => splitEntry(name, part));
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
          .flatMap((key) => reader.read(reader.read(plan, key).contesting.length > 0 ? settled : own.entries, key)),
      { equal: sameEntryLists },
    ),
  );
  /** Names of what everybody else sees and this view does not. */
  const hidden = graph.query<ReadonlySet<string>>(
    'translate.hosts.hidden',
    (reader, view) => new Set(reader.read(model.viewRouteTables, view).flatMap((key) => reader.read(plan, key).hidden)),
    { equal: sameNames },
  );
  const sharedKeys = graph.query<PublicKeys>('translate.hosts.publicKeys', (reader, view) => {
    const keys = reader.read(model.viewRouteTables, view).map((key) => reader.read(shared.keyOf, key));
    return internKeys({ keys, text: keys.map(({ text }) => text).join(SEPARATOR) });
  });
  const sharedResources = graph.query<Resources>(
    'translate.hosts.allPublic',
    (reader, text) => layer(splitKeys(text).map((key) => reader.read(shared.resources, key))),
    { equal: sameLayers },
  );

  return {
    isEmpty: graph.query('translate.hosts.isEmpty', (reader, key) => {
      return publicClaims(reader, key).isEmpty && reader.read(own.claims, key).length === 0;
    }),
    entries: graph.query(
      'translate.hosts.viewEntries',
      (reader, view) => {
        const first = reader.read(ownOfView.resources, view);
        const { keys } = reader.read(sharedKeys, view);
        const without = reader.read(hidden, view);
        const isReplaced = (name: string) => first.has(name) || without.has(name);
        const rest = keys.flatMap(({ text }) => reader.read(shared.entries, text));
        return [
          ...reader.read(ownOfView.entries, view),
          ...rest.filter((entry) => !('resource' in entry && isReplaced(entry.resource.name))),
        ];
      },
      { equal: sameEntryLists },
    ),
    resources: graph.query<Resources>(
      'translate.hosts.viewResources',
      (reader, view) => {
        const first = reader.read(ownOfView.resources, view);
        const rest = reader.read(sharedResources, reader.read(sharedKeys, view).text);
        const without = reader.read(hidden, view);
        return first.size + without.size === 0 ? rest : new LayeredResources([first, rest], without);
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

/** No cut-off: what is known of collisions goes over to those that replace them. */
function succeeds(previous: Collisions, next: Collisions): boolean {
  next.inherit(previous);
  return false;
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

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((name) => b.has(name));
}
