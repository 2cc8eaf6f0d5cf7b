/** Virtual hosts that stand together in a table, as resources of their own: what the tables of views are stacked of. */
import type { Graph, Query, Reader } from '#graph/index.ts';
import { parseVirtualHostKey } from '#model/index.ts';
import { type Claims, type HostClaim, sameClaims } from './claims.ts';
import { type Collection, collect } from './collections.ts';
import { sameEntryLists } from './entries.ts';
import { buildEntry, type Entry } from './entry.ts';
import { splitVirtualHost, type VirtualHostPart } from './route-table.ts';

export interface HostLayer extends Collection {
  /** It changes far less often than the routes. */
  readonly claims: Query<Claims>;
}

/** The name of the table and the keys of the virtual hosts. */
export type ReadHosts = (reader: Reader, key: string) => { readonly table: string; readonly keys: readonly string[] };

export function createHostLayer(
  graph: Graph,
  name: string,
  virtualHost: Query<VirtualHostPart>,
  read: ReadHosts,
): HostLayer {
  const entries = graph.query<readonly Entry[]>(
    `translate.${name}.entries`,
    (reader, key) => {
      const { table, keys } = read(reader, key);
      return keys.map((host) => buildEntry(host, () => splitEntry(table, reader.read(virtualHost, host))));
    },
    { equal: sameEntryLists },
  );
  const claims = graph.query<Claims>(
    `translate.${name}.claims`,
    (reader, key) =>
      read(reader, key).keys.map((host): HostClaim => {
        const { host: resolved, claim } = reader.read(virtualHost, host);
        const { service } = parseVirtualHostKey(host);
        return { key: host, name: resolved.name, domains: resolved.domains, hash: claim, service };
      }),
    { equal: sameClaims },
  );
  return { ...collect(graph, name, entries), claims };
}

export function splitEntry(table: string, part: VirtualHostPart): Extract<Entry, { resource: unknown }> {
  return { resource: splitVirtualHost(table, part), sources: part.sources };
}
