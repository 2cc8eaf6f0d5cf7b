/**
 * How soon after the API server's answer a changed VirtualService is in force on a real Envoy: the ingress gateway is asked
 * without a pause, over one connection, until it answers by the new version.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { runKubectl } from '#hack/cluster/index.ts';
import { sampleNamespace } from '#hack/demo/install.ts';
import type { Resource } from '#kube/index.ts';
import { LateenError, systemClock } from '#runtime/core/index.ts';
import type { Benchmark, Mesh } from './measurement.ts';

const host = 'route-change.example.com';
const patienceMilliseconds = 60_000;
/** Lets a change settle (status written, watches idle) before the next. */
const pauseMilliseconds = 100;

const virtualServices: Resource = {
  ...{ group: 'networking.istio.io', version: 'v1', plural: 'virtualservices', kind: 'VirtualService' },
  namespaced: true,
};

/** A kind of change: what the nth version of the routes is, and how an answer shows that it obeys. */
interface Change {
  readonly figure: string;
  routes(version: number): readonly object[];
  obeys(body: string, version: number): boolean;
}

const changes: readonly Change[] = [
  {
    figure: 'weights turned round',
    routes: (version) => {
      const shares = version % 2 === 0 ? [100, 0] : [0, 100];
      const route = shares.map((weight, index) => ({
        destination: { host: 'reviews', port: { number: 9080 }, subset: `v${index + 1}` },
        weight,
      }));
      return [{ route }];
    },
    obeys: (body, version) => body.includes(`"version":"v${(version % 2) + 1}"`),
  },
  {
    figure: 'to another subset',
    routes: (version) => {
      const subset = `v${(version % 2) + 1}`;
      return [{ route: [{ destination: { host: 'reviews', port: { number: 9080 }, subset } }] }];
    },
    obeys: (body, version) => body.includes(`"version":"v${(version % 2) + 1}"`),
  },
  {
    figure: 'direct response changed',
    routes: (version) => [{ directResponse: { status: 200, body: { string: `version ${version}` } } }],
    obeys: (body, version) => body === `version ${version}`,
  },
];

export const routeChange: Benchmark = {
  name: 'route-change',
  describes: "a changed VirtualService, from the API server's answer to the first request that obeys it",
  async run(signal, setting) {
    const mesh = await setting.sample();
    const address = await gatewayAddress(mesh);
    const measured: { figure: string; unit: 'ms'; samples: number[]; atMost: number }[] = [];
    try {
      for (const change of changes) {
        const samples = await measure(mesh, address, change, setting.repetitions ?? 30, signal);
        measured.push({ figure: change.figure, unit: 'ms', samples, atMost: 100 });
        setting.report(`${change.figure}: ${samples.length} changes`);
      }
    } finally {
      await mesh.client.delete(virtualServices, { namespace: sampleNamespace, name: 'route-change' });
    }
    return measured;
  },
};

async function measure(
  { client }: Mesh,
  address: string,
  change: Change,
  repetitions: number,
  signal: AbortSignal,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const apply = (version: number) =>
    client.apply(virtualServices, describeRoutes(change.routes(version)), {
      fieldManager: 'lateen-bench',
      force: true,
      signal,
    });
  const samples: number[] = [];
  try {
    await apply(0);
    await firstObeying(agent, address, (body) => change.obeys(body, 0), signal);
    for (let version = 1; version <= repetitions; version++) {
      await systemClock.sleep(pauseMilliseconds, signal);
      const obeyed = firstObeying(agent, address, (body) => change.obeys(body, version), signal);
      const [answered, inForce] = await Promise.all([apply(version).then(() => performance.now()), obeyed]);
      // The watch may be faster than the answer.
      samples.push(Math.max(0, inForce - answered));
    }
    return samples;
  } finally {
    agent.destroy();
  }
}

/** When the first answer came that obeys, on performance.now()'s clock. */
async function firstObeying(
  agent: Agent,
  address: string,
  obeys: (body: string) => boolean,
  signal: AbortSignal,
): Promise<number> {
  const deadline = performance.now() + patienceMilliseconds;
  for (;;) {
    signal.throwIfAborted();
    const body = await ask(agent, address);
    const now = performance.now();
    if (obeys(body)) return now;
    if (now > deadline) throw new LateenError('deadline', `the gateway still answers ${body.slice(0, 200)}`);
  }
}

function ask(agent: Agent, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const read = (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    };
    request({ agent, host: address, path: '/reviews/0', headers: { host } }, read).on('error', reject).end();
  });
}

function describeRoutes(http: readonly object[]) {
  return {
    metadata: { name: 'route-change', namespace: sampleNamespace },
    spec: { hosts: [host], gateways: ['bookinfo-gateway'], http },
  };
}

async function gatewayAddress({ layout }: Mesh): Promise<string> {
  const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  const address = await runKubectl(layout, [
    'get',
    'service',
    'istio-ingressgateway',
    '-n',
    'istio-system',
    '-o',
    path,
  ]);
  if (address === '') throw new LateenError('unavailable', 'the ingress gateway has no address');
  return address;
}
