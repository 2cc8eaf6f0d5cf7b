/** The services of one egress listener as a list, for what a listener or a table holds in one piece. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { MeshService, ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import type { ListenerKey } from '../keys.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { ImportQueries, RouteChoice } from './imports.ts';
import { type EgressListener, readEgress, renderEgressKey } from './scope.ts';

export interface MemberQueries extends ImportQueries {
  /** By egress key: service ids. */
  readonly egressMembers: Query<readonly string[]>;
}

export function defineMembers(graph: Graph, services: ServiceQueries, imports: ImportQueries): MemberQueries {
  const egressMembers = graph.query<readonly string[]>(
    'egressMembers',
    (reader, key) => {
      const { slices, services: named, hidden } = reader.read(imports.egressServices, key);
      const ids = new Set([...slices.flatMap((slice) => reader.read(services.serviceSlice, slice)), ...named.keys()]);
      for (const id of hidden) ids.delete(id);
      return [...ids].sort();
    },
    { equal: sameData },
  );
  return { ...imports, egressMembers };
}

/** A service as a listener of a Sidecar takes it. */
export interface Member {
  readonly service: MeshService;
  /** Ports that this listener serves; the first stands for the service on a socket. */
  readonly ports: readonly ServicePort[];
  readonly client: Pick<ListenerKey, 'client' | 'labels' | 'by'>;
}

/** What a listener takes: one port of each service where it has a number, else all. */
export function readMembers(
  reader: Reader,
  services: ServiceQueries,
  queries: MemberQueries,
  view: { readonly ns: string; readonly sidecar: string; readonly labels: string },
  index: number,
): readonly Member[] {
  const key = renderEgressKey(view, index);
  const listener = readEgress(reader, queries.sidecarScope, key);
  if (listener === undefined) return [];
  const routes = reader.read(queries.egressRoutes, key).services;
  return reader.read(queries.egressMembers, key).flatMap((id) => {
    const service = reader.read(services.service, id);
    const ports = service === undefined ? [] : portsTaken(listener, service);
    if (service === undefined || ports.length === 0) return [];
    return [{ service, ports, client: routeFields(routes.get(id), view) }];
  });
}

function portsTaken({ port }: EgressListener, { ports }: MeshService): readonly ServicePort[] {
  if (port === undefined || port.number === 0 || port.protocol === 'HTTP_PROXY') return ports;
  return ports.filter((candidate) => candidate.port === port.number);
}

/** The fields of a key by which a Sidecar's choice of a route is made; who calls is left out where it doesn't matter. */
export function routeFields(
  choice: RouteChoice | undefined,
  { ns, labels }: { readonly ns: string; readonly labels: string },
): Pick<ListenerKey, 'client' | 'labels' | 'by'> {
  if (choice === undefined) return { client: '', labels: '', by: '' };
  return choice.testsSource ? { client: ns, labels, by: choice.by } : { client: '', labels: '', by: choice.by };
}
