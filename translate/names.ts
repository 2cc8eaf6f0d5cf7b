/** The names that a view resolves: in parts for agents that follow them one by one, or as one table for others. */
import { buildNameTable } from '#envoy/index.ts';
import { type Graph, type Query, sameEntries } from '#graph/index.ts';
import type { MeshQueries } from '#model/index.ts';
import type { Resources, ServedResource } from '#xds/source.ts';
import { encodeResource, NAME_TABLE_TYPE, resolveResource } from './resource.ts';

/** Name of the resource that holds everything. */
const wholeTable = 'names';

export interface NameTableQueries {
  /** Key: the model's ViewKey. By part; of two that hold a name the first in order of names counts. */
  readonly parts: Query<Resources>;
  /** Key: the model's ViewKey. One resource, which is what Istio's agent expects. */
  readonly whole: Query<Resources>;
}

export function createNameTableQueries(graph: Graph, model: MeshQueries): NameTableQueries {
  const part = graph.query('translate.names', (reader, key) =>
    encodeResource('istio.networking.nds.v1.NameTable', buildNameTable(reader.read(model.names, key)), { name: key }),
  );
  const parts = graph.query<ReadonlyMap<string, ServedResource>>(
    'translate.viewNames',
    (reader, view) => {
      const resources = reader.read(model.viewNames, view).map((key) => reader.read(part, key));
      return new Map(resources.filter(({ bytes }) => bytes.length > 0).map((resource) => [resource.name, resource]));
    },
    { equal: sameEntries },
  );
  const whole = graph.query<ReadonlyMap<string, ServedResource>>(
    'translate.nameTable',
    (reader, view) => {
      // Messages one behind the other are merged; of one key of a map the last value counts.
      const bytes = [...reader.read(parts, view).values()].reverse().map((resource) => resource.bytes);
      return new Map([
        [wholeTable, resolveResource(NAME_TABLE_TYPE, { name: wholeTable, bytes: Buffer.concat(bytes) })],
      ]);
    },
    { equal: sameEntries },
  );
  return { parts, whole };
}
