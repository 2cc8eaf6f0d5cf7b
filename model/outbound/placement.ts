/** Services whose endpoints a client chooses by where it runs itself. Everything else is shared by clients everywhere. */
import type { Graph, Query } from '#graph/types.ts';
import type { MeshService, ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { renderServiceId } from '../keys.ts';
import type { Composition, Slice } from '../types/resolved.ts';
import type { ClusterListQueries } from './clusters.ts';

export interface PlacementQueries {
  /** By view key: keys of the clusters whose endpoints depend on the client's place. */
  readonly placedClusters: Query<readonly string[]>;
}

/** How exactly the place of clients matters to the mesh: not at all, down to the zone, or to the node. */
export type Precision = 'none' | 'zone' | 'node';

export interface PlacedServices {
  /** Key '': ids of the services that any client chooses endpoints of by place. */
  readonly placedServices: Query<ReadonlySet<string>>;
  /** Key ''. */
  readonly placePrecision: Query<Precision>;
}

export const isPlaced = (service: MeshService): boolean =>
  service.nodeLocal === true || service.trafficDistribution !== undefined;

export function definePlacedServices(graph: Graph, inputs: MeshInputs, services: ServiceQueries): PlacedServices {
  const placedServices = graph.query<ReadonlySet<string>>(
    'placedServices',
    (reader) => {
      const candidates = [
        ...reader.buckets(inputs.services, 'placed').flatMap((name) => reader.bucket(inputs.services, 'placed', name)),
        ...reader
          .buckets(inputs.namespaces, 'placed')
          .flatMap((name) => reader.bucket(inputs.services, 'namespace', name)),
      ];
      const ids = new Set(candidates.map(({ namespace, hostname }) => renderServiceId(namespace, hostname)));
      return new Set(
        [...ids].sort().filter((id) => {
          const service = reader.read(services.service, id);
          return service !== undefined && isPlaced(service);
        }),
      );
    },
    { equal: (a, b) => sameData([...a], [...b]) },
  );

  const placePrecision = graph.query<Precision>('placePrecision', (reader) => {
    const placed = [...reader.read(placedServices, '')].flatMap((id) => reader.read(services.service, id) ?? []);
    const byNode = placed.some(
      (service) => service.nodeLocal === true || service.trafficDistribution === 'PreferSameNode',
    );
    return byNode ? 'node' : placed.length > 0 ? 'zone' : 'none';
  });

  return { placedServices, placePrecision };
}

export function definePlacement(
  graph: Graph,
  { placedServices }: PlacedServices,
  { viewClusters, clusterSlice }: ClusterListQueries,
): PlacementQueries {
  const placedSlice = graph.query<Slice>(
    'placedSlice',
    (reader, key) => {
      const placed = reader.read(placedServices, '');
      return placed.size === 0 ? [] : reader.read(clusterSlice, key).filter(({ service }) => placed.has(service));
    },
    { equal: sameData },
  );

  const placedClusters = graph.query<readonly string[]>(
    'placedClusters',
    (reader, view) => {
      const placed = reader.read(placedServices, '');
      if (placed.size === 0) return [];
      const { slices, overrides }: Composition = reader.read(viewClusters, view);
      const shared = slices
        .flatMap((slice) => reader.read(placedSlice, slice))
        .filter(({ service }) => !overrides.has(service));
      const own = [...overrides].filter(([service]) => placed.has(service));
      return [...shared.flatMap(({ keys }) => keys), ...own.flatMap(([, keys]) => keys)];
    },
    { equal: sameData },
  );

  return { placedClusters };
}
