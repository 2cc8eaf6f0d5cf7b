/** The graph's inputs, written by `registry/` and read by the queries. */
import type { kinds } from '#api/index.ts';
import type { Graph, Input } from '#graph/types.ts';
import { sameData, sameObject } from './equality.ts';
import { findCredentials } from './frontend/istio/credentials.ts';
import { resolveHost } from './hosts.ts';
import { renderObjectKey, renderServiceId } from './keys.ts';
import type {
  DestinationRuleSpec,
  GatewaySpec,
  MeshConfig,
  PeerAuthenticationSpec,
  ServiceEntrySpec,
  SidecarSpec,
  VirtualServiceSpec,
  WorkloadEntrySpec,
  WorkloadGroupSpec,
} from './specs.ts';
import type {
  Config,
  EndpointSlice,
  InvalidConfig,
  Namespace,
  Node,
  Service,
  TlsSecret,
  Workload,
} from './types/index.ts';

/** Every kind of mesh resource. */
export type MeshKind = Exclude<keyof typeof kinds, 'IstioOperator'>;

export interface MeshInputs {
  /** The cluster's DNS domain, e.g. `cluster.local`. */
  readonly domainSuffix: string;
  /** Key of `Service`. Indexes: `namespace`, `id` (`namespace/hostname`), `hostname`, `address` (of ServiceEntries), `exportedTo`, `declaring` (namespaces of ServiceEntries), `selecting` (`cluster/namespace`), `alias` (the host that it is another name of), `aliasing` and `placed` (namespaces with aliases, with services whose clients prefer endpoints). */
  readonly services: Input<Service>;
  /** Key `cluster/namespace/name`. Index `service` (`cluster/namespace/name`). */
  readonly endpointSlices: Input<EndpointSlice>;
  /** Key `cluster/namespace/name`. Indexes: `namespace` (`cluster/namespace`), `gateway` (`name:value` of labels that gateways are selected by). */
  readonly workloads: Input<Workload>;
  /** Key `cluster/name`. */
  readonly nodes: Input<Node>;
  /** Key `cluster/name`. Index `placed` (its name, where it says which endpoints clients prefer). */
  readonly namespaces: Input<Namespace>;
  /** Key `cluster/namespace/name`; only what gateways refer to. */
  readonly tlsSecrets: Input<TlsSecret>;
  /**
   * Indexes: `namespace`, `host` (hosts that sidecars route by it), `gateway` (`namespace/name`), `exportedTo` (namespaces
   * that are named one by one, or EXPORTED_BY_DEFAULT), `source` (`tested`, `tested by gateways`: its routes depend on the
   * caller).
   */
  readonly virtualServices: Input<Config<VirtualServiceSpec>>;
  /** Indexes: `namespace`, `exportedTo`, `credential` (`named`: it uses Secrets). */
  readonly destinationRules: Input<Config<DestinationRuleSpec>>;
  readonly gateways: Input<Config<GatewaySpec>>;
  /** Index `namespace`. */
  readonly sidecars: Input<Config<SidecarSpec>>;
  /** Index `namespace`. */
  readonly peerAuthentications: Input<Config<PeerAuthenticationSpec>>;
  /** Its hosts are destinations and stand in `services` too. */
  readonly serviceEntries: Input<Config<ServiceEntrySpec>>;
  /** Indexes: `namespace` (`cluster/namespace`), `address` (`cluster/namespace/address`). */
  readonly workloadEntries: Input<Config<WorkloadEntrySpec>>;
  readonly workloadGroups: Input<Config<WorkloadGroupSpec>>;
  /** Every mesh kind by name, those above included. Key `cluster/namespace/name`. */
  readonly configs: Readonly<Record<MeshKind, Input<Config<unknown>>>>;
  /** Key `Kind/cluster/namespace/name`. Index `kind` (`Kind/namespace`). */
  readonly invalidConfigs: Input<InvalidConfig>;
  /** One key, `mesh`. */
  readonly meshConfig: Input<MeshConfig>;
  /** One key, `certificates`: what expires no later than this has expired, in milliseconds since the epoch. Moves when one does. */
  readonly time: Input<number>;
}

/** Labels by which gateways are usually selected; a selector with one of them is answered from the index. */
export const gatewayLabels = ['istio', 'app', 'gateway.networking.k8s.io/gateway-name'] as const;

export function createMeshInputs(graph: Graph, options: { readonly domainSuffix?: string } = {}): MeshInputs {
  const domainSuffix = options.domainSuffix ?? 'cluster.local';
  const virtualServices = graph.input<Config<VirtualServiceSpec>>('virtualServices', {
    equal: sameObject,
    indexes: {
      namespace: (config) => [config.namespace],
      host: (config) => (boundToMesh(config.spec) ? hostsOf(config, domainSuffix) : []),
      gateway: (config) => gatewaysOf(config),
      exportedTo: (config) => namespacesNamed(config.spec.exportTo ?? [], config.namespace),
      source: (config) => testersOf(config.spec),
    },
  });
  const destinationRules = graph.input<Config<DestinationRuleSpec>>('destinationRules', {
    equal: sameObject,
    indexes: {
      namespace: (config) => [config.namespace],
      exportedTo: (config) => namespacesNamed(config.spec.exportTo ?? [], config.namespace),
      credential: (config) => (findCredentials(config.spec).length > 0 ? ['named'] : []),
    },
  });
  const gateways = graph.input<Config<GatewaySpec>>('gateways', { equal: sameObject });
  const sidecars = graph.input<Config<SidecarSpec>>('sidecars', {
    equal: sameObject,
    indexes: { namespace: (config) => [config.namespace] },
  });
  const peerAuthentications = graph.input<Config<PeerAuthenticationSpec>>('peerAuthentications', {
    equal: sameObject,
    indexes: { namespace: (config) => [config.namespace] },
  });
  const serviceEntries = graph.input<Config<ServiceEntrySpec>>('serviceEntries', { equal: sameObject });
  const workloadEntries = graph.input<Config<WorkloadEntrySpec>>('workloadEntries', {
    equal: sameObject,
    indexes: {
      namespace: (config) => [`${config.cluster}/${config.namespace}`],
      address: ({ cluster, namespace, spec }) =>
        spec.address === undefined ? [] : [renderObjectKey(cluster, namespace, spec.address)],
    },
  });
  const workloadGroups = graph.input<Config<WorkloadGroupSpec>>('workloadGroups', { equal: sameObject });
  const plain = (name: string) => graph.input<Config<unknown>>(name, { equal: sameObject });
  return {
    domainSuffix,
    services: graph.input<Service>('services', {
      equal: sameObject,
      indexes: {
        namespace: (service) => [service.namespace],
        id: (service) => [renderServiceId(service.namespace, service.hostname)],
        hostname: (service) => [service.hostname],
        address: (service) => (service.registry === 'External' ? service.addresses.map(({ address }) => address) : []),
        exportedTo: (service) => namespacesNamed(service.exportTo, service.namespace),
        declaring: (service) => (service.registry === 'External' ? [service.namespace] : []),
        selecting: (service) =>
          Object.keys(service.selector).length > 0 ? [`${service.cluster}/${service.namespace}`] : [],
        alias: (service) =>
          service.resolution === 'alias' && service.externalName !== undefined ? [service.externalName] : [],
        aliasing: (service) => (service.resolution === 'alias' ? [service.namespace] : []),
        placed: (service) =>
          service.nodeLocal === true || service.trafficDistribution !== undefined ? [service.namespace] : [],
      },
    }),
    endpointSlices: graph.input<EndpointSlice>('endpointSlices', {
      equal: sameObject,
      indexes: { service: (slice) => [slice.service] },
    }),
    workloads: graph.input<Workload>('workloads', {
      equal: sameObject,
      indexes: {
        namespace: (workload) => [`${workload.cluster}/${workload.namespace}`],
        gateway: (workload) =>
          gatewayLabels.flatMap((name) => {
            const value = workload.labels[name];
            return value === undefined ? [] : [`${name}:${value}`];
          }),
      },
    }),
    nodes: graph.input<Node>('nodes', { equal: sameData }),
    namespaces: graph.input<Namespace>('namespaces', {
      equal: sameData,
      indexes: { placed: ({ name, trafficDistribution }) => (trafficDistribution === undefined ? [] : [name]) },
    }),
    tlsSecrets: graph.input<TlsSecret>('tlsSecrets', { equal: sameObject }),
    virtualServices,
    destinationRules,
    gateways,
    sidecars,
    peerAuthentications,
    serviceEntries,
    workloadEntries,
    workloadGroups,
    configs: {
      VirtualService: virtualServices,
      DestinationRule: destinationRules,
      Gateway: gateways,
      PeerAuthentication: peerAuthentications,
      ServiceEntry: serviceEntries,
      Sidecar: sidecars,
      WorkloadEntry: workloadEntries,
      WorkloadGroup: workloadGroups,
      EnvoyFilter: plain('envoyFilters'),
      ProxyConfig: plain('proxyConfigs'),
      AuthorizationPolicy: plain('authorizationPolicies'),
      RequestAuthentication: plain('requestAuthentications'),
      Telemetry: plain('telemetries'),
      WasmPlugin: plain('wasmPlugins'),
      TrafficExtension: plain('trafficExtensions'),
    },
    invalidConfigs: graph.input<InvalidConfig>('invalidConfigs', {
      equal: sameObject,
      indexes: { kind: (config) => [`${config.kind}/${config.namespace}`] },
    }),
    meshConfig: graph.input<MeshConfig>('meshConfig', { equal: sameData }),
    time: graph.input<number>('time', { equal: sameData }),
  };
}

/** Index key of what leaves to the mesh whom it is exported to. */
export const EXPORTED_BY_DEFAULT = '';

/** Namespaces that an export list names one by one; what the whole mesh sees needs no entry. */
function namespacesNamed(exportTo: readonly string[], own: string): readonly string[] {
  if (exportTo.length === 0) return [EXPORTED_BY_DEFAULT];
  if (exportTo.includes('*')) return [];
  return exportTo.filter((target) => target !== '~').map((target) => (target === '.' ? own : target));
}

/** Whether sidecars route by it: by its own list of gateways, which is `mesh` when absent. */
export function boundToMesh(spec: VirtualServiceSpec): boolean {
  return spec.gateways === undefined || spec.gateways.length === 0 || spec.gateways.includes('mesh');
}

/** Its hosts in full. */
export function hostsOf(config: Config<VirtualServiceSpec>, domainSuffix: string): readonly string[] {
  return [...new Set((config.spec.hosts ?? []).map((host) => resolveHost(host, config.namespace, domainSuffix)))];
}

/** The gateways it is bound to, as `namespace/name`. */
export function gatewaysOf(config: Config<VirtualServiceSpec>): readonly string[] {
  return (config.spec.gateways ?? [])
    .filter((name) => name !== 'mesh')
    .map((name) => resolveGateway(name, config.namespace));
}

export function resolveGateway(name: string, namespace: string): string {
  if (name === 'mesh') return name;
  return name.includes('/') ? name.replace(/^\.\//, `${namespace}/`) : `${namespace}/${name}`;
}

function testersOf(spec: VirtualServiceSpec): readonly string[] {
  if (!testsSource(spec)) return [];
  const byGateways = spec.gateways?.some((name) => name !== 'mesh') ?? false;
  return [...(boundToMesh(spec) ? ['tested'] : []), ...(byGateways ? ['tested by gateways'] : [])];
}

/** Whether its routes may depend on where a call comes from. */
export function testsSource(spec: VirtualServiceSpec): boolean {
  return [...(spec.http ?? []), ...(spec.tcp ?? []), ...(spec.tls ?? [])].some(
    (route) => route.match?.some(namesCallers) ?? false,
  );
}

interface CallerMatch {
  readonly sourceNamespace?: string | undefined;
  readonly sourceLabels?: object | undefined;
}

export const namesCallers = ({ sourceNamespace = '', sourceLabels = {} }: CallerMatch): boolean =>
  sourceNamespace !== '' || Object.keys(sourceLabels).length > 0;
