/** A delta proxy that applies what it is sent as Envoy does, keeps versions only, and counts what came. */
import { decode, type TypeName, typeUrl, unpack } from '#wire/index.ts';
import { type DeltaStream, openDelta, sidecarNode } from './adsclient.ts';

const clusterType = 'envoy.config.cluster.v3.Cluster';
const listenerType = 'envoy.config.listener.v3.Listener';
const routesType = 'envoy.config.route.v3.RouteConfiguration';
const connectionManagerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager' as const satisfies TypeName;

export const simulatedTypes = {
  clusters: typeUrl(clusterType),
  endpoints: typeUrl('envoy.config.endpoint.v3.ClusterLoadAssignment'),
  listeners: typeUrl(listenerType),
  routes: typeUrl(routesType),
  virtualHosts: typeUrl('envoy.config.route.v3.VirtualHost'),
} as const;

export interface SimulatedProxyOptions {
  readonly port: number;
  readonly pod: string;
  readonly namespace: string;
  readonly address: string;
}

export class SimulatedProxy {
  readonly #stream: DeltaStream;
  /** Version by name, by type URL. */
  readonly #held = new Map<string, Map<string, string>>(Object.values(simulatedTypes).map((url) => [url, new Map()]));
  readonly #routesOf = new Map<string, readonly string[]>();
  readonly #asked = new Map<string, Set<string>>([
    [simulatedTypes.endpoints, new Set()],
    [simulatedTypes.routes, new Set()],
  ]);
  #asksForVirtualHosts = false;
  /** Bytes of resources since the last time they were taken. */
  #bytes = 0;
  /** Resolves when the stream has ended. */
  readonly running: Promise<void>;

  constructor({ port, pod, namespace, address }: SimulatedProxyOptions) {
    this.#stream = openDelta(port);
    const node = sidecarNode(pod, namespace, { CLUSTER_ID: 'Kubernetes', INSTANCE_IPS: address });
    const id = node.id?.replace('10.0.0.1', address) ?? '';
    this.#stream.send({ node: { ...node, id }, typeUrl: simulatedTypes.clusters });
    this.#stream.send({ typeUrl: simulatedTypes.listeners });
    this.running = this.#run();
  }

  held(url: string): ReadonlyMap<string, string> {
    return this.#held.get(url) ?? new Map();
  }

  /** Bytes of resources that came since the last call. */
  takeBytes(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  close(): void {
    this.#stream.close();
  }

  async #run(): Promise<void> {
    for (;;) {
      const response = await this.#stream.next().catch(() => undefined);
      if (response === undefined) return;
      const { typeUrl: url = '', nonce = '', resources = [], removedResources = [] } = response;
      const held = this.#held.get(url) ?? new Map<string, string>();
      for (const { name = '', version = '', resource } of resources) {
        held.set(name, version);
        this.#bytes += resource?.value?.length ?? 0;
      }
      for (const name of removedResources) held.delete(name);
      this.#stream.send({ typeUrl: url, responseNonce: nonce });
      const bodies = resources.map(({ resource }) => resource?.value ?? new Uint8Array());
      if (url === simulatedTypes.clusters)
        this.#follow(simulatedTypes.endpoints, bodies.flatMap(endpointNames), removedResources);
      if (url === simulatedTypes.listeners) {
        for (const { name = '', resource } of resources)
          this.#routesOf.set(name, routeNames(resource?.value ?? new Uint8Array()));
        for (const name of removedResources) this.#routesOf.delete(name);
        const wanted = new Set([...this.#routesOf.values()].flat());
        const gone = [...(this.#asked.get(simulatedTypes.routes) ?? [])].filter((name) => !wanted.has(name));
        this.#follow(simulatedTypes.routes, [...wanted], gone);
      }
      if (url === simulatedTypes.routes && !this.#asksForVirtualHosts && bodies.some(isSplit)) {
        this.#asksForVirtualHosts = true;
        this.#stream.send({ typeUrl: simulatedTypes.virtualHosts });
      }
    }
  }

  #follow(url: string, wanted: readonly string[], gone: readonly string[]): void {
    const asked = this.#asked.get(url);
    if (asked === undefined) return;
    const added = [...new Set(wanted)].filter((name) => !asked.has(name));
    const left = gone.filter((name) => asked.delete(name));
    for (const name of added) asked.add(name);
    for (const name of left) this.#held.get(url)?.delete(name);
    if (added.length + left.length === 0) return;
    this.#stream.send({ typeUrl: url, resourceNamesSubscribe: added, resourceNamesUnsubscribe: left });
  }
}

function endpointNames(body: Uint8Array): readonly string[] {
  const { name = '', type, edsClusterConfig } = decode(clusterType, body);
  return type === 'EDS' ? [edsClusterConfig?.serviceName || name] : [];
}

function isSplit(body: Uint8Array): boolean {
  return decode(routesType, body).vhds !== undefined;
}

function routeNames(body: Uint8Array): readonly string[] {
  const { filterChains = [], defaultFilterChain } = decode(listenerType, body);
  const chains = defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains;
  return chains.flatMap(({ filters = [] }) =>
    filters.flatMap(({ typedConfig }) => {
      const name = typedConfig && unpack(connectionManagerType, typedConfig)?.rds?.routeConfigName;
      return name === undefined ? [] : [name];
    }),
  );
}
