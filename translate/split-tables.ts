/** Route tables whose virtual hosts are resources of their own, for the proxies that take them so. */
import { type Graph, type Query, type Reader, sameMembers } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import { type Collection, collect } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { buildEntry, type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { splitEntry } from './host-layer.ts';
import { layer, sameLayers } from './layered.ts';
import { assembleRouteTable, separateDomains, splitRouteTable } from './route-table.ts';
import { composeVirtualHosts } from './virtual-hosts.ts';

export interface SplitTables {
  readonly tables: Collection;
  readonly virtualHosts: Collection;
}

/** Tables of ports that several services share. Key: the model's ViewKey. */
export function createSplitPortTables(graph: Graph, model: MeshQueries, queries: EntryQueries): SplitTables {
  const { isEmpty, ...virtualHosts } = composeVirtualHosts(graph, model, queries);
  const tables = listTables(graph, 'splitPortTables', model.viewRouteTables, isEmpty, (reader, key) =>
    reader.read(model.routeTable, key),
  );
  return { tables, virtualHosts };
}

/** All tables of a gateway. Key: the model's GatewayKey. */
export function createSplitGatewayTables(graph: Graph, model: MeshQueries, queries: EntryQueries): SplitTables {
  const keys = model.gatewayRouteTables;
  /** By the key of the table. */
  const hosts = collect(
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
  const isEmpty = graph.query<boolean>(
    'translate.gatewayHosts.isEmpty',
    (reader, key) => reader.read(hosts.entries, key).length === 0,
  );
  const tables = listTables(graph, 'splitGatewayTables', keys, isEmpty, (reader, key) =>
    reader.read(model.gatewayRouteTable, key),
  );
  const virtualHosts: Collection = {
    entries: graph.query(
      'translate.gatewayHosts.allEntries',
      (reader, gateway) => reader.read(keys, gateway).flatMap((key) => reader.read(hosts.entries, key)),
      { equal: sameMembers },
    ),
    resources: graph.query(
      'translate.gatewayHosts.allResources',
      (reader, gateway) => layer(reader.read(keys, gateway).map((key) => reader.read(hosts.resources, key))),
      { equal: sameLayers },
    ),
    summary: graph.query(
      'translate.gatewayHosts.allSummary',
      (reader, gateway) => mergeSummaries(reader.read(keys, gateway).map((key) => reader.read(hosts.summary, key))),
      { equal: sameSummary },
    ),
  };
  return { tables, virtualHosts };
}

type ReadHead = (reader: Reader, key: string) => { readonly name: string; readonly matchesPort?: boolean };

function listTables(
  graph: Graph,
  name: string,
  keys: Query<readonly string[]>,
  isEmpty: Query<boolean>,
  head: ReadHead,
): Collection {
  const tables = graph.query<readonly Entry[]>(
    `translate.${name}.entries`,
    (reader, owner) =>
      reader.read(keys, owner).map((key) =>
        buildEntry(key, () => {
          const { name: table, matchesPort } = head(reader, key);
          // Envoy waits for the first virtual host of a table that asks for some.
          const resource = reader.read(isEmpty, key)
            ? assembleRouteTable(table, [], matchesPort)
            : splitRouteTable(table, matchesPort);
          return { resource, sources: [] };
        }),
      ),
    { equal: sameEntryLists },
  );
  return collect(graph, name, tables);
}
