/**
 * One large mesh on a real API server: what the control plane needs for it, and how long its event loop waits, from its
 * start until hundreds of proxies that all see everything are configured.
 */
import { ensure, proxiesBinary } from '#hack/setup/index.ts';
import type { Benchmark, Measurement } from '../measurement.ts';
import { Fleet } from '../scale/fleet.ts';
import { ScaleMesh, type ScaleSize } from '../scale/mesh.ts';
import { encodeNode } from '../scale/nodes.ts';
import type { Observation } from './observer.ts';
import { type LargeServer, startServer } from './server.ts';

const size: ScaleSize = {
  ...{ services: 5_000, endpointsPerService: 10, namespaces: 200, tcpEvery: 10 },
  // Every endpoint is a pod, as in a cluster of that size.
  ...{ pods: 50_000, ruled: 100 },
};
const crowd: Crowd = { proxies: 500, late: 50 };

export const large: Benchmark = {
  name: 'large',
  describes: `${size.services} services, ${size.pods} pods, ${size.namespaces} namespaces, ${crowd.proxies} proxies: memory and event loop from the start on`,
  async run(signal, { report }) {
    await ensure(['descriptors', 'apiserver', 'proxies'], signal);
    const program = await proxiesBinary(report, signal);
    report(`making ${size.services} services, ${size.pods} pods`);
    const mesh = await ScaleMesh.start(size, signal);
    try {
      return await measureLarge({ kubeconfig: mesh.api.kubeconfig, size, crowd, program, report, signal });
    } finally {
      await mesh.stop();
    }
  },
};

export interface Crowd {
  readonly proxies: number;
  /** So many more connect to a server that serves the others. */
  readonly late: number;
}

export interface LargeOptions {
  /** Of a cluster that holds the mesh. */
  readonly kubeconfig: string;
  readonly size: ScaleSize;
  readonly crowd: Crowd;
  /** Path of the simulated proxies. */
  readonly program: string;
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

export async function measureLarge(options: LargeOptions): Promise<readonly Measurement[]> {
  const { kubeconfig, crowd, program, report, signal } = options;
  report('starting the control plane');
  const started = performance.now();
  const server = await startServer(kubeconfig, signal);
  const first = new Fleet(program);
  const later = new Fleet(program);
  try {
    const ready: Stretch = { elapsed: performance.now() - started, ...(await server.observe()) };
    const listed = await server.memory();
    const measurements = [
      ...describeStretch('start until ready', ready),
      mega('resident then', listed.now),
      ...(await connect('all connect', first, server, { ...options, from: 0, count: crowd.proxies })),
      count('nodes of the graph', await server.metric('lateen_graph_nodes')),
      count('edges of the graph', await server.metric('lateen_graph_edges')),
      ...(await connect(`${crowd.late} more`, later, server, { ...options, from: crowd.proxies, count: crowd.late })),
    ];
    const { peak, now } = await server.memory();
    return [
      ...measurements,
      mega('resident at the end', now),
      { ...mega('resident at the peak', peak), atMost: 1_200 },
    ];
  } finally {
    await first.stop();
    await later.stop();
    await server.stop();
  }
}

interface Arriving extends LargeOptions {
  readonly from: number;
  readonly count: number;
}

async function connect(
  name: string,
  fleet: Fleet,
  server: LargeServer,
  { size, from, count: proxies, report }: Arriving,
): Promise<readonly Measurement[]> {
  report(`connecting ${proxies} proxies`);
  await server.observe();
  const { readyMs } = await fleet.connect({
    address: `127.0.0.1:${server.plainPort}`,
    proxies: Array.from({ length: proxies }, (_, at) => ({ node: encodeNode(from + at, size), certificate: 0 })),
  });
  const configured = readyMs.filter((ms) => ms >= 0);
  const stretch: Stretch = { elapsed: Math.max(...configured), ...(await server.observe()) };
  const { peak } = await server.memory();
  // A proxy is configured before the last that it is sent has come.
  await fleet.quiet();
  const bytes = Object.values((await fleet.traffic()).bytes).reduce((sum, one) => sum + one, 0);
  return [
    count(`${name}: configured`, configured.length),
    ...describeStretch(name, stretch),
    { figure: `${name}: processor for each proxy`, unit: 'ms', samples: [stretch.processor / proxies], atMost: 40 },
    mega(`${name}: sent to each proxy`, bytes / proxies),
    mega(`${name}: peak so far`, peak),
  ];
}

interface Stretch extends Observation {
  readonly elapsed: number;
}

/** The bounds are those that hold while everything is built. */
function describeStretch(
  name: string,
  { elapsed, delay, longestCollection, processor, waited }: Stretch,
): readonly Measurement[] {
  const ms = (figure: string, value: number, atMost?: number): Measurement => ({
    figure: `${name}: ${figure}`,
    unit: 'ms',
    samples: [value],
    ...(atMost === undefined ? {} : { atMost }),
  });
  return [
    ms('elapsed', elapsed),
    ms('processor', processor),
    // The proxies and the API server share the machine; what the event loop is late for that is in its delay all the same.
    ms('main thread waited for a processor', waited),
    ms('event loop late, half of the time', delay.p50),
    ms('event loop late, 99 of 100', delay.p99, 50),
    ms('event loop late, at most', delay.max, 250),
    ms('longest stop for the collector', longestCollection),
  ];
}

const mega = (figure: string, bytes: number): Measurement => ({ figure, unit: 'MB', samples: [bytes / 2 ** 20] });

const count = (figure: string, value: number): Measurement => ({ figure, unit: 'count', samples: [value] });
