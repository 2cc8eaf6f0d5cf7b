/**
 * Simulated proxies on a thread of their own, so that what they cost is not counted as the server's: delta streams that
 * subscribe as an Envoy does, acknowledge everything, and tell the time when each response came.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { LateenError } from '#runtime/core/index.ts';
import { type DeltaStream, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { decode, type TypeName, typeUrl, unpack } from '#wire/index.ts';

const clusterType = 'envoy.config.cluster.v3.Cluster';
const endpointsType = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const listenerType = 'envoy.config.listener.v3.Listener';
const routesType = 'envoy.config.route.v3.RouteConfiguration';
const virtualHostType = 'envoy.config.route.v3.VirtualHost';
const connectionManagerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager' as const satisfies TypeName;

export const typeUrls = {
  endpoints: typeUrl(endpointsType),
  routes: typeUrl(routesType),
  virtualHosts: typeUrl(virtualHostType),
} as const;

/** Who connects. */
export interface ProxyDescription {
  readonly pod: string;
  readonly namespace: string;
  readonly address: string;
}

/** A response that a proxy got; `at` is milliseconds since the epoch, with fractions. */
export interface Arrival {
  readonly proxy: number;
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly bytes: number;
  readonly at: number;
  /** Whether the proxy has everything that it asked for. */
  readonly complete: boolean;
}

export interface ProxiesRequest {
  readonly port: number;
  readonly proxies: readonly ProxyDescription[];
}

/** Milliseconds since the epoch, with fractions, the same on every thread. */
export const wallClock = (): number => performance.timeOrigin + performance.now();

/** Connects proxies; every response calls `onArrival`. */
export function startProxies(request: ProxiesRequest, onArrival: (arrival: Arrival) => void): Worker {
  const worker = new Worker(new URL(import.meta.url), { workerData: request });
  worker.on('message', onArrival);
  worker.on('error', (error) => {
    throw new LateenError('internal', 'the simulated proxies failed', { cause: error });
  });
  return worker;
}

async function runProxy(request: ProxiesRequest, proxy: number, report: (arrival: Arrival) => void): Promise<void> {
  const description = request.proxies[proxy];
  if (description === undefined) return;
  const { pod, namespace, address } = description;
  const stream = openDelta(request.port);
  const wanted = { [typeUrls.endpoints]: new Set<string>(), [typeUrls.routes]: new Set<string>() };
  let asksForVirtualHosts = false;
  const missing = new Set<string>([typeUrl(clusterType), typeUrl(listenerType)]);
  const node = sidecarNode(pod, namespace, { CLUSTER_ID: 'Kubernetes', INSTANCE_IPS: address });
  stream.send({ node: { ...node, id: node.id?.replace('10.0.0.1', address) ?? '' }, typeUrl: typeUrl(clusterType) });
  stream.send({ typeUrl: typeUrl(listenerType) });
  for (;;) {
    const response = await stream.next();
    const at = wallClock();
    const url = response.typeUrl ?? '';
    stream.send({ typeUrl: url, responseNonce: response.nonce ?? '' });
    const resources = response.resources ?? [];
    const names = resources.map(({ name = '' }) => name);
    missing.delete(url);
    for (const name of names) missing.delete(`${url} ${name}`);
    if (url === typeUrls.virtualHosts)
      for (const name of names) missing.delete(`${url} ${name.slice(0, name.lastIndexOf('/'))}`);
    const bodies = resources.map(({ resource }) => resource?.value ?? new Uint8Array());
    if (url === typeUrl(clusterType))
      subscribe(stream, typeUrls.endpoints, wanted, missing, bodies.flatMap(endpointNames));
    if (url === typeUrl(listenerType)) subscribe(stream, typeUrls.routes, wanted, missing, bodies.flatMap(routeNames));
    const split = url === typeUrls.routes ? bodies.flatMap(splitTables) : [];
    for (const table of split) missing.add(`${typeUrls.virtualHosts} ${table}`);
    if (split.length > 0 && !asksForVirtualHosts) {
      asksForVirtualHosts = true;
      stream.send({ typeUrl: typeUrls.virtualHosts });
    }
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    report({ proxy, typeUrl: url, names, bytes, at, complete: missing.size === 0 });
  }
}

function subscribe(
  stream: DeltaStream,
  url: string,
  wanted: Readonly<Record<string, Set<string>>>,
  missing: Set<string>,
  names: readonly string[],
): void {
  const before = wanted[url];
  const added = [...new Set(names)].filter((name) => before?.has(name) === false);
  if (added.length === 0) return;
  for (const name of added) {
    before?.add(name);
    missing.add(`${url} ${name}`);
  }
  stream.send({ typeUrl: url, resourceNamesSubscribe: added });
}

function endpointNames(body: Uint8Array): readonly string[] {
  const { name = '', type, edsClusterConfig } = decode(clusterType, body);
  return type === 'EDS' ? [edsClusterConfig?.serviceName || name] : [];
}

/** The route configuration's name if its virtual hosts come by themselves: its listener warms until the first is there. */
function splitTables(body: Uint8Array): readonly string[] {
  const { name = '', vhds } = decode(routesType, body);
  return vhds === undefined ? [] : [name];
}

function routeNames(body: Uint8Array): readonly string[] {
  const { filterChains = [], defaultFilterChain } = decode(listenerType, body);
  const filters = [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])].flatMap(
    (chain) => chain.filters ?? [],
  );
  return filters.flatMap(({ typedConfig }) => {
    const manager = typedConfig && unpack(connectionManagerType, typedConfig);
    const name = manager?.rds?.routeConfigName;
    return name === undefined ? [] : [name];
  });
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const request = workerData as ProxiesRequest;
  await Promise.all(
    request.proxies.map((_, proxy) => runProxy(request, proxy, (arrival) => port.postMessage(arrival))),
  );
}
