import type { Endpoint, EndpointGroup, Locality, LocalityEndpoints } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { renderClusterName, TLS_MODE_ISTIO, TLS_MODE_KEY } from './names.ts';
import { wrap } from './values.ts';

type LbEndpoint = Message<'envoy.config.endpoint.v3.LbEndpoint'>;
type Metadata = Message<'envoy.config.core.v3.Metadata'>;

/** The members of one cluster, as EDS sends them. */
export function buildLoadAssignment(group: EndpointGroup): Message<'envoy.config.endpoint.v3.ClusterLoadAssignment'> {
  return { clusterName: renderClusterName(group.cluster), endpoints: group.localities.map(buildLocality) };
}

function buildLocality(members: LocalityEndpoints): Message<'envoy.config.endpoint.v3.LocalityLbEndpoints'> {
  return {
    locality: buildLocalityName(members.locality),
    lbEndpoints: members.endpoints.map(buildEndpoint),
    loadBalancingWeight: wrap(members.weight),
    priority: members.priority,
  };
}

export function buildLocalityName(locality: Locality): Message<'envoy.config.core.v3.Locality'> {
  return { region: locality.region, zone: locality.zone, subZone: locality.subzone };
}

function buildEndpoint(endpoint: Endpoint): LbEndpoint {
  const additional = endpoint.additionalAddresses;
  return {
    endpoint: {
      address: buildAddress(endpoint.address, endpoint.port),
      ...(additional.length > 0
        ? {
            additionalAddresses: additional.map((address) => ({ address: buildSocketAddress(address, endpoint.port) })),
          }
        : {}),
    },
    ...(endpoint.draining
      ? { healthStatus: 'DRAINING' as const }
      : endpoint.healthy
        ? { healthStatus: 'HEALTHY' as const }
        : { healthStatus: 'UNHEALTHY' as const }),
    metadata: buildEndpointMetadata(endpoint),
    loadBalancingWeight: wrap(endpoint.weight),
  };
}

const SOCKET_PREFIX = 'unix://';

export function buildAddress(address: string, port: number): Message<'envoy.config.core.v3.Address'> {
  if (!address.startsWith(SOCKET_PREFIX)) return buildSocketAddress(address, port);
  return { pipe: { path: address.slice(SOCKET_PREFIX.length) } };
}

export function buildSocketAddress(address: string, port: number): Message<'envoy.config.core.v3.Address'> {
  return { socketAddress: { address, portValue: port } };
}

/**
 * Which transport socket the endpoint wants, and who it is: `istio.workload` as Istio sends it, and its parts under flat
 * keys, because command operators of Envoy's access logs print one key and cannot cut a string.
 */
function buildEndpointMetadata(endpoint: Endpoint): Metadata {
  const [workload = '', namespace = '', service = '', revision = '', cluster = ''] = endpoint.workload.split(';');
  const identity =
    endpoint.workload === ''
      ? undefined
      : {
          workload: endpoint.workload,
          name: workload,
          namespace,
          service,
          revision,
          cluster,
        };
  return {
    filterMetadata: {
      ...(endpoint.acceptsMtls
        ? { 'envoy.transport_socket_match': buildStrings({ [TLS_MODE_KEY]: TLS_MODE_ISTIO }) }
        : {}),
      ...(identity ? { istio: buildStrings(identity) } : {}),
    },
  };
}

/** A protobuf Struct of strings; empty ones are left out. */
export function buildStrings(fields: Readonly<Record<string, string>>): Message<'google.protobuf.Struct'> {
  const entries = Object.entries(fields).filter(([, value]) => value !== '');
  return { fields: Object.fromEntries(entries.map(([key, value]) => [key, { stringValue: value }])) };
}
