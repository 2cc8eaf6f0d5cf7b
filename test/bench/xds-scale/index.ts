/**
 * The pipeline from objects in memory to responses on sockets, with many proxies: how long, and how much processor time,
 * until all are configured and until a change has reached the last of them.
 */
import { ServerCredentials } from '@grpc/grpc-js';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { createDiscoveryService, createGrpcListener } from '#xds/index.ts';
import type { Benchmark, Measurement } from '../measurement.ts';
import { Arrivals } from './arrivals.ts';
import {
  describeMesh,
  describeRoute,
  describeRule,
  describeSlice,
  type MeshSize,
  namespaceOf,
  podAddress,
} from './objects.ts';
import { type ProxyDescription, startProxies, typeUrls, wallClock } from './proxies.ts';

const size: MeshSize = { services: 100, endpointsPerService: 10, namespaces: 10 };
const proxyCount = 50;
/** The service that changes, and the ones whose pods the proxies are, differ. */
const changed = size.services - 1;

export const xdsScale: Benchmark = {
  name: 'xds-scale',
  describes: `in one process: ${size.services} services × ${size.endpointsPerService} endpoints × ${proxyCount} proxies`,
  async run(signal, setting) {
    const pipeline = startPipeline();
    const stopping = new AbortController();
    const { port, running } = await serve(pipeline, AbortSignal.any([signal, stopping.signal]));
    const arrivals = new Arrivals();
    try {
      return await measure(pipeline, port, arrivals, setting.repetitions ?? 20, signal);
    } finally {
      await arrivals.stop();
      stopping.abort();
      await running;
      await pipeline.stop();
    }
  },
};

async function measure(
  pipeline: Pipeline,
  port: number,
  arrivals: Arrivals,
  repetitions: number,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  pipeline.objects.apply([...describeMesh(size), describeRoute(changed, size, 1), describeRule(changed, size, 1)]);
  const connected = await timed(async () => {
    arrivals.attach(startProxies({ port, proxies: describeProxies() }, arrivals.add));
    return arrivals.untilComplete(proxyCount, signal);
  });
  const bytes = arrivals.bytes();
  const change = async (object: ReturnType<typeof describeRoute>, typeUrl: string) => {
    const reached = arrivals.untilAllGot(typeUrl, proxyCount, signal);
    pipeline.objects.apply([object]);
    return reached;
  };
  const endpoints: Timing[] = [];
  const routes: Timing[] = [];
  const rules: Timing[] = [];
  for (let round = 0; round < repetitions; round++) {
    const slice = describeSlice(changed, size, round % size.endpointsPerService);
    const route = describeRoute(changed, size, round + 2);
    endpoints.push(await timed(() => change(slice, typeUrls.endpoints)));
    routes.push(await timed(() => change(route, typeUrls.virtualHosts)));
    // The endpoints of a changed cluster come behind it.
    rules.push(await timed(() => change(describeRule(changed, size, round + 2), typeUrls.endpoints)));
  }
  return [
    ...describe('all connected and configured', [connected]),
    { figure: 'sent to configure them', unit: 'MB', samples: [bytes / 2 ** 20] },
    ...describe('endpoint change at the last proxy', endpoints),
    ...describe('VirtualService change at the last proxy', routes),
    ...describe('DestinationRule change at the last proxy', rules),
  ];
}

interface Timing {
  /** Milliseconds until the last proxy had it. */
  readonly elapsed: number;
  /** Milliseconds that the server's thread computed in that time; the proxies live on another. */
  readonly computed: number;
}

/** `work` gives the moment on wallClock() at which it was done. */
async function timed(work: () => Promise<number>): Promise<Timing> {
  const before = process.threadCpuUsage();
  const started = wallClock();
  const elapsed = (await work()) - started;
  const { user, system } = process.threadCpuUsage(before);
  return { elapsed, computed: (user + system) / 1000 };
}

function describe(figure: string, timings: readonly Timing[]): readonly Measurement[] {
  return [
    { figure, unit: 'ms', samples: timings.map(({ elapsed }) => elapsed) },
    { figure: `${figure}: processor`, unit: 'ms', samples: timings.map(({ computed }) => computed) },
  ];
}

function describeProxies(): readonly ProxyDescription[] {
  return Array.from({ length: proxyCount }, (_, service) => ({
    pod: `s${service}-0`,
    namespace: namespaceOf(service, size),
    address: podAddress(service, 0),
  }));
}

async function serve(
  { source }: Pipeline,
  signal: AbortSignal,
): Promise<{ readonly port: number; readonly running: Promise<void> }> {
  const nothing = () => undefined;
  const service = createDiscoveryService({
    source,
    observer: { connected: nothing, acknowledged: nothing, rejected: nothing, waiting: nothing, disconnected: nothing },
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const running = createGrpcListener({
    name: 'xds',
    address: '127.0.0.1:0',
    credentials: ServerCredentials.createInsecure(),
    services: [(server) => service.register(server, undefined)],
    onStop: () => service.close(),
    onListening: resolve,
    logger: silentLogger,
  }).run(signal);
  running.catch(reject);
  return { port: await promise, running };
}
