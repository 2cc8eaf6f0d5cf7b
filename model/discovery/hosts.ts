/** Whose a hostname is. Services of Kubernetes have names of their own, but ServiceEntries may declare any name. */
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { parseServiceId, renderSliceKey } from '../keys.ts';
import { readPublicOwner, type ServiceQueries } from './services.ts';

export interface HostQueries {
  /**
   * By client namespace: services that everybody sees, by id, and the id of the one that this namespace sees under the same
   * name instead.
   */
  readonly hiddenServices: Query<ReadonlyMap<string, string>>;
}

export function defineHosts(graph: Graph, services: ServiceQueries): HostQueries {
  const hiddenServices = graph.query<ReadonlyMap<string, string>>(
    'hiddenServices',
    (reader, client) => {
      const hidden = new Map<string, string>();
      for (const id of reader.read(services.serviceSlice, renderSliceKey({ private: client }))) {
        const owner = readPublicOwner(reader, services, parseServiceId(id).hostname);
        if (owner !== undefined && owner.id !== id) hidden.set(owner.id, id);
      }
      return hidden;
    },
    { equal: sameData },
  );
  return { hiddenServices };
}
