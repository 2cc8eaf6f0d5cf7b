/**
 * Captured DNS, in the agent and, for comparison, in Envoy's own filter (envoy.filters.udp.dns_filter): memory that names
 * cost a pod, and how long a name that the mesh knows takes.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildQuery } from '#agent/dns/testing/query.ts';
import { chooseLoopback } from '#agent/dns/testing/upstream.ts';
import { buildAgentBundle } from '#test/support/bundle.ts';
import { buildEchoListener } from '#test/support/echolistener.ts';
import { readMemory } from '#test/support/memory.ts';
import { addressOf, buildNameTables, hostnameOf } from '#test/support/nametable.ts';
import { type Any, fromJson, pack } from '#wire/index.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import { withAgent } from './running-agent.ts';

type Kind = 'none' | 'agent' | 'filter';

const sizes = [1000, 5000];
const dnsPort = 15_053;
const idleSeconds = 8;
const queries = 2000;

interface Sample {
  /** Megabytes. */
  readonly agent: number;
  readonly envoy: number;
  /** Milliseconds of one query after the other. */
  readonly latencies: readonly number[];
}

export const dns: Benchmark = {
  name: 'dns',
  describes: 'what captured DNS costs a pod, in the agent and in Envoy’s filter',
  async run(signal, setting) {
    const folder = await mkdtemp(join(tmpdir(), 'lateen-bench-dns-'));
    const program = (await buildAgentBundle(folder)).path;
    const cases: readonly (readonly [Kind, number])[] = [
      ['none', 0],
      ...sizes.flatMap((names) => [['agent', names] as const, ['filter', names] as const]),
    ];
    try {
      const measurements: Measurement[] = [];
      for (const [kind, names] of cases) {
        const samples: Sample[] = [];
        while (samples.length < (setting.repetitions ?? 2) && !signal.aborted) {
          setting.report(`${kind}, ${names} names`);
          samples.push(await measure(program, kind, names, signal));
        }
        measurements.push(...describe(`${kind} ${names}`, samples));
      }
      return measurements;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

function describe(figure: string, samples: readonly Sample[]): readonly Measurement[] {
  const latencies = samples.flatMap((sample) => sample.latencies);
  return [
    { figure: `${figure}: agent private`, unit: 'MB', samples: samples.map(({ agent }) => agent) },
    { figure: `${figure}: Envoy private`, unit: 'MB', samples: samples.map(({ envoy }) => envoy) },
    ...(latencies.length === 0 ? [] : [{ figure: `${figure}: one query`, unit: 'ms' as const, samples: latencies }]),
  ];
}

async function measure(program: string, kind: Kind, names: number, signal: AbortSignal): Promise<Sample> {
  const address = chooseLoopback();
  const echo = await buildEchoListener();
  const listeners = kind === 'filter' ? [echo, buildFilterListener(address, names)] : [echo];
  const resources = {
    'envoy.config.listener.v3.Listener': listeners,
    'istio.networking.nds.v1.NameTable': buildNameTables(names),
  };
  const captured = { ISTIO_META_DNS_CAPTURE: 'true', DNS_PROXY_ADDR: `${address}:${dnsPort}` };
  const env = kind === 'agent' ? captured : {};
  return withAgent({ program, resources, env }, async (agent) => {
    const latencies = kind === 'none' ? [] : await timeQueries(address, names);
    await sleep(idleSeconds * 1000, undefined, { signal });
    const [envoy = 0] = await agent.children();
    const own = await readMemory(agent.pid);
    const proxy = await readMemory(envoy);
    return { agent: own.private / 2 ** 20, envoy: proxy.private / 2 ** 20, latencies };
  });
}

async function timeQueries(address: string, names: number): Promise<readonly number[]> {
  const socket = createSocket('udp4');
  const latencies: number[] = [];
  try {
    for (let at = 0; at < queries; at += 1) {
      const started = performance.now();
      const answered = once(socket, 'message');
      socket.send(buildQuery(hostnameOf(at % names), 1, { id: at }), dnsPort, address);
      const [reply]: Buffer[] = await answered;
      latencies.push(performance.now() - started);
      if (reply?.readUInt16BE(6) !== 1) throw new Error(`no answer for ${hostnameOf(at % names)}`);
    }
  } finally {
    socket.close();
  }
  return latencies;
}

/** The same names in a listener of Envoy's. */
export function buildFilterListener(address: string, names: number): { readonly name: string; readonly resource: Any } {
  const virtualDomains = Array.from({ length: names }, (_, at) => ({
    name: hostnameOf(at),
    answerTtl: '30s',
    endpoint: { addressList: { address: [addressOf(at)] } },
  }));
  const listener = fromJson('envoy.config.listener.v3.Listener', {
    name: 'dns',
    address: { socketAddress: { protocol: 'UDP', address, portValue: dnsPort } },
    listenerFilters: [
      {
        name: 'envoy.filters.udp.dns_filter',
        typedConfig: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig',
          statPrefix: 'dns',
          clientConfig: { resolverTimeout: '5s', maxPendingLookups: 256 },
          serverConfig: { inlineDnsTable: { virtualDomains } },
        },
      },
    ],
  });
  return { name: 'dns', resource: pack('envoy.config.listener.v3.Listener', listener) };
}
