/** What is built for a client: the parts of its snapshot, each shared with everybody who has the same. */
import type { Graph, Query } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import { createNameTableQueries } from './names.ts';
import { NAME_TABLE_TYPE } from './resource.ts';
import { type Part, parseCombination, parseViewPart, type SnapshotQueries } from './snapshots.ts';

export interface Built {
  /** Of view and class or gateway; undefined for agents, which are no proxies. */
  readonly combination: string | undefined;
  readonly view: Part;
  readonly own: Part;
}

export interface BuiltQueries {
  /** Key: `renderProxyKey`. */
  readonly proxy: Query<Built>;
  /** With the name table as one resource. Key: `renderProxyKey`. */
  readonly named: Query<Built>;
  /** The name table in parts, and nothing else. Key: the model's proxy facts. */
  readonly agent: Query<Built>;
}

const nothing: Part = { types: new Map(), summary: { sources: [], faults: [] } };

export function createBuiltQueries(graph: Graph, model: MeshQueries, queries: SnapshotQueries): BuiltQueries {
  const names = createNameTableQueries(graph, model);
  const equal = (a: Built, b: Built) => a.combination === b.combination && a.view === b.view && a.own === b.own;
  /** The key of a view, the identical string for all combinations that have it. */
  const viewKey = graph.query('translate.viewKey', (_reader, key) => key);
  /** Long keys that are made anew are slow to look up: parsed once for all proxies of a combination, which share them. */
  const parsed = graph.query('translate.parsedCombination', (reader, combination) => {
    const { view, own } = parseCombination(combination);
    return { combination, view: reader.read(viewKey, view), own };
  });
  const keys = graph.query('translate.combinationKeys', (reader, key) =>
    reader.read(parsed, reader.read(queries.combination, key)),
  );
  const proxy = graph.query<Built>(
    'translate.proxy',
    (reader, key) => {
      const { combination, view, own } = reader.read(keys, key);
      return { combination, view: reader.read(queries.view, view), own: reader.read(queries.own, own) };
    },
    { equal },
  );
  /** Key: the view, a line break, what a combination has beside it. */
  const namedOwn = graph.query<Part>('translate.namedOwn', (reader, key) => {
    const { view, own } = parseCombination(key);
    const { types, summary } = reader.read(queries.own, own);
    return { types: new Map([...types, [NAME_TABLE_TYPE, reader.read(names.whole, view)]]), summary };
  });
  /** Key: the view. */
  const namesAlone = graph.query<Part>('translate.namesAlone', (reader, view) => ({
    ...nothing,
    types: new Map([[NAME_TABLE_TYPE, reader.read(names.parts, view)]]),
  }));
  const named = graph.query<Built>(
    'translate.namedProxy',
    (reader, key) => {
      const built = reader.read(proxy, key);
      const { view, own } = reader.read(keys, key);
      return { ...built, own: reader.read(namedOwn, `${parseViewPart(view).view}\n${own}`) };
    },
    { equal },
  );
  const agent = graph.query<Built>(
    'translate.agent',
    (reader, facts) => ({
      combination: undefined,
      view: nothing,
      own: reader.read(namesAlone, reader.read(model.proxyKeys, facts).view),
    }),
    { equal },
  );
  return { proxy, named, agent };
}
