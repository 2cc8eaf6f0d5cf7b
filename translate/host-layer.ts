/** Virtual hosts that stand together in a table, as resources of their own: what the tables of views are stacked of. */
import type { Graph, Query, Reader } from '#graph/index.ts';
import { parseVirtualHostKey } from '#model/index.ts';
import { type Collection, collect } from './collections.ts';
import { sameEntryLists } from './entries.ts';
import { buildEntry, type Entry } from './entry.ts';
import { hashContent } from './resource.ts';
import { splitVirtualHost, type VirtualHostPart } from './route-table.ts';

/** What the virtual hosts of a layer claim; it changes far less often than their routes. */
export interface Claims {
  /** Of all of it: equal hashes mean equal claims. */
  readonly hash: string;
  readonly hosts: readonly HostClaim[];
}

export interface HostClaim {
  /** Of its query. */
  readonly key: string;
  readonly name: string;
  readonly domains: readonly string[];
  /** Id of the service that it stands for; empty for hosts that are none. */
  readonly service: string;
}

export interface HostLayer extends Collection {
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
    (reader, key) => {
      const parts = read(reader, key).keys.map((host) => ({ key: host, part: reader.read(virtualHost, host) }));
      return {
        hash: hashContent(parts.map((member) => `${member.key} ${member.part.claim}`).join('\n')),
        hosts: parts.map(({ key: host, part: { host: resolved } }) => ({
          key: host,
          name: resolved.name,
          domains: resolved.domains,
          service: parseVirtualHostKey(host).service,
        })),
      };
    },
    { equal: (a, b) => a.hash === b.hash },
  );
  return { ...collect(graph, name, entries), claims };
}

export function splitEntry(table: string, part: VirtualHostPart): Extract<Entry, { resource: unknown }> {
  return { resource: splitVirtualHost(table, part), sources: part.sources };
}
