/** A ServiceEntry as destinations of the mesh: one per host. */
import { annotations } from '#api/constants.ts';
import { isAddress, type ServiceEntrySpec } from '#api/index.ts';
import { type Config, hostsToAllocate, isAnyAddress, parseBlock, parseProtocol, type Service } from '#model/index.ts';
import { parseTrafficDistribution } from './trafficdistribution.ts';

const resolutions = {
  NONE: 'passthrough',
  STATIC: 'eds',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
} as const satisfies Record<NonNullable<ServiceEntrySpec['resolution']>, Service['resolution']>;

/** By host, in lower case. What endpoints it has is not part of a service: see the model's discovery. */
export function parseServiceEntry(config: Config<ServiceEntrySpec>): ReadonlyMap<string, Service> {
  const { spec } = config;
  const { cluster, namespace, name, uid, resourceVersion, createdAt } = config;
  const resolution = resolutions[spec.resolution ?? 'NONE'];
  const allocated = new Set(hostsToAllocate(config));
  const distribution =
    resolution === 'eds' ? parseTrafficDistribution(config.annotations[annotations.trafficDistribution]) : undefined;
  const races = config.annotations[annotations.connectStrategy]?.toUpperCase() === 'RACE_FIRST_TCP_CONNECT';
  const services = new Map<string, Service>();
  for (const text of spec.hosts) {
    const hostname = text.toLowerCase();
    services.set(hostname, {
      ...{ cluster, namespace, name, uid, resourceVersion, createdAt },
      // Its generation grows when an endpoint changes and says nothing about the service.
      generation: 0,
      hostname,
      registry: 'External',
      resolution,
      // Any address is none, as in Istio: a listener there would take the place of those that services share.
      addresses: (spec.addresses ?? []).map(parseBlock).filter(({ address }) => !isAnyAddress(address)),
      ports: (spec.ports ?? []).map((port) => ({
        name: port.name,
        port: port.number,
        targetPort: port.targetPort || port.number,
        protocol: parseProtocol(port.protocol ?? '') ?? 'Auto',
      })),
      selector: resolution === 'passthrough' ? {} : (spec.workloadSelector?.labels ?? {}),
      exportTo: spec.exportTo ?? [],
      labels: config.labels,
      ...(distribution === undefined ? {} : { trafficDistribution: distribution }),
      entry: {
        external: (spec.location ?? 'MESH_EXTERNAL') === 'MESH_EXTERNAL',
        subjectAltNames: spec.subjectAltNames ?? [],
        allocated: allocated.has(text)
          ? (config.status?.addresses ?? [])
              .filter(({ host, value }) => host === text && isAddress(value))
              .map(({ value }) => parseBlock(value))
          : [],
        ...(races ? { raceConnections: true } : {}),
      },
    });
  }
  return services;
}
