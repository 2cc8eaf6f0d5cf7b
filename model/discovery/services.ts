/** Services as clients see them: the same name in several clusters is one destination. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { EXPORTED_BY_DEFAULT, type MeshInputs } from '../inputs.ts';
import { parseServiceId, parseSliceKey, renderServiceId, renderSliceKey } from '../keys.ts';
import { exportedTo, isPublic } from '../selection.ts';
import { isNarrowed, narrowIds } from '../sidecar/narrow.ts';
import type { AddressFamily } from '../types/identity.ts';
import type { Protocol, Service, ServicePort, TrafficDistribution } from '../types/inputs.ts';
import type { EntryVisibility, MeshSettings } from '../types/settings.ts';
import { type AliasQueries, defineAliases } from './aliases.ts';
import { type ContestQueries, chooseDeclaration, defineContests } from './contests.ts';
import { compareClaims, type EntryFacts, joinMembers, memberKey, mergeEntryFacts } from './merge.ts';
import { capExports, defineEntryVisibility } from './visibility.ts';

/** A destination of the mesh, merged over the clusters that have it. */
export interface MeshService {
  readonly id: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly name: string;
  /** Input keys of its members, the leading one first. */
  readonly members: readonly string[];
  readonly registry: Service['registry'];
  readonly resolution: Service['resolution'];
  readonly ports: readonly ServicePort[];
  /** Virtual addresses by cluster: a client uses those of its own, and those of none. ServiceEntries may name blocks. */
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
  /** What ServiceEntries among its members say. */
  readonly entry?: EntryFacts;
}

export interface ServiceQueries extends AliasQueries, ContestQueries {
  /** By service id. */
  readonly service: Query<MeshService | undefined>;
  /** Service ids by slice key. */
  readonly serviceSlice: Query<readonly string[]>;
  /** Slice keys that a client namespace sees, by namespace. */
  readonly visibleSlices: Query<readonly string[]>;
  /** Key '': keys of the service slices that every namespace sees. */
  readonly publicSlices: Query<readonly string[]>;
  /** Service ids by hostname: all namespaces that declare it as more than another name, the strongest claim first. */
  readonly servicesByHostname: Query<readonly string[]>;
  /** By `cluster/namespace`: how far the mesh lets its ServiceEntries be seen. */
  readonly entryVisibility: Query<EntryVisibility>;
}

export function defineServices(graph: Graph, inputs: MeshInputs, settings: Query<MeshSettings>): ServiceQueries {
  const exportsOf = (reader: Reader, service: Service) =>
    service.exportTo.length > 0 ? service.exportTo : reader.read(settings, '').defaultServiceExportTo;

  const aliases = defineAliases(graph, inputs);
  const entryVisibility = defineEntryVisibility(graph, inputs, settings);

  const service = graph.query<MeshService | undefined>(
    'service',
    (reader, id) => {
      const claims = [...reader.bucket(inputs.services, 'id', id)].sort(compareClaims);
      const [first] = claims;
      if (first === undefined) return undefined;
      const visibilityOf = ({ registry, cluster, namespace }: Service) =>
        registry === 'Kubernetes' ? 'PUBLIC' : reader.read(entryVisibility, `${cluster}/${namespace}`);
      // What may not be seen as far as the leading declaration adds nothing to it.
      const members = claims.filter(
        (claim) => claim === first || visibilityOf(claim) === 'PUBLIC' || visibilityOf(claim) === visibilityOf(first),
      );
      const exportTo = capExports(exportsOf(reader, first), first.namespace, visibilityOf(first));
      const said =
        first.trafficDistribution ??
        reader.get(inputs.namespaces, `${first.cluster}/${first.namespace}`)?.trafficDistribution;
      const places = first.registry === 'Kubernetes' || first.resolution === 'eds';
      const distribution = said === 'Any' || !places ? undefined : said;
      return mergeServices(id, first, members, exportTo, distribution);
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
              ...(reader.read(settings, '').defaultServiceExportTo.includes(client)
                ? reader.bucket(inputs.services, 'exportedTo', EXPORTED_BY_DEFAULT)
                : []),
              ...reader.bucket(inputs.services, 'namespace', client),
            ];
      const queries = { service, servicesByHostname, ...aliases, ...contests };
      return [...new Set(members.map(idOf))].sort().filter((id) => {
        const merged = reader.read(service, id);
        if (merged === undefined || merged.resolution === 'alias') return false;
        if (client === '') return isPublic(merged.exportTo) && ownsHost(reader, queries, merged, '');
        if (isPublic(merged.exportTo)) return isKept(reader, queries, merged, client);
        return isSeen(reader, queries, merged, client);
      });
    },
    { equal: sameData },
  );

  const publicSlices = graph.query<readonly string[]>(
    'publicSlices',
    (reader) => reader.buckets(inputs.services, 'namespace').map((name) => renderSliceKey({ public: name })),
    { equal: sameData },
  );
  const visibleSlices = graph.query<readonly string[]>(
    'visibleSlices',
    (reader, namespace) => [...reader.read(publicSlices, ''), renderSliceKey({ private: namespace })],
    { equal: sameData },
  );

  const servicesByHostname = graph.query<readonly string[]>(
    'servicesByHostname',
    (reader, hostname) => {
      const known = reader
        .bucket(inputs.services, 'hostname', hostname)
        .filter(({ resolution }) => resolution !== 'alias');
      return [...new Set(known.sort(compareClaims).map(idOf))];
    },
    { equal: sameData },
  );

  const contests = defineContests(graph, inputs, { service, servicesByHostname });

  return {
    ...{ service, serviceSlice, visibleSlices, publicSlices, servicesByHostname, entryVisibility },
    ...aliases,
    ...contests,
  };
}

const idOf = (service: Service): string => renderServiceId(service.namespace, service.hostname);

function mergeServices(
  id: string,
  first: Service,
  all: readonly Service[],
  exportTo: readonly string[],
  trafficDistribution: MeshService['trafficDistribution'],
): MeshService {
  const { members, ports } = joinMembers(first, all);
  const entry = mergeEntryFacts(members);
  return {
    id,
    ...parseServiceId(id),
    name: first.registry === 'Kubernetes' ? first.name : first.hostname,
    members: members.map(memberKey),
    registry: first.registry,
    resolution: first.resolution,
    ports: [...ports].sort((a, b) => a.port - b.port),
    addresses: members.flatMap((member) =>
      member.addresses.map((address) => ({
        cluster: member.registry === 'Kubernetes' ? member.cluster : '',
        ...address,
      })),
    ),
    exportTo,
    ...(first.externalName === undefined ? {} : { externalName: first.externalName }),
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    ...(first.nodeLocal === undefined ? {} : { nodeLocal: true }),
    ...(first.publishNotReadyAddresses === undefined ? {} : { publishNotReadyAddresses: true }),
    ...(sessionLabels.some((name) => (first.labels[name] ?? '') !== '') ? { keepsSessions: true } : {}),
    ...(entry === undefined ? {} : { entry }),
  };
}

const sessionLabels = ['istio.io/persistent-session', 'istio.io/persistent-session-header'];

/**
 * The service behind a hostname for clients of a namespace: that of their own namespace first, then that of Kubernetes, then
 * what is exported to few before what is public, then the oldest.
 */
export function findService(
  reader: Reader,
  queries: Pick<ServiceQueries, 'service' | 'servicesByHostname' | 'concreteHost'>,
  name: string,
  client: string,
): MeshService | undefined {
  const hostname = readConcreteHost(reader, queries, name);
  const visible = reader.read(queries.servicesByHostname, hostname).flatMap((id) => {
    const found = reader.read(queries.service, id);
    return found !== undefined && isVisible(found, client) ? [found] : [];
  });
  return chooseDeclaration(visible, client);
}

/** The service that everybody sees under a hostname. */
export function readPublicOwner(
  reader: Reader,
  queries: Pick<ServiceQueries, 'service' | 'servicesByHostname'>,
  hostname: string,
): MeshService | undefined {
  for (const id of reader.read(queries.servicesByHostname, hostname)) {
    const service = reader.read(queries.service, id);
    if (service !== undefined && isPublic(service.exportTo)) return service;
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

type OwnerQueries = Parameters<typeof findService>[1] & Pick<ServiceQueries, 'contestedIn'>;

/** Whether it is the one that its clients see under its hostname: those of a namespace, or all when none is named. */
function ownsHost(reader: Reader, queries: OwnerQueries, service: MeshService, client: string): boolean {
  const { registry, namespace, hostname } = service;
  if (client === '') {
    return registry === 'Kubernetes' || readPublicOwner(reader, queries, hostname)?.id === service.id;
  }
  // A Service gives way to nothing but what its clients' own namespace declares.
  if (registry === 'Kubernetes' && (namespace === client || !reader.read(queries.contestedIn, client).has(hostname)))
    return true;
  return findService(reader, queries, hostname, client)?.id === service.id;
}

/** Whether it is what a namespace declares for everybody and, because somebody else has the host, keeps to itself. */
function isKept(reader: Reader, queries: OwnerQueries, service: MeshService, client: string): boolean {
  const { registry, namespace, hostname } = service;
  if (registry === 'Kubernetes' || namespace !== client || !reader.read(queries.contestedIn, client).has(hostname))
    return false;
  return !ownsHost(reader, queries, service, '');
}

/** Whether clients of a namespace see it: it is exported to them, and no other service has its name for them. */
export function isSeen(reader: Reader, queries: OwnerQueries, service: MeshService, client: string): boolean {
  return isVisible(service, client) && ownsHost(reader, queries, service, client);
}

export const isVisible = (service: MeshService, client: string): boolean =>
  exportedTo(service.exportTo, service.namespace, client);

/** Traffic goes on to the address that the client chose. */
export const isPassthrough = (service: MeshService): boolean => service.resolution === 'passthrough';

/** Headless: clients address the pods themselves. */
export const isHeadless = (service: MeshService): boolean =>
  service.registry === 'Kubernetes' && service.resolution === 'passthrough';

/** Envoy looks up the names of its endpoints. */
export const isLookedUp = (service: MeshService): boolean =>
  service.resolution === 'dns' || service.resolution === 'dns-round-robin' || service.resolution === 'dynamic-dns';

/** Outside of the mesh: no identities, no mesh mTLS. */
export const isExternal = (service: MeshService): boolean => service.entry?.external === true;

export const isHttp = (protocol: Protocol): boolean =>
  protocol === 'HTTP' ||
  protocol === 'HTTP2' ||
  protocol === 'GRPC' ||
  protocol === 'GRPC-Web' ||
  protocol === 'HTTP_PROXY';

export const isHttp2 = (protocol: Protocol): boolean =>
  protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';

export const isTls = (protocol: Protocol): boolean => protocol === 'TLS' || protocol === 'HTTPS';
