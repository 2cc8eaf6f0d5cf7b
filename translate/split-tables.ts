/** Route tables whose virtual hosts are resources of their own, for the proxies that take them so. */
import { type Graph, type Query, type Reader, sameMembers } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import { type Collection, collect } from './collections.ts';
import { type EntryQueries, sameEntryLists } from './entries.ts';
import { buildEntry, type Entry, mergeSummaries, sameSummary } from './entry.ts';
import { layer, sameLayers } from './layered.ts';
import { assembleRouteTable, splitRouteTable } from './route-table.ts';
import { composeVirtualHosts, listGatewayVirtualHosts } from './virtual-hosts.ts';

export interface SplitTables {
  readonly tables: Collection;
  readonly virtualHosts: Collection;
}

/** Tables of ports that several services share. Key: the model's ViewKey. */
export function createSplitPortTables(graph: Graph, model: MeshQueries, queries: EntryQueries): SplitTables {
  return split(graph, 'splitPortTables', {
    keys: model.viewRouteTables,
    head: (reader, key) => reader.read(model.routeTable, key),
    virtualHosts: composeVirtualHosts(graph, model, queries),
  });
}

/** All tables of a gateway. Key: the model's GatewayKey. */
export function createSplitGatewayTables(graph: Graph, model: MeshQueries, queries: EntryQueries): SplitTables {
  return split(graph, 'splitGatewayTables', {
    keys: model.gatewayRouteTables,
    head: (reader, key) => reader.read(model.gatewayRouteTable, key),
    virtualHosts: listGatewayVirtualHosts(graph, model, queries),
  });
}

interface Parts {
  /** Keys of the tables. */
  readonly keys: Query<readonly string[]>;
  readonly head: (reader: Reader, key: string) => { readonly name: string; readonly matchesPort?: boolean };
  /** By the key of their table. */
  readonly virtualHosts: Collection;
}

function split(graph: Graph, name: string, { keys, head, virtualHosts }: Parts): SplitTables {
  const isEmpty = graph.query(
    `translate.${name}.isEmpty`,
    (reader, key) => reader.read(virtualHosts.resources, key).keys().next().done === true,
  );
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
  return {
    tables: collect(graph, name, tables),
    virtualHosts: {
      entries: graph.query(
        `translate.${name}.hosts.entries`,
        (reader, owner) => reader.read(keys, owner).flatMap((key) => reader.read(virtualHosts.entries, key)),
        { equal: sameMembers },
      ),
      resources: graph.query(
        `translate.${name}.hosts.resources`,
        (reader, owner) => layer(reader.read(keys, owner).map((key) => reader.read(virtualHosts.resources, key))),
        { equal: sameLayers },
      ),
      summary: graph.query(
        `translate.${name}.hosts.summary`,
        (reader, owner) =>
          mergeSummaries(reader.read(keys, owner).map((key) => reader.read(virtualHosts.summary, key))),
        { equal: sameSummary },
      ),
    },
  };
}
