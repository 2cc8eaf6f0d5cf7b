import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { LateenError, systemClock } from '#runtime/core/index.ts';
import type { Mesh } from './mesh.ts';
import { untilSettled } from './pods.ts';

/**
 * What the load asks for, in turn: always through the ingress gateway to productpage, which asks one more service and
 * hands on its status. So every request passes four Envoys, two of them from pod to pod.
 */
export const loadPaths = {
  details: '/api/v1/products/0',
  reviews: '/api/v1/products/0/reviews',
  ratings: '/api/v1/products/0/ratings',
} as const;
export type LoadTarget = keyof typeof loadPaths;

export interface LoadOutcome {
  readonly requests: number;
  /** `TARGET at N ms: what went wrong`, in order. */
  readonly failures: readonly string[];
}

export interface GatewayAnswer {
  readonly status: number;
  readonly body: string;
}

const targets = Object.keys(loadPaths) as LoadTarget[];
const intervalMs = 80;
/** Unanswered requests at which the pace waits: a machine that stalls must not drown in what piled up. */
const maximumPending = 8;
const deadlineMs = 20_000;
/** Requests that must have gone well before a fault, and those that follow it. */
const leadRequests = 15;
const tailRequests = 30;

/**
 * Runs `fault` while requests are sent at a constant pace, each on a connection of its own, and tells which failed.
 * Starts when no pod is being replaced and everything answers, and ends some requests after the fault.
 */
export async function underLoad(mesh: Mesh, fault: () => Promise<void>): Promise<LoadOutcome> {
  await untilSettled(mesh);
  await untilAllAnswer(mesh);
  const stop = new AbortController();
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  const startedAt = performance.now();
  let requests = 0;
  let answered = 0;
  const send = async (target: LoadTarget) => {
    const at = Math.round(performance.now() - startedAt);
    const { status, body } = await askGateway(mesh, loadPaths[target]);
    answered += 1;
    if (status !== 200) failures.push(`${target} at ${at} ms: ${status} ${body.slice(0, 150)}`);
  };
  const sending = (async () => {
    while (!stop.signal.aborted) {
      if (pending.size >= maximumPending) {
        await Promise.race(pending);
        continue;
      }
      const request = send(targets[requests % targets.length] ?? 'details');
      requests += 1;
      pending.add(request);
      void request.finally(() => pending.delete(request));
      await systemClock.sleep(intervalMs);
    }
  })();
  const untilAnswered = async (count: number) => {
    while (answered < count) await systemClock.sleep(intervalMs);
  };
  try {
    await untilAnswered(leadRequests);
    await fault();
    await untilAnswered(answered + tailRequests);
  } finally {
    stop.abort();
    await sending;
    await Promise.all(pending);
  }
  return { requests, failures };
}

/** Waits until each target has answered several times in a row. */
export async function untilAllAnswer(mesh: Mesh, names: readonly LoadTarget[] = targets, seconds = 60): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  let row = 0;
  let last = '';
  while (row < 4) {
    row += 1;
    for (const name of names) {
      const { status, body } = await askGateway(mesh, loadPaths[name]);
      if (status === 200) continue;
      row = 0;
      last = `${name}: ${status} ${body.slice(0, 200)}`;
    }
    if (row === 0) await systemClock.sleep(100);
    if (performance.now() > deadline) throw new LateenError('deadline', `no traffic within ${seconds} s, last ${last}`);
  }
}

/** One request through the ingress gateway on a new connection; a connection's failure is status 0. */
export async function askGateway(
  mesh: Mesh,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<GatewayAnswer> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const request = get({ host: mesh.gateway, port: 80, path, headers, agent: false, signal });
    const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await text(response) };
  } catch (error) {
    return { status: 0, body: error instanceof Error ? error.message : String(error) };
  }
}
