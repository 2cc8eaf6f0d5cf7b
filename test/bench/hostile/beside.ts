/** One case: proxies that behave connect to a new server, something disturbs it, and endpoints change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readCost, resetPeak } from '#test/support/processcost.ts';
import type { Measurement } from '../measurement.ts';
import { Fleet } from '../scale/fleet.ts';
import { resolveTarget } from '../scale/index.ts';
import type { ScaleMesh } from '../scale/mesh.ts';
import { makeChurn } from '../scale/round.ts';
import type { MeasuredServer, StartServer } from '../scale/servers.ts';

export interface Disturbance {
  readonly name: string;
  /** So often a second is tried what is counted. */
  readonly offered?: number | undefined;
  /** Proxies that behave come over mutual TLS. */
  readonly tls?: boolean | undefined;
  start(place: DisturbedPlace): Promise<RunningDisturbance>;
}

export interface DisturbedPlace {
  readonly mesh: ScaleMesh;
  readonly server: MeasuredServer;
  readonly signal: AbortSignal;
}

export interface RunningDisturbance {
  /** How often it has been done so far, where it is something that is done again and again. */
  count?(): Promise<number>;
  /** What there is to say about it alone, once the endpoints have changed. */
  finish?(): Promise<readonly Measurement[]>;
  stop(): Promise<void>;
}

export interface BesideSetting {
  readonly mesh: ScaleMesh;
  /** Path of the simulated proxies. */
  readonly program: string;
  readonly proxies: number;
  readonly start: StartServer;
  /** So many endpoints change, one after the other. */
  readonly changes: number;
  /** No two cases on one mesh may have the same. */
  readonly serial: number;
  readonly signal: AbortSignal;
}

const perSecond = 10;
/** Milliseconds from the beginning of what disturbs to the first change. */
const warmUp = 1_000;
/**
 * Megabytes: with 50 proxies of 200 services the server alone needs 210, and what it may hold for all others together,
 * 64 MB that nobody reads and 32 MB of responses that are kept, fits into the rest nearly twice.
 */
const memoryBound = 400;

export async function measureBeside(
  { name, offered, tls = false, start: disturb }: Disturbance,
  { mesh, program, proxies, start, changes, serial, signal }: BesideSetting,
): Promise<readonly Measurement[]> {
  await mesh.forgetControlPlane();
  const server = await start(mesh.api);
  const fleet = new Fleet(program);
  let disturbance: RunningDisturbance | undefined;
  try {
    await fleet.connect(await resolveTarget(server, { mesh, proxies, tls }));
    await fleet.quiet();
    await resetPeak(server.pid);
    disturbance = await disturb({ mesh, server, signal });
    await sleep(warmUp, undefined, { signal });
    const acts = await disturbance.count?.();
    const before = await readCost(server.pid);
    const started = performance.now();
    const setting = { mesh, fleet, serverPid: server.pid, serial, signal };
    const { p50, p99, max, wrong } = await makeChurn(setting, { count: changes, perSecond });
    const seconds = (performance.now() - started) / 1000;
    const after = await readCost(server.pid);
    const done = acts === undefined ? 0 : ((await disturbance.count?.()) ?? 0) - acts;
    const alone = (await disturbance.finish?.()) ?? [];
    const { peak } = await readCost(server.pid);
    const { broken } = await fleet.traffic();
    const rate: Measurement = { figure: 'reached in a second', unit: 'count', samples: [done / seconds] };
    const tried: Measurement = { figure: 'offered in a second', unit: 'count', samples: [offered ?? 0] };
    const figures: readonly Measurement[] = [
      { figure: 'a change, median', unit: 'ms', samples: [p50] },
      { figure: 'a change, 99 of 100', unit: 'ms', samples: [p99] },
      { figure: 'a change, at most', unit: 'ms', samples: [max] },
      { figure: 'changes missed', unit: 'count', samples: [wrong], atMost: 0 },
      { figure: 'streams of proxies ended', unit: 'count', samples: [sum(Object.values(broken))], atMost: 0 },
      { figure: 'processor in a second', unit: 'ms', samples: [(after.processor - before.processor) / seconds] },
      { figure: 'memory, peak', unit: 'MB', samples: [peak / 2 ** 20], atMost: memoryBound },
      ...(offered === undefined ? [] : [tried]),
      ...(done > 0 ? [rate] : []),
      ...alone,
    ];
    return figures.map((measurement) => ({ ...measurement, figure: `${name}: ${measurement.figure}` }));
  } finally {
    await disturbance?.stop();
    await fleet.stop();
    await server.stop();
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
