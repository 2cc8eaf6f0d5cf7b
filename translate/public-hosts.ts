/**
 * The virtual hosts of a table that all views see alike: a layer for each namespace, and one for hosts that are no
 * service. Views that see the same namespaces share it all.
 */
import { renderSplitHostName } from '#envoy/index.ts';
import { createIntern, type Graph, type Query, type Reader, sameEntries, sameMembers } from '#graph/index.ts';
import { type ComposedRouteTable, type MeshQueries, parseRouteSliceKey, renderRouteSliceKey } from '#model/index.ts';
import type { Resources } from '#xds/source.ts';
import { StackedClaims } from './claims.ts';
import { type Collection, mapOf } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { createHostLayer, splitEntry } from './host-layer.ts';
import { LayeredResources, layer, sameLayers } from './layered.ts';
import { separateDomains } from './route-table.ts';

/** A key that is as long as a list of namespaces: one instance for all tables that have it. */
export interface PublicKey {
  readonly text: string;
}

export interface PublicHosts extends Collection {
  /** By the model's RouteTableKey. */
  readonly keyOf: Query<PublicKey>;
  readonly claims: Query<StackedClaims>;
}

const internKey = createIntern<PublicKey>(({ text }) => text);

/** The collection's queries are keyed by the text of a PublicKey. */
export function createPublicHosts(graph: Graph, model: MeshQueries, queries: EntryQueries): PublicHosts {
  const slices = createHostLayer(graph, 'hosts.slice', queries.virtualHost, (reader, key) => ({
    table: parseRouteSliceKey(key).port,
    keys: reader.read(model.routeSlice, key).flatMap(({ keys }) => keys),
  }));
  const extras = createHostLayer(graph, 'hosts.extra', queries.virtualHost, (_, key) => {
    const { name, extra } = parsePublicKey(key);
    return { table: name, keys: extra };
  });
  const isFilled = graph.query(
    'translate.hosts.isFilled',
    (reader, slice) => reader.read(model.routeSlice, slice).length > 0,
  );
  /** The same without the slices that hold nothing; views that see the same namespaces ask in the same words. */
  const filled = graph.query<PublicKey>('translate.hosts.filled', (reader, key) => {
    const parts = parsePublicKey(key);
    return internKey({
      text: renderPublicKey({ ...parts, slices: parts.slices.filter((slice) => reader.read(isFilled, slice)) }),
    });
  });
  const keyOf = graph.query<PublicKey>('translate.hosts.publicKey', (reader, key) => {
    const { name, slices: all, extra } = reader.read(model.routeTable, key);
    return reader.read(filled, renderPublicKey({ name, slices: publicSlices({ slices: all }), extra }));
  });
  const claims = graph.query<StackedClaims>(
    'translate.hosts.claims',
    (reader, key) => {
      const parts = parsePublicKey(key);
      return new StackedClaims([
        ...parts.slices.map((slice) => reader.read(slices.claims, slice)),
        reader.read(extras.claims, renderPublicKey({ ...parts, slices: [] })),
      ]);
    },
    { equal: sameStack },
  );
  /** Those that contest a domain, each with what is left to it. */
  const settled = graph.query<readonly Entry[]>(
    'translate.hosts.settled',
    (reader, key) => {
      const { contesting } = reader.read(claims, key);
      const parts = contesting.map((host) => reader.read(queries.virtualHost, host.key));
      return separateDomains(parts).map((part) => splitEntry(parsePublicKey(key).name, part));
    },
    { equal: sameEntryLists },
  );
  const settledResources = graph.query<Resources>(
    'translate.hosts.settledResources',
    (reader, key) => mapOf(reader.read(settled, key)),
    { equal: sameEntries },
  );
  /** Names that `settled` decides about. */
  const hiddenNames = (reader: Reader, key: string): ReadonlySet<string> => {
    const { name } = parsePublicKey(key);
    return new Set(reader.read(claims, key).contesting.map((host) => renderSplitHostName(name, host.name)));
  };

  return {
    keyOf,
    claims,
    entries: graph.query(
      'translate.hosts.entries',
      (reader, key) => {
        const parts = parsePublicKey(key);
        const hidden = hiddenNames(reader, key);
        const all = [
          ...parts.slices.flatMap((slice) => reader.read(slices.entries, slice)),
          ...reader.read(extras.entries, renderPublicKey({ ...parts, slices: [] })),
        ];
        const clear = all.filter((entry) => !('resource' in entry && hidden.has(entry.resource.name)));
        return [...reader.read(settled, key), ...clear];
      },
      { equal: sameEntryLists },
    ),
    resources: graph.query<Resources>(
      'translate.hosts.resources',
      (reader, key) => {
        const parts = parsePublicKey(key);
        const clear = [
          ...parts.slices.map((slice) => reader.read(slices.resources, slice)),
          reader.read(extras.resources, renderPublicKey({ ...parts, slices: [] })),
        ];
        const hidden = hiddenNames(reader, key);
        if (hidden.size === 0) return layer(clear);
        return new LayeredResources([reader.read(settledResources, key), ...clear], hidden);
      },
      { equal: sameLayers },
    ),
    summary: graph.query(
      'translate.hosts.summary',
      (reader, key) => {
        const parts = parsePublicKey(key);
        return mergeSummaries([
          ...parts.slices.map((slice) => reader.read(slices.summary, slice)),
          reader.read(extras.summary, renderPublicKey({ ...parts, slices: [] })),
        ]);
      },
      { equal: sameSummary },
    ),
  };
}

/** Slices that are no namespace's own, as clients of any other namespace see them. */
function publicSlices({ slices }: Pick<ComposedRouteTable, 'slices'>): readonly string[] {
  return slices.filter((slice) => parseRouteSliceKey(slice).private === '').map(asPublic);
}

/** A namespace's slice without the short names that its own clients use. */
function asPublic(text: string): string {
  const slice = parseRouteSliceKey(text);
  return slice.near === '' ? text : renderRouteSliceKey({ ...slice, near: '' });
}

/** Cut-off test; claims that replace others take over what is known of them. */
function sameStack(previous: StackedClaims, next: StackedClaims): boolean {
  if (sameMembers(previous.layers, next.layers)) return true;
  next.inherit(previous);
  return false;
}

type PublicParts = Pick<ComposedRouteTable, 'name' | 'slices' | 'extra'>;

/** Names and keys hold no line break. */
function renderPublicKey({ name, slices, extra }: PublicParts): string {
  return [name, slices.length, ...slices, ...extra].join('\n');
}

function parsePublicKey(text: string): PublicParts {
  const [name = '', count = '0', ...keys] = text.split('\n');
  return { name, slices: keys.slice(0, Number(count)), extra: keys.slice(Number(count)) };
}
