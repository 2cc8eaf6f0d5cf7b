/** What the registry holds, in Istio's shapes: the pages registryz and endpointz. */
import type { Graph } from '#graph/index.ts';
import {
  isLeftOut,
  type MeshInputs,
  type MeshQueries,
  type MeshService,
  renderServiceId,
  type ServiceEndpoint,
} from '#model/index.ts';

export interface RegistryPart {
  readonly graph: Graph;
  readonly inputs: Pick<MeshInputs, 'services'>;
  readonly model: Pick<MeshQueries, 'service' | 'serviceEndpoints' | 'serviceAccounts' | 'settings'>;
}

/** Istio's numbers of how a service's endpoints are found. */
const RESOLUTIONS: Readonly<Record<string, number>> = { eds: 0, dns: 1, passthrough: 2 };

/** Services as `/debug/registryz` lists them, one at a time, by id. */
export function* describeServices({ graph, inputs, model }: RegistryPart): Iterable<Readonly<Record<string, unknown>>> {
  for (const id of serviceIds({ graph, inputs })) {
    const service = graph.read(model.service, id);
    if (service !== undefined) yield describeService({ graph, inputs, model }, service);
  }
}

function describeService(
  { graph, inputs, model }: RegistryPart,
  service: MeshService,
): Readonly<Record<string, unknown>> {
  const [oldest = ''] = service.members;
  const member = graph.peek(inputs.services, oldest);
  const settings = graph.read(model.settings, '');
  const addresses = Map.groupBy(service.addresses, ({ cluster }) => cluster);
  return {
    Attributes: {
      ServiceRegistry: service.registry,
      Name: service.name,
      Namespace: service.namespace,
      Labels: member?.labels ?? {},
      ExportTo: Object.fromEntries(service.exportTo.map((target) => [target, {}])),
      LabelSelectors: member?.selector ?? {},
      ExternalName: service.externalName ?? '',
    },
    ports: service.ports.map((port) => ({
      ...{ name: port.name, port: port.port, protocol: port.protocol },
      // A Service has no status of ours that could say so.
      ...(isLeftOut(service, port, member?.cluster ?? '', settings)
        ? { problem: `sidecars themselves listen at port ${port.port}` }
        : {}),
    })),
    ...(member === undefined ? {} : { creationTime: new Date(member.createdAt).toISOString() }),
    hostname: service.hostname,
    clusterVIPs: {
      Addresses: Object.fromEntries(
        [...addresses].map(([cluster, own]) => [cluster, own.map(({ address }) => address)]),
      ),
    },
    defaultAddress: service.addresses[0]?.address ?? '0.0.0.0',
    Resolution: RESOLUTIONS[service.resolution] ?? service.resolution,
    MeshExternal: service.registry === 'External',
    ResourceVersion: member?.resourceVersion ?? '',
  };
}

/** Endpoints as `/debug/endpointz` lists them: hostname, then namespaces with their shards. */
export function* describeEndpoints({
  graph,
  inputs,
  model,
}: RegistryPart): Iterable<readonly [string, Readonly<Record<string, unknown>>]> {
  const namespaces = new Map<string, string[]>();
  for (const id of serviceIds({ graph, inputs })) {
    const { hostname } = graph.read(model.service, id) ?? {};
    if (hostname === undefined) continue;
    const known = namespaces.get(hostname);
    if (known === undefined) namespaces.set(hostname, [id]);
    else known.push(id);
  }
  for (const [hostname, ids] of [...namespaces].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parts = ids.flatMap((id) => {
      const service = graph.read(model.service, id);
      if (service === undefined) return [];
      const shards = Map.groupBy(
        graph.read(model.serviceEndpoints, id),
        ({ cluster }) => `${service.registry}/${cluster}`,
      );
      const Shards = Object.fromEntries([...shards].map(([shard, own]) => [shard, own.flatMap(describePorts)]));
      return [[service.namespace, { Shards, ServiceAccounts: graph.read(model.serviceAccounts, id) }] as const];
    });
    yield [hostname, Object.fromEntries(parts)];
  }
}

/** One entry per port, as Istio counts endpoints. */
function describePorts(endpoint: ServiceEndpoint): readonly Readonly<Record<string, unknown>>[] {
  const { region, zone, subzone } = endpoint.locality;
  return Object.entries(endpoint.ports).map(([ServicePortName, EndpointPort]) => ({
    Labels: endpoint.labels,
    Addresses: endpoint.addresses,
    ServicePortName,
    ServiceAccount: endpoint.serviceAccount,
    Network: endpoint.network,
    Locality: {
      Label: [region, zone, subzone].filter((part) => part !== '').join('/'),
      ClusterID: endpoint.cluster,
    },
    EndpointPort,
    TLSMode: endpoint.acceptsMtls ? 'istio' : 'disabled',
    Namespace: endpoint.namespace,
    WorkloadName: endpoint.workload.split(';')[0] ?? '',
    HealthStatus: endpoint.ready ? 1 : 2,
  }));
}

function serviceIds({ graph, inputs }: Pick<RegistryPart, 'graph' | 'inputs'>): readonly string[] {
  const ids = new Set<string>();
  for (const key of graph.peekKeys(inputs.services)) {
    const service = graph.peek(inputs.services, key);
    if (service !== undefined) ids.add(renderServiceId(service.namespace, service.hostname));
  }
  return [...ids].sort();
}
