/** What depends on what: the page graphz. */
import type { Graph } from '#graph/index.ts';
import type { MeshSnapshotSource } from '#translate/index.ts';
import type { StreamState } from '#xds/index.ts';
import type { Viewer } from './access.ts';
import { parseTypes } from './config-dump.ts';
import { findProxy } from './find-proxy.ts';
import { renderArray, renderMembers, renderObject } from './json.ts';
import type { Page, PageContent } from './page.ts';

export interface GraphPart {
  readonly graph: Graph;
  readonly snapshots: Pick<
    MeshSnapshotSource,
    'affected' | 'blame' | 'combinationOf' | 'combinations' | 'settledRevision' | 'snapshotOf'
  >;
  readonly streams: () => readonly StreamState[];
}

/** Longest list in an answer, unless `limit` says otherwise. */
const USUAL_LIMIT = 1_000;
const HIGHEST_LIMIT = 100_000;

export function createGraphPage(part: GraphPart): Page {
  return {
    help: 'what depends on what: the graph in numbers, with the views and classes in use; ?query=NAME lists its keys, ?node=LABEL shows the edges of one node, ?proxyID=ID (&type=rds&name=NAME) what a proxy or a resource is made of, ?resource=KIND/CLUSTER/NAMESPACE/NAME which proxies it contributes to',
    audience: 'administrators',
    render(query, viewer) {
      const limit = parseLimit(query.get('limit'));
      const ask = (name: string, answer: (value: string) => PageContent) => {
        const value = query.get(name);
        return value === null ? undefined : answer(value);
      };
      return (
        ask('node', (label) => describeNode(part, label, limit)) ??
        ask('query', (name) => describeQuery(part, name, limit)) ??
        ask('proxyID', (id) => describeProxy(part, id, viewer, query)) ??
        ask('resource', (key) => describeResource(part, key, limit)) ??
        describeGraph(part)
      );
    },
  };
}

function describeGraph({ graph, snapshots }: GraphPart): PageContent {
  const { revision, inputs, queries, edges } = graph.statistics();
  const combinations = snapshots.combinations();
  const count = (keys: Iterable<readonly [string, number]>) => {
    const sums = new Map<string, number>();
    for (const [key, proxies] of keys) sums.set(key, (sums.get(key) ?? 0) + proxies);
    return Object.fromEntries([...sums].sort());
  };
  const owned = (kind: 'class' | 'gateway') =>
    count(combinations.filter((one) => one.kind === kind).map(({ key, proxies }) => [key, proxies] as const));
  const nodes = Object.values(queries).reduce((sum, query) => sum + query.nodes, 0);
  const head = {
    revision,
    settledRevision: snapshots.settledRevision(),
    nodes,
    edges,
    views: count(combinations.map(({ view, proxies }) => [view, proxies] as const)),
    classes: owned('class'),
    gateways: owned('gateway'),
    inputs,
  };
  return { json: renderObject(head, 'queries', renderMembers(Object.entries(queries))) };
}

function describeNode({ graph }: GraphPart, label: string, limit: number): PageContent {
  const node = graph.describe(label);
  if (node === undefined) return { problem: 'not-found', text: `the graph has no node ${label} now` };
  const { dependencies, dependents } = node;
  const head = {
    ...node,
    dependencies: dependencies.slice(0, limit),
    dependents: dependents.slice(0, limit),
    dependencyCount: dependencies.length,
  };
  return { json: renderObject(head, 'dependentCount', [String(dependents.length)]) };
}

function describeQuery({ graph }: GraphPart, name: string, limit: number): PageContent {
  const keys = graph.memoizedKeys(name);
  if (keys === undefined) return { problem: 'not-found', text: `the graph has no query ${name}` };
  const all = [...keys].sort();
  const labels = all.slice(0, limit).map((key) => `${name}(${key})`);
  return { json: renderObject({ query: name, count: all.length }, 'nodes', renderArray(labels)) };
}

function describeProxy(part: GraphPart, id: string, viewer: Viewer, query: URLSearchParams): PageContent {
  const { snapshots } = part;
  const found = findProxy(id, viewer, part.streams());
  if ('problem' in found) return found;
  const { connectionId } = found.proxy;
  const [type] = parseTypes(query.get('type') ?? '');
  const name = query.get('name');
  if (type !== undefined && name !== null) {
    return {
      json: renderObject(
        { proxy: connectionId, type, name },
        'sources',
        renderArray(snapshots.blame(connectionId, type, [name])),
      ),
    };
  }
  const { revision = -1, sources = [] } = snapshots.snapshotOf(connectionId) ?? {};
  const head = { proxy: connectionId, revision, ...snapshots.combinationOf(connectionId) };
  return { json: renderObject(head, 'sources', renderArray(sources.flat())) };
}

function describeResource({ snapshots }: GraphPart, key: string, limit: number): PageContent {
  const [kind = '', cluster = '', namespace = '', name = '', ...rest] = key.split('/');
  if (name === '' || rest.length > 0)
    return { problem: 'invalid', text: `"${key}" is not of the form KIND/CLUSTER/NAMESPACE/NAME` };
  const affected = snapshots.affected({ kind, cluster, namespace, name });
  return {
    json: renderObject({ resource: key, count: affected.length }, 'proxies', renderArray(affected.slice(0, limit))),
  };
}

function parseLimit(text: string | null): number {
  const limit = Number(text ?? USUAL_LIMIT);
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, HIGHEST_LIMIT) : USUAL_LIMIT;
}
