/**
 * What one change costs from the edit to the snapshots of all proxies, and how that grows with services and proxies that
 * have nothing to do with it; and how long the event loop waits while everything is built.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import {
  describeMesh,
  describeRoute,
  describeRule,
  describeService,
  describeSlice,
  type MeshSize,
  namespaceOf,
  podAddress,
} from './scale/objects.ts';

interface Scale {
  readonly services: number;
  readonly namespaces: number;
  readonly proxies: number;
}

const scales: readonly Scale[] = [
  { services: 100, namespaces: 20, proxies: 50 },
  { services: 1_000, namespaces: 20, proxies: 50 },
  { services: 5_000, namespaces: 20, proxies: 50 },
  { services: 1_000, namespaces: 20, proxies: 500 },
  { services: 1_000, namespaces: 20, proxies: 2_000 },
  { services: 5_000, namespaces: 200, proxies: 500 },
];

const endpointsPerService = 10;
/** So many services have a VirtualService and a DestinationRule. */
const ruled = 100;

export const changeCost: Benchmark = {
  name: 'change-cost',
  describes: 'in one process, without sockets: cost of a change beside 100 to 5,000 services and 50 to 2,000 proxies',
  async run(signal, setting) {
    const measurements: Measurement[] = [];
    for (const scale of scales) {
      signal.throwIfAborted();
      setting.report(describe(scale));
      measurements.push(...(await measure(scale, setting.repetitions ?? 40)));
    }
    return measurements;
  },
};

const describe = ({ services, namespaces, proxies }: Scale): string =>
  `${services} services in ${namespaces} namespaces, ${proxies} proxies`;

async function measure(scale: Scale, repetitions: number): Promise<readonly Measurement[]> {
  const size: MeshSize = { ...scale, endpointsPerService };
  const pipeline = startPipeline();
  try {
    const rules = Array.from({ length: Math.min(ruled, scale.services) }, (_, service) => [
      describeRoute(service, size, 1),
      describeRule(service, size, 1),
    ]);
    pipeline.objects.apply([...describeMesh(size), ...rules.flat()]);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let at = 0; at < scale.proxies; at += 1) join(pipeline, size, at);
    const started = performance.now();
    await pipeline.settled();
    const elapsed = performance.now() - started;
    delay.disable();
    const { queries, edges } = pipeline.graph.statistics();
    const nodes = Object.values(queries).reduce((sum, query) => sum + query.nodes, 0);
    const where = describe(scale);
    const figure = (name: string, unit: Measurement['unit'], ...samples: number[]): Measurement => ({
      figure: `${where}: ${name}`,
      unit,
      samples,
    });
    const cost = async (name: string, change: (round: number) => void) => {
      const samples: number[] = [];
      for (let round = 0; round < repetitions; round += 1)
        samples.push(await processorTime(pipeline, () => change(round)));
      return figure(name, 'ms', ...samples);
    };
    const last = scale.services - 1;
    const extra = scale.services;
    return [
      figure('everything built', 'ms', elapsed),
      figure('longest wait of the event loop meanwhile', 'ms', delay.max / 1e6),
      figure('99 of 100 waits are shorter than', 'ms', delay.percentile(99) / 1e6),
      figure('nodes of the graph', 'count', nodes),
      figure('edges of the graph', 'count', edges),
      await cost('processor, endpoint change', (round) =>
        pipeline.objects.apply([describeSlice(last, size, { without: round % endpointsPerService })]),
      ),
      await cost('processor, VirtualService change', (round) =>
        pipeline.objects.apply([describeRoute(5, size, round + 2)]),
      ),
      await cost('processor, DestinationRule change', (round) =>
        pipeline.objects.apply([describeRule(5, size, round + 2)]),
      ),
      await cost('processor, service added or removed', (round) => {
        if (round % 2 === 0) pipeline.objects.apply([describeService(extra, size), describeSlice(extra, size)]);
        else pipeline.objects.delete('Service', namespaceOf(extra, size), `s${extra}`);
      }),
    ];
  } finally {
    await pipeline.stop();
  }
}

function join(pipeline: Pipeline, size: MeshSize, at: number): void {
  const service = at % size.services;
  const pod = Math.floor(at / size.services);
  const proxy = describeProxy({
    connectionId: `proxy-${at}`,
    podName: `s${service}-${pod}`,
    namespace: namespaceOf(service, size),
    ipAddresses: [podAddress(service, pod)],
    virtualHosts: true,
  });
  pipeline.source.subscribe(proxy, () => undefined);
}

/** Milliseconds that this process computes from the change until every snapshot has it. */
async function processorTime({ settled }: Pipeline, change: () => void): Promise<number> {
  const before = process.cpuUsage();
  change();
  await settled();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
