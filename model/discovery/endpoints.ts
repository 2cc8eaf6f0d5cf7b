/** The endpoints of a service: slices joined with pods and nodes, both address families of a pod as one endpoint. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { isHostKey, parseObjectKey, renderObjectKey } from '../keys.ts';
import type { Locality, SourceRef } from '../types/identity.ts';
import type { EndpointSlice, Workload } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';
import { readEntryEndpoints, readSelectedEntries } from './entryendpoints.ts';
import type { ServiceQueries } from './services.ts';
import { describeWorkload } from './workload.ts';

/** An endpoint with all its ports. */
export interface ServiceEndpoint {
  /** Takes traffic. One that doesn't still says who may answer for the service. */
  readonly ready: boolean;
  /** On its way out, but still serving. */
  readonly draining?: true;
  /** One per address family, IPv4 first. Of WorkloadEntries it may be a host name or `unix://` and a socket. */
  readonly addresses: readonly string[];
  /** Port numbers by the name of the service's port; 0 for a socket. */
  readonly ports: Readonly<Record<string, number>>;
  /** Its share relative to the others; 1 when absent. */
  readonly weight?: number;
  readonly cluster: string;
  readonly namespace: string;
  readonly network: string;
  readonly locality: Locality;
  /** Empty when unknown. */
  readonly node: string;
  /** First label of its own DNS name below the service's, where it has one. */
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly acceptsMtls: boolean;
  /** `name;namespace;canonical name;canonical revision;cluster`. */
  readonly workload: string;
  /** The WorkloadEntry that it is, and the WorkloadGroup that this one was made from. */
  readonly sources?: readonly SourceRef[];
}

/** The port of an endpoint that serves the service's port of this name. */
export function portOf(endpoint: ServiceEndpoint, name: string): number | undefined {
  return Object.hasOwn(endpoint.ports, name) ? endpoint.ports[name] : undefined;
}

/** Those that take traffic: the ready ones, and when there is none, those that still serve while they end. */
export function usableEndpoints(endpoints: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.draining === true);
}

export interface EndpointQueries {
  /** By service id. */
  readonly serviceEndpoints: Query<readonly ServiceEndpoint[]>;
  /**
   * SPIFFE ids and other names that the endpoints of a service may show, by service id; of those that aren't ready too,
   * because what a client checks must not change with readiness.
   */
  readonly serviceAccounts: Query<readonly string[]>;
}

const UNLABELLED: Readonly<Record<string, string>> = {};
const nowhere: Locality = { region: '', zone: '', subzone: '' };

export function defineEndpoints(
  graph: Graph,
  inputs: MeshInputs,
  settings: Query<MeshSettings>,
  services: ServiceQueries,
): EndpointQueries {
  const serviceEndpoints = graph.query<readonly ServiceEndpoint[]>(
    'serviceEndpoints',
    (reader, id) => {
      const service = reader.read(services.service, id);
      const always = service?.publishNotReadyAddresses === true;
      return (service?.members ?? []).flatMap((member) =>
        isHostKey(member)
          ? readEntryEndpoints(reader, inputs, member)
          : [...readMember(reader, inputs, member, always), ...readSelectedEntries(reader, inputs, member)],
      );
    },
    { equal: sameData },
  );

  const serviceAccounts = graph.query<readonly string[]>(
    'serviceAccounts',
    (reader, id) => {
      const { trustDomain, trustDomainAliases } = reader.read(settings, '');
      const accounts = new Set<string>();
      const names = reader.read(services.service, id)?.entry?.subjectAltNames ?? [];
      for (const endpoint of reader.read(serviceEndpoints, id)) {
        if (endpoint.serviceAccount !== '') accounts.add(`ns/${endpoint.namespace}/sa/${endpoint.serviceAccount}`);
      }
      const identities = [trustDomain, ...trustDomainAliases].flatMap((domain) =>
        [...accounts].map((account) => `spiffe://${domain}/${account}`),
      );
      return [...new Set([...identities, ...names])].sort();
    },
    { equal: sameData },
  );

  return { serviceEndpoints, serviceAccounts };
}

/**
 * The endpoints that one cluster contributes. A slice's endpoint whose pod isn't known yet waits for it.
 * @param always every endpoint counts as ready
 */
function readMember(reader: Reader, inputs: MeshInputs, member: string, always: boolean): readonly ServiceEndpoint[] {
  const { cluster } = parseObjectKey(member);
  const found = new Map<string, ServiceEndpoint>();
  const slices = [...reader.bucket(inputs.endpointSlices, 'service', member)].sort(byFamily);
  for (const slice of slices) {
    const ports = Object.fromEntries(slice.ports.map((port) => [port.name, port.port]));
    for (const endpoint of slice.endpoints) {
      const podKey = endpoint.pod === undefined ? undefined : renderObjectKey(cluster, slice.namespace, endpoint.pod);
      const pod = podKey === undefined ? undefined : reader.get(inputs.workloads, podKey);
      if (podKey !== undefined && pod === undefined) continue;
      for (const address of podKey === undefined ? endpoint.addresses : [endpoint.addresses.join(',')]) {
        const key = podKey ?? address;
        const known = found.get(key);
        const addresses = address.split(',');
        const health = healthOf(endpoint, pod, always);
        if (known === undefined) {
          const node = endpoint.node ?? pod?.node ?? '';
          const locality = pod?.locality ?? readLocality(reader, inputs, cluster, node, endpoint.zone);
          const { hostname } = endpoint;
          const more = { addresses, ports, locality, node, ...(hostname === undefined ? {} : { hostname }) };
          found.set(key, { ...describe(slice, pod), ...health, ...more });
        } else {
          const { ready, draining, ...rest } = known;
          const best = ready || health.ready ? { ready: true } : draining === true ? { ready, draining } : health;
          const merged = [...new Set([...known.addresses, ...addresses])];
          found.set(key, { ...rest, ...best, addresses: merged, ports: { ...ports, ...known.ports } });
        }
      }
    }
  }
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}

function byFamily(a: EndpointSlice, b: EndpointSlice): number {
  return a.family === b.family ? Number(a.name > b.name) - Number(a.name < b.name) : a.family === 'ipv4' ? -1 : 1;
}

type Health = Pick<ServiceEndpoint, 'ready' | 'draining'>;

const up: Health = { ready: true };
const draining: Health = { ready: false, draining: true };
const down: Health = { ready: false };

/** A pod may also be taken out by its label. */
function healthOf(endpoint: EndpointSlice['endpoints'][number], pod: Workload | undefined, always: boolean): Health {
  if ((pod?.labels['istio.io/draining'] ?? '') !== '') return draining;
  if (always || endpoint.ready) return up;
  return endpoint.terminating && endpoint.serving ? draining : down;
}

function describe(
  slice: EndpointSlice,
  pod: Workload | undefined,
): Omit<ServiceEndpoint, 'ready' | 'addresses' | 'ports' | 'locality' | 'node'> {
  return {
    cluster: slice.cluster,
    namespace: slice.namespace,
    network: pod?.network ?? '',
    labels: pod?.labels ?? UNLABELLED,
    serviceAccount: pod?.serviceAccount ?? '',
    acceptsMtls: pod?.acceptsMtls ?? false,
    workload: pod === undefined ? '' : describeWorkload(pod),
  };
}

function readLocality(
  reader: Reader,
  inputs: MeshInputs,
  cluster: string,
  node: string,
  zone: string | undefined,
): Locality {
  const known = node === '' ? undefined : reader.get(inputs.nodes, `${cluster}/${node}`)?.locality;
  return known ?? (zone === undefined ? nowhere : { ...nowhere, zone });
}
