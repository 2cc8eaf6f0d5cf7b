/** Virtual hosts that stand together in a table, as resources of their own: what the tables of views are stacked of. */
import type { Graph, Query, Reader } from '#graph/index.ts';
import { parseVirtualHostKey } from '#model/index.ts';
import { type Claims, type HostClaim, sameClaims } from './claims.ts';
import { type Collection, collect } from './collections.ts';
import { sameEntryLists } from './entries.ts';
import { type BuiltEntry, buildEntry, createEntry, type Entry } from './entry.ts';
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
    (reader, key) => read(reader, key).keys.map((host) => claimOf(host, reader.read(virtualHost, host))),
    { equal: sameClaims },
  );
  return { ...collect(graph, name, entries), claims };
}

/** What was made of a virtual host last: most of a layer is as it was before. A part is of one key, and mostly in one table. */
const made = new WeakMap<VirtualHostPart, { claim?: HostClaim; entry?: BuiltEntry; table?: string }>();

function madeOf(part: VirtualHostPart): { claim?: HostClaim; entry?: BuiltEntry; table?: string } {
  let known = made.get(part);
  if (known === undefined) {
    known = {};
    made.set(part, known);
  }
  return known;
}

function claimOf(key: string, part: VirtualHostPart): HostClaim {
  const known = madeOf(part);
  if (known.claim?.key !== key) {
    const { name, domains } = part.host;
    known.claim = { key, name, domains, hash: part.claim, service: parseVirtualHostKey(key).service };
  }
  return known.claim;
}

export function splitEntry(table: string, part: VirtualHostPart): BuiltEntry {
  const known = madeOf(part);
  if (known.entry === undefined || known.table !== table) {
    known.entry = createEntry(splitVirtualHost(table, part), part.sources);
    known.table = table;
  }
  return known.entry;
}
