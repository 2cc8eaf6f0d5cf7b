/**
 * Our server as a process of its own, on a real API server, with simulated proxies: what it costs to configure them all,
 * and how long a change takes to each; beside istiod, if there is one, in alternating rounds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure, proxiesBinary } from '#hack/setup/index.ts';
import { istiodName, requestCertificate, type WorkloadCertificate } from '#test/support/istiod.ts';
import type { Benchmark, Measurement } from '../measurement.ts';
import { bounds, type Figure, figures, incomparable, type Round } from './figures.ts';
import { Fleet, type FleetTarget } from './fleet.ts';
import { ScaleMesh, type ScaleSize, serviceAccount } from './mesh.ts';
import { encodeNode } from './nodes.ts';
import { namespaceOf } from './objects.ts';
import { defaultScale, type ScaleOptions } from './options.ts';
import { type Pace, type RoundResult, runRound } from './round.ts';
import { type MeasuredServer, prepareOurs, preparePeer, type StartServer } from './servers.ts';

const ours = 'ours';
const istiod = 'istiod';
const endpointsPerService = 10;
const ruled = 100;
const tcpEvery = 10;
const usualPace: Pace = { changes: 20, changesWithin: 8_000, idle: 6_000, churn: 12_000 };
const quickPace: Pace = { changes: 5, changesWithin: 2_000, idle: 6_000, churn: 4_000 };

export const scale: Benchmark = {
  name: 'scale',
  describes:
    'our server and simulated proxies: all connect, single changes, steady changes; beside istiod if asked for',
  async run(signal, setting) {
    const { scale: options } = setting;
    await ensure(['descriptors', 'apiserver', 'proxies'], signal);
    const program = await proxiesBinary(setting.report, signal);
    const { services, namespaces, quick } = options;
    const proxies = quick ? options.proxies.slice(0, 1) : options.proxies;
    const size: ScaleSize = {
      ...{ services, namespaces, endpointsPerService, tcpEvery },
      pods: Math.max(...proxies),
      ruled: Math.min(ruled, services),
    };
    const folder = await mkdtemp(join(tmpdir(), 'lateen-bench-scale-'));
    const peer = options.istiod === undefined ? [] : [{ name: istiod, start: preparePeer(options.istiod, folder) }];
    const servers: readonly Contender[] = [{ name: ours, start: await prepareOurs(folder) }, ...peer];
    setting.report(`making ${services} services, ${size.pods} pods`);
    const mesh = await ScaleMesh.start(size, signal);
    const rounds = new Map<string, Round[]>();
    try {
      const repetitions = setting.repetitions ?? (quick ? 1 : 3);
      let serial = 0;
      for (let repetition = 1; repetition <= repetitions; repetition += 1) {
        for (const count of proxies) {
          for (const { name, start } of servers) {
            signal.throwIfAborted();
            serial += 1;
            const { round, differences } = await runAgainst(start, {
              ...{ mesh, program, signal, serial },
              proxies: count,
              tls: options.tls,
              pace: quick ? quickPace : usualPace,
            });
            if (name === ours) for (const difference of differences) setting.report(difference);
            const key = `${name} ${count}`;
            rounds.set(key, [...(rounds.get(key) ?? []), round]);
            setting.report(`round ${repetition}: ${count} proxies, ${name}: ${renderRound(round)}`);
          }
        }
      }
    } catch (error) {
      // What was measured before is worth showing, too.
      if (rounds.size === 0) throw error;
      setting.report(`ended early: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await mesh.stop();
      await rm(folder, { recursive: true });
    }
    return proxies.flatMap((count) => describe(count, options, rounds));
  },
};

interface Contender {
  readonly name: string;
  readonly start: StartServer;
}

export interface RoundOptions {
  readonly mesh: ScaleMesh;
  /** Path of the simulated proxies. */
  readonly program: string;
  readonly proxies: number;
  readonly tls: boolean;
  readonly pace: Pace;
  readonly serial: number;
  readonly signal: AbortSignal;
}

/** One round with a server that is started for it and ended after it. */
export async function runAgainst(start: StartServer, options: RoundOptions): Promise<RoundResult> {
  const { mesh, program, pace, serial, signal } = options;
  await mesh.forgetControlPlane();
  const server = await start(mesh.api);
  const fleet = new Fleet(program);
  try {
    const target = await resolveTarget(server, options);
    return await runRound({ mesh, fleet, target, serverPid: server.pid, pace, serial, signal });
  } finally {
    await fleet.stop();
    await server.stop();
  }
}

/** Where proxies connect, who they are, and what they show. */
export async function resolveTarget(
  server: MeasuredServer,
  { mesh, proxies, tls }: Pick<RoundOptions, 'mesh' | 'proxies' | 'tls'>,
): Promise<FleetTarget> {
  const { size } = mesh;
  const nodes = Array.from({ length: proxies }, (_, at) => ({
    node: encodeNode(at, size),
    certificate: tls ? at % size.namespaces : 0,
  }));
  if (!tls) return { address: `127.0.0.1:${server.plainPort}`, proxies: nodes };
  const certificates: WorkloadCertificate[] = [];
  for (let index = 0; index < size.namespaces; index += 1) {
    const namespace = namespaceOf(index, size);
    certificates.push(await requestCertificate(server, await mesh.token(namespace), namespace, serviceAccount));
  }
  const { roots } = server;
  return {
    address: `127.0.0.1:${server.securePort}`,
    proxies: nodes,
    tls: { roots, serverName: istiodName, certificates },
  };
}

function describe(
  count: number,
  { services, namespaces, tls }: ScaleOptions,
  rounds: ReadonlyMap<string, readonly Round[]>,
): readonly Measurement[] {
  const own = rounds.get(`${ours} ${count}`) ?? [];
  const peer = rounds.get(`${istiod} ${count}`) ?? [];
  if (own.length === 0) return [];
  const bounded = services === defaultScale.services && namespaces === defaultScale.namespaces && !tls;
  return (Object.keys(figures) as Figure[]).map((figure) => {
    const atMost = bounded ? bounds[count]?.[figure] : undefined;
    return {
      figure: `${count}${tls ? ' over TLS' : ''}: ${figure}`,
      unit: figures[figure],
      samples: own.map((round) => round[figure]),
      ...(atMost === undefined ? {} : { atMost }),
      ...(peer.length === 0 || incomparable.has(figure)
        ? {}
        : { peer: { name: istiod, samples: peer.map((round) => round[figure]) } }),
    };
  });
}

function renderRound(round: Round): string {
  const told: readonly Figure[] = ['all connect', 'an endpoint', 'a VirtualService', 'missed', 'other than anew'];
  return told.map((figure) => `${figure} ${round[figure].toFixed(1)} ${figures[figure]}`).join(', ');
}
