/** Which endpoints of a service a client may use, and in which order, by where the client runs. */
import { type ServiceEndpoint, usableEndpoints } from '../discovery/endpoints.ts';
import type { MeshService } from '../discovery/services.ts';
import type { PlaceKey } from '../keys.ts';
import type { Endpoint } from '../types/resolved.ts';

/** Where a client runs; what no service asks for is empty. */
export interface ClientPlace extends PlaceKey {
  readonly cluster: string;
  readonly network: string;
}

/** Node-local services are served on the client's own node or not at all. */
export function withinReach(service: MeshService, endpoint: ServiceEndpoint, client: ClientPlace): boolean {
  if (service.nodeLocal === undefined) return true;
  return endpoint.node !== '' && endpoint.node === client.node && endpoint.cluster === client.cluster;
}

/**
 * How far an endpoint is from what the service's clients prefer: 0 agrees in everything; otherwise counted by the first of
 * region, zone (and subzone, node) that differs. Other networks come after everything in the own one.
 */
export function rankEndpoint(service: MeshService, endpoint: ServiceEndpoint, client: ClientPlace): number {
  if (service.trafficDistribution === undefined) return 0;
  const { region, zone, subzone } = endpoint.locality;
  const pairs: (readonly [string, string])[] = [
    [region, client.region],
    [zone, client.zone],
  ];
  if (service.trafficDistribution === 'PreferSameNode')
    pairs.push([subzone, client.subzone], [endpoint.node, client.node]);
  const differing = pairs.findIndex(([theirs, own]) => theirs !== own);
  const near = differing === -1 ? 0 : pairs.length - differing;
  return near + (endpoint.network === client.network ? 0 : pairs.length + 1);
}

export interface Offer {
  readonly endpoints: readonly ServiceEndpoint[];
  readonly health: (endpoint: ServiceEndpoint) => Pick<Endpoint, 'healthy' | 'draining'>;
}

/**
 * The endpoints to send. Beside those that take traffic: the ones that are not ready where clients prefer some, because
 * Envoy goes on to the next ones by the share that is healthy; the draining ones where sessions stay with them.
 * @param panics whether Envoy would send to endpoints that are not ready when too few are
 */
export function offerEndpoints(service: MeshService, members: readonly ServiceEndpoint[], panics: boolean): Offer {
  const usable = new Set(usableEndpoints(members));
  const showsUnready = service.trafficDistribution !== undefined && !panics;
  const endpoints = members.filter(
    (endpoint) => usable.has(endpoint) || (endpoint.draining === true ? service.keepsSessions === true : showsUnready),
  );
  return {
    endpoints,
    health: (endpoint) => {
      const healthy = usable.has(endpoint);
      return { healthy, draining: !healthy && endpoint.draining === true };
    },
  };
}
