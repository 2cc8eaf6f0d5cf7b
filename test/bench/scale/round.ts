/** One round: proxies connect to a server, the mesh changes under them, and they connect anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readCost, resetPeak } from '#test/support/processcost.ts';
import { encode } from '#wire/index.ts';
import { summarize } from '../measurement.ts';
import type { Figure, Round } from './figures.ts';
import {
  type EndpointChange,
  type ExpectedPart,
  type Fleet,
  type FleetTarget,
  markerAddress,
  wallClock,
} from './fleet.ts';
import type { ScaleMesh } from './mesh.ts';
import { hostOf, podAddress } from './objects.ts';

export interface Pace {
  /** Most changes of one kind, and milliseconds after which no more begin; at least two are made. */
  readonly changes: number;
  readonly changesWithin: number;
  /** Milliseconds without any change before memory is read. */
  readonly idle: number;
  /** Milliseconds of steady endpoint changes, 50 a second. */
  readonly churn: number;
}

export interface RoundSetting {
  readonly mesh: ScaleMesh;
  readonly fleet: Fleet;
  readonly target: FleetTarget;
  readonly serverPid: number;
  readonly pace: Pace;
  /** No two rounds on one mesh may have the same. */
  readonly serial: number;
  readonly signal: AbortSignal;
}

export interface RoundResult {
  readonly round: Round;
  /** Some of what proxies held otherwise than they did when they came anew. */
  readonly differences: readonly string[];
}

const churnPerSecond = 50;
const servicesInChurn = 200;
/** So many changes of one kind has a round at most; versions and markers of rounds do not overlap. */
const versionsPerRound = 5_000;
/** Markers of the steady changes do not overlap with those of single ones. */
const firstChurned = 1_000;
/** Above all numbers that resources hold otherwise. */
const firstVersion = 20_000;

const text = (value: string): Uint8Array => Buffer.from(value);
const cluster = (service: number, mesh: ScaleMesh): string => `outbound|80||${hostOf(service, mesh.size)}`;

export async function runRound(setting: RoundSetting): Promise<RoundResult> {
  const { fleet, pace, signal } = setting;
  const storm = await connect(setting);
  await sleep(pace.idle, undefined, { signal });
  const idle = await readCost(setting.serverPid);
  const changes = [
    await repeat(setting, 'an endpoint', moveEndpoint),
    await repeat(setting, 'a VirtualService', changeRoute),
    await repeat(setting, 'a DestinationRule', changeRule),
    await repeat(setting, 'a service comes and goes', addService),
  ];
  const churn = await makeChurn(setting, {
    count: Math.round((pace.churn * churnPerSecond) / 1000),
    perSecond: churnPerSecond,
  });
  await fleet.quiet();
  const { peak } = await readCost(setting.serverPid);
  await fleet.disconnect();
  // Who comes to the same configuration from nothing says whether the others were told everything.
  const again = await connect(setting);
  await fleet.quiet();
  const { different, examples } = await fleet.compare();
  await fleet.disconnect();
  const figures = Object.assign({}, ...changes) as Record<Figure, number>;
  const round: Round = {
    ...figures,
    'all connect': storm.last / 1000,
    'all connect: processor': storm.processor / 1000,
    'all connect: peak memory': megabytes(storm.peak),
    'all connect: sent to each': storm.sentToEach / 1000,
    'all connect: processor of the proxies': storm.processorOfProxies / 1000,
    'idle memory': megabytes(idle.rss),
    '50 endpoints a second: median': churn.p50,
    '50 endpoints a second: 99 of 100': churn.p99,
    '50 endpoints a second: processor of each': churn.processorOfEach,
    'all connect again': again.last / 1000,
    'all connect again: processor': again.processor / 1000,
    'peak memory': megabytes(Math.max(storm.peak, peak, again.peak)),
    missed: storm.missed + again.missed + churn.wrong + changes.reduce((sum, change) => sum + change.missed, 0),
    'other than anew': different,
  };
  return { round, differences: examples };
}

const megabytes = (bytes: number): number => bytes / 2 ** 20;

async function connect({ fleet, target, serverPid }: RoundSetting) {
  await resetPeak(serverPid);
  const before = await readCost(serverPid);
  const proxiesBefore = await readCost(fleet.pid);
  const { readyMs } = await fleet.connect(target);
  const after = await readCost(serverPid);
  const proxiesAfter = await readCost(fleet.pid);
  const { bytes } = await fleet.traffic();
  return {
    /** Milliseconds until the last proxy had everything. */
    last: Math.max(...readyMs),
    missed: readyMs.filter((ready) => ready < 0).length,
    processor: after.processor - before.processor,
    peak: after.peak,
    processorOfProxies: proxiesAfter.processor - proxiesBefore.processor,
    sentToEach: total(bytes) / target.proxies.length,
  };
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

interface Change {
  readonly parts: readonly ExpectedPart[];
  make(): Promise<void>;
  undo?(): Promise<void>;
}

type DescribeChange = (mesh: ScaleMesh, version: number) => Change;

const moveEndpoint: DescribeChange = (mesh, version) => {
  const service = mesh.size.services - 1;
  const address = markerAddress(version);
  return {
    parts: [{ kind: 'endpoints', name: cluster(service, mesh), contains: text(address) }],
    make: () => mesh.moveEndpoint(service, address),
  };
};

const changeRoute: DescribeChange = (mesh, version) => ({
  parts: [
    {
      kind: 'routes',
      contains: encode('envoy.config.route.v3.RouteAction', { timeout: { seconds: BigInt(firstVersion + version) } }),
    },
  ],
  make: () => mesh.changeRoute(0, firstVersion + version),
});

const changeRule: DescribeChange = (mesh, version) => ({
  parts: [
    {
      kind: 'clusters',
      name: cluster(0, mesh),
      contains: encode('envoy.config.cluster.v3.CircuitBreakers.Thresholds', {
        maxConnections: { value: firstVersion + version },
      }),
    },
  ],
  make: () => mesh.changeRule(0, firstVersion + version),
});

/** Each of a round is another service, so that nothing of an earlier one is mistaken for it. */
const addService: DescribeChange = (mesh, version) => {
  const service = mesh.size.services + (version % versionsPerRound);
  const name = cluster(service, mesh);
  return {
    parts: [
      { kind: 'clusters', name, contains: text('') },
      { kind: 'endpoints', name, contains: text(podAddress(service, 0)) },
      { kind: 'routes', contains: text(name) },
    ],
    make: () => mesh.addService(service),
    undo: () => mesh.removeService(service),
  };
};

/** Makes one change after the other, each once all proxies are quiet; medians over the changes. */
async function repeat<Name extends string>(setting: RoundSetting, name: Name, describeChange: DescribeChange) {
  const { mesh, fleet, serverPid, pace, serial, signal } = setting;
  const ended = performance.now() + pace.changesWithin;
  const before = await readCost(serverPid);
  const sentBefore = total((await fleet.traffic()).bytes);
  const proxies: number[] = [];
  const slowest: number[] = [];
  let missed = 0;
  let made = 0;
  for (; made < 2 || (made < pace.changes && performance.now() < ended); made += 1) {
    signal.throwIfAborted();
    const change = describeChange(mesh, serial * versionsPerRound + made);
    await fleet.expect(change.parts);
    const started = wallClock();
    await change.make();
    const arrivals = (await fleet.arrivals()).map((at) => at - started);
    const came = arrivals.filter((took) => took >= 0);
    missed += arrivals.length - came.length;
    proxies.push(...came);
    slowest.push(Math.max(...came));
    await fleet.quiet();
    if (change.undo === undefined) continue;
    await change.undo();
    await fleet.quiet();
  }
  const after = await readCost(serverPid);
  const sent = total((await fleet.traffic()).bytes) - sentBefore;
  return {
    [name]: summarize(proxies).median,
    [`${name}: last proxy`]: summarize(slowest).median,
    [`${name}: processor`]: (after.processor - before.processor) / made,
    [`${name}: sent to each`]: sent / made / setting.target.proxies.length / 1000,
    missed,
  } as const;
}

/** Changes endpoints of many services, one after the other, at a steady rate, whether the proxies keep up or not. */
export async function makeChurn(
  { mesh, fleet, serverPid, serial, signal }: Omit<RoundSetting, 'target' | 'pace'>,
  { count, perSecond }: { readonly count: number; readonly perSecond: number },
) {
  const services = Math.min(servicesInChurn, mesh.size.services);
  await fleet.track(Array.from({ length: services }, (_, service) => cluster(service, mesh)));
  const before = await readCost(serverPid);
  const changes: EndpointChange[] = [];
  const writes: Promise<void>[] = [];
  const started = wallClock();
  for (let made = 0; made < count; made += 1) {
    const ahead = started + (made * 1000) / perSecond - wallClock();
    if (ahead > 0) await sleep(ahead, undefined, { signal });
    const service = made % services;
    const marker = firstChurned + serial * versionsPerRound + made;
    changes.push({ service, marker, at: wallClock() });
    writes.push(mesh.moveEndpoint(service, markerAddress(marker)));
  }
  await Promise.all(writes);
  const { wrong, ...took } = await fleet.converged(changes);
  const after = await readCost(serverPid);
  return { ...took, wrong, processorOfEach: (after.processor - before.processor) / count };
}
