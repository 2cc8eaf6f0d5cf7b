/** What one proxy may hold: its view, and its own listeners and clusters beside it. */
import { createIntern, type Graph, type Query, type Reader, sameEntries, sameMembers } from '#graph/index.ts';
import type { MeshQueries, ProxyKeys, SourceRef } from '#model/index.ts';
import type { Resources, Types } from '#xds/source.ts';
import { type Collection, collect, createViewCollections } from './collections.ts';
import type { EntryQueries } from './entries.ts';
import { type Entry, mergeSummaries, type Summary, sameSummary } from './entry.ts';
import { createGrpcCollections } from './grpc.ts';
import { layer, sameLayers } from './layered.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from './resource.ts';
import { renderSource } from './sources.ts';
import { createSplitGatewayTables, createSplitPortTables, type SplitTables } from './split-tables.ts';

/** What a view, a workload class or a gateway contributes; the identical object while nothing in it changes. */
export interface Part {
  readonly types: Types;
  /** Every user resource that contributes to it, and what could not be built. */
  readonly summary: Summary;
}

export interface SnapshotQueries {
  /** Key: `renderProxyKey`. The combination of view (and place), class or gateway that the proxy belongs to. */
  readonly combination: Query<string>;
  /** Key: the view of a combination, with the place where that matters and the form of its tables. Shared by every class of its proxies. */
  readonly view: Query<Part>;
  /** Key: what a combination has beside its view. */
  readonly own: Query<Part>;
  /** Key: a combination. Every entry, by type URL; for blame. */
  readonly entries: Query<ReadonlyMap<string, readonly Entry[]>>;
}

/** The collections of each type that a part is made of, each with its key. */
type Shape = readonly (readonly [type: string, collection: Collection, key: string])[];

export function createSnapshotQueries(graph: Graph, model: MeshQueries, queries: EntryQueries): SnapshotQueries {
  const views = createViewCollections(graph, model, queries);
  const inboundListeners = collect(graph, 'inboundListeners', queries.inboundListeners);
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

  const splitPortTables = createSplitPortTables(graph, model, queries);
  const splitGatewayTables = createSplitGatewayTables(graph, model, queries);
  const grpc = createGrpcCollections(graph, model, queries);

  const viewShape = (viewPart: string): Shape => {
    const { form, view, place } = parseViewPart(viewPart);
    const placed: Shape = place === '' ? [] : [[ENDPOINT_TYPE, views.placedEndpoints, `${view}\t${place}`]];
    if (form === 'grpc')
      return [
        [CLUSTER_TYPE, grpc.clusters, view],
        [ENDPOINT_TYPE, grpc.endpoints, view],
        ...placed,
        [LISTENER_TYPE, grpc.listeners, view],
        [ROUTE_TYPE, grpc.tables, view],
      ];
    return [
      [CLUSTER_TYPE, views.clusters, view],
      [ENDPOINT_TYPE, views.endpoints, view],
      ...placed,
      [LISTENER_TYPE, views.listeners, view],
      ...tableShape(form, views.portTables, splitPortTables, view),
      [ROUTE_TYPE, views.listenerTables, view],
    ];
  };
  const ownShape = (own: string): Shape => {
    const key = keyOf(own);
    if (gatewayOf(own) === undefined)
      return [
        [CLUSTER_TYPE, inboundClusters, key],
        [LISTENER_TYPE, inboundListeners, key],
      ];
    return [
      [LISTENER_TYPE, gatewayListeners, key],
      ...tableShape(own.startsWith(SPLIT_GATEWAY) ? 'split' : 'whole', gatewayTables, splitGatewayTables, key),
    ];
  };

  return {
    combination: graph.query('translate.combination', (reader, key) => {
      const { form, facts } = parseProxyKey(key);
      return renderCombination(form, reader.read(model.proxyKeys, facts));
    }),
    view: defineParts(graph, 'view', viewShape, (reader, viewPart) =>
      reader.read(model.viewSources, parseViewPart(viewPart).view),
    ),
    own: defineParts(graph, 'own', ownShape),
    entries: graph.query('translate.combinationEntries', (reader: Reader, combination) => {
      const { view, own } = parseCombination(combination);
      const byType = new Map<string, Entry[]>();
      for (const [type, collection, key] of [...viewShape(view), ...ownShape(own)])
        byType.set(type, [...(byType.get(type) ?? []), ...reader.read(collection.entries, key)]);
      return byType;
    }),
  };
}

/** `decidedBy`: user resources that decide what the part holds and are in nothing of it. */
function defineParts(
  graph: Graph,
  name: string,
  shapeOf: (key: string) => Shape,
  decidedBy: (reader: Reader, key: string) => readonly SourceRef[] = () => [],
): Query<Part> {
  /** A part's key taken apart once; of each type the key of what there is of it. */
  const shape = graph.query(`translate.${name}.shape`, (_reader, key) => {
    const all = shapeOf(key);
    return { all, types: [...new Set(all.map(([type]) => type))].map((type) => ({ type, key: `${type}\n${key}` })) };
  });
  const shapeOfType = graph.query<Shape>(`translate.${name}.typeShape`, (reader, typeAndKey) => {
    const at = typeAndKey.indexOf('\n');
    const type = typeAndKey.slice(0, at);
    return reader.read(shape, typeAndKey.slice(at + 1)).all.filter(([one]) => one === type);
  });
  const ofType = graph.query(
    `translate.${name}.type`,
    (reader, typeAndKey) =>
      layer(reader.read(shapeOfType, typeAndKey).map(([, collection, key]) => reader.read(collection.resources, key))),
    { equal: sameLayers },
  );
  const types = graph.query<Types>(
    `translate.${name}.types`,
    (reader, key) => {
      const all = new Map<string, Resources>();
      for (const { type, key: own } of reader.read(shape, key).types) all.set(type, reader.read(ofType, own));
      return all;
    },
    { equal: sameEntries },
  );
  const summary = graph.query(
    `translate.${name}.summary`,
    (reader, part) => {
      const deciding = decidedBy(reader, part);
      const all = reader.read(shape, part).all.map(([, collection, key]) => reader.read(collection.summary, key));
      const { sources, faults } = mergeSummaries([...all, { sources: deciding, faults: [] }]);
      return { sources: internSources(sources), faults, deciding };
    },
    { equal: sameSummary },
  );
  return graph.query<Part>(
    `translate.${name}`,
    (reader, key) => ({ types: reader.read(types, key), summary: reader.read(summary, key) }),
    { equal: (a, b) => a.types === b.types && a.summary === b.summary },
  );
}

/** Hundreds of views have the same sources, which are counted once for all that have one list. */
const internSources = createIntern<readonly SourceRef[]>((sources) => sources.map(renderSource).join('\n'));

/**
 * How a proxy takes route tables: as a whole, their virtual hosts as resources of their own, or, being no proxy but a gRPC
 * client, one table for each service port, with all else in forms of its own as well.
 */
export type TableForm = 'whole' | 'split' | 'grpc';

function tableShape(form: TableForm, whole: Collection, split: SplitTables, key: string): Shape {
  if (form !== 'split') return [[ROUTE_TYPE, whole, key]];
  return [
    [ROUTE_TYPE, split.tables, key],
    [VIRTUAL_HOST_TYPE, split.virtualHosts, key],
  ];
}

/** Facts, keys of views, classes, gateways and places hold neither line break nor tab. */
export function renderProxyKey(form: TableForm, facts: string): string {
  return `${form}\n${facts}`;
}

function parseProxyKey(key: string): { readonly form: TableForm; readonly facts: string } {
  const [form, facts = ''] = key.split('\n');
  return { form: parseForm(form), facts };
}

const SPLIT_GATEWAY = 'split gateway\n';

function renderCombination(form: TableForm, { view, place, class: ofClass, gateway }: ProxyKeys): string {
  const kind = form === 'split' ? SPLIT_GATEWAY : 'gateway\n';
  const own = gateway === undefined ? `class\n${ofClass ?? ''}` : `${kind}${gateway}`;
  return `${view}\t${place ?? ''}\t${form}\n${own}`;
}

export function parseViewPart(part: string): {
  readonly view: string;
  readonly place: string;
  readonly form: TableForm;
} {
  const [view = '', place = '', form] = part.split('\t');
  return { view, place, form: parseForm(form) };
}

function parseForm(form: string | undefined): TableForm {
  return form === 'split' || form === 'grpc' ? form : 'whole';
}

/** The keys of the two parts of a combination. */
export function parseCombination(combination: string): { readonly view: string; readonly own: string } {
  const at = combination.indexOf('\n');
  return { view: combination.slice(0, at), own: combination.slice(at + 1) };
}

/** Everything that decides what a proxy is served: keys of the model, and the form of its route tables. */
export interface Combination {
  readonly view: string;
  /** Empty unless a policy looks at where the proxy runs. */
  readonly place: string;
  readonly form: TableForm;
  readonly kind: 'class' | 'gateway';
  /** Key of the class or of the gateway. */
  readonly key: string;
}

export function describeCombination(combination: string): Combination {
  const { view, own } = parseCombination(combination);
  return { ...parseViewPart(view), kind: gatewayOf(own) === undefined ? 'class' : 'gateway', key: keyOf(own) };
}

/** The gateway's key of what a router has beside its view. */
export function gatewayOf(own: string): string | undefined {
  return own.startsWith('class\n') ? undefined : keyOf(own);
}

/** Without the word that says what kind of part it is. */
const keyOf = (part: string): string => part.slice(part.indexOf('\n') + 1);
