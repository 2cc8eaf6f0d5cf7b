/** Services as clients see them: the same name in several clusters is one destination. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseServiceId, parseSliceKey, renderObjectKey, renderServiceId, renderSliceKey } from '../keys.ts';
import { compareAge, exportedTo, isPublic } from '../selection.ts';
import { isNarrowed, narrowIds } from '../sidecar/narrow.ts';
import type { AddressFamily } from '../types/identity.ts';
import type { Protocol, Service, ServicePort, TrafficDistribution } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type AliasQueries, defineAliases } from './aliases.ts';

/** A destination of the mesh, merged over the clusters that have it. */
export interface MeshService {
  readonly id: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly name: string;
  /** Input keys of its members, oldest first. */
  readonly members: readonly string[];
  readonly registry: Service['registry'];
  readonly resolution: Service['resolution'];
  readonly ports: readonly ServicePort[];
  /** Virtual addresses by cluster: a client uses those of its own. */
  readonly addresses: readonly { readonly cluster: string; readonly family: AddressFamily; readonly address: string }[];
  readonly exportTo: readonly string[];
  /** The host that it is another name of. */
  readonly externalName?: string;
  /** Absent: clients prefer no endpoint. */
  readonly trafficDistribution?: Exclude<TrafficDistribution, 'Any'>;
  readonly nodeLocal?: true;
  readonly publishNotReadyAddresses?: true;
  /** Its clients stay with their endpoint while that one drains. */
  readonly keepsSessions?: true;
}

export interface ServiceQueries extends AliasQueries {
  /** By service id. */
  readonly service: Query<MeshService | undefined>;
  /** Service ids by slice key. */
  readonly serviceSlice: Query<readonly string[]>;
  /** Slice keys that a client namespace sees, by namespace. */
  readonly visibleSlices: Query<readonly string[]>;
  /** Service ids by hostname: all namespaces that declare it as more than another name. */
  readonly servicesByHostname: Query<readonly string[]>;
}

export function defineServices(graph: Graph, inputs: MeshInputs, settings: Query<MeshSettings>): ServiceQueries {
  const exportsOf = (reader: Reader, service: Service) =>
    service.exportTo.length > 0 ? service.exportTo : reader.read(settings, '').defaultServiceExportTo;

  const service = graph.query<MeshService | undefined>(
    'service',
    (reader, id) => {
      const members = [...reader.bucket(inputs.services, 'id', id)].sort(compareAge);
      const [first] = members;
      if (first === undefined) return undefined;
      const said =
        first.trafficDistribution ??
        reader.get(inputs.namespaces, `${first.cluster}/${first.namespace}`)?.trafficDistribution;
      const distribution = said === 'Any' ? undefined : said;
      return mergeServices(id, first, members, exportsOf(reader, first), distribution);
    },
    { equal: sameData },
  );

  const serviceSlice: Query<readonly string[]> = graph.query<readonly string[]>(
    'serviceSlice',
    (reader, key) => {
      const { owner, filter, ...slice } = parseSliceKey(key);
      if (isNarrowed({ owner, filter })) {
        return narrowIds(reader.read(serviceSlice, renderSliceKey(slice)), { owner, filter });
      }
      const client = slice.private;
      const members =
        client === ''
          ? reader.bucket(inputs.services, 'namespace', slice.public)
          : [
              ...reader.bucket(inputs.services, 'exportedTo', client),
              ...reader.bucket(inputs.services, 'namespace', client),
            ];
      return [...new Set(members.map(idOf))].sort().filter((id) => {
        const merged = reader.read(service, id);
        if (merged === undefined || merged.resolution === 'alias') return false;
        return client === '' ? isPublic(merged.exportTo) : !isPublic(merged.exportTo) && isVisible(merged, client);
      });
    },
    { equal: sameData },
  );

  const visibleSlices = graph.query<readonly string[]>(
    'visibleSlices',
    (reader, namespace) => [
      ...reader.buckets(inputs.services, 'namespace').map((name) => `public=${name}`),
      `private=${namespace}`,
    ],
    { equal: sameData },
  );

  const servicesByHostname = graph.query<readonly string[]>(
    'servicesByHostname',
    (reader, hostname) => {
      const known = reader.bucket(inputs.services, 'hostname', hostname);
      return [...new Set(known.filter(({ resolution }) => resolution !== 'alias').map(idOf))].sort();
    },
    { equal: sameData },
  );

  return { service, serviceSlice, visibleSlices, servicesByHostname, ...defineAliases(graph, inputs) };
}

const idOf = (service: Service): string => renderServiceId(service.namespace, service.hostname);

function mergeServices(
  id: string,
  first: Service,
  members: readonly Service[],
  exportTo: readonly string[],
  trafficDistribution: MeshService['trafficDistribution'],
): MeshService {
  const ports = new Map<number, ServicePort>();
  for (const port of members.flatMap((member) => member.ports)) {
    // One number may be both a UDP and a TCP port.
    if (port.protocol !== 'UDP' && !ports.has(port.port)) ports.set(port.port, port);
  }
  return {
    id,
    ...parseServiceId(id),
    name: first.name,
    members: members.map((member) => renderObjectKey(member.cluster, member.namespace, member.name)),
    registry: first.registry,
    resolution: first.resolution,
    ports: [...ports.values()].sort((a, b) => a.port - b.port),
    addresses: members.flatMap((member) =>
      member.addresses.map((address) => ({ cluster: member.cluster, ...address })),
    ),
    exportTo,
    ...(first.externalName === undefined ? {} : { externalName: first.externalName }),
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    ...(first.nodeLocal === undefined ? {} : { nodeLocal: true }),
    ...(first.publishNotReadyAddresses === undefined ? {} : { publishNotReadyAddresses: true }),
    ...(sessionLabels.some((name) => (first.labels[name] ?? '') !== '') ? { keepsSessions: true } : {}),
  };
}

const sessionLabels = ['istio.io/persistent-session', 'istio.io/persistent-session-header'];

/** The service behind a hostname for clients of a namespace: the own namespace's declaration first, then any visible one. */
export function findService(
  reader: Reader,
  queries: Pick<ServiceQueries, 'service' | 'servicesByHostname' | 'concreteHost'>,
  name: string,
  client: string,
): MeshService | undefined {
  const hostname = readConcreteHost(reader, queries, name);
  const ids = reader.read(queries.servicesByHostname, hostname);
  const own = ids.find((id) => id === renderServiceId(client, hostname));
  for (const id of own === undefined ? ids : [own, ...ids]) {
    const found = reader.read(queries.service, id);
    if (found !== undefined && isVisible(found, client)) return found;
  }
  return undefined;
}

/** The host that a name stands for: another one where the name belongs to an ExternalName Service. */
export function readConcreteHost(
  reader: Reader,
  queries: Pick<ServiceQueries, 'servicesByHostname' | 'concreteHost'>,
  name: string,
): string {
  if (reader.read(queries.servicesByHostname, name).length > 0) return name;
  return reader.read(queries.concreteHost, name) ?? name;
}

export const isVisible = (service: MeshService, client: string): boolean =>
  exportedTo(service.exportTo, service.namespace, client);

/** Headless: clients address the pods themselves. */
export const isHeadless = (service: MeshService): boolean => service.resolution === 'passthrough';

export const isHttp = (protocol: Protocol): boolean =>
  protocol === 'HTTP' ||
  protocol === 'HTTP2' ||
  protocol === 'GRPC' ||
  protocol === 'GRPC-Web' ||
  protocol === 'HTTP_PROXY';

export const isHttp2 = (protocol: Protocol): boolean =>
  protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';

export const isTls = (protocol: Protocol): boolean => protocol === 'TLS' || protocol === 'HTTPS';
