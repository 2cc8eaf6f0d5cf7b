/**
 * Runs inside a network namespace: requests at a constant pace to targets that come and go while it runs. Every second
 * request of a target uses a connection of its own, the others share a pool of kept ones. Whatever is not the expected
 * answer is told to the parent at once.
 */
import { Agent, get, type IncomingMessage } from 'node:http';
import { get as getSecurely, Agent as TlsAgent } from 'node:https';
import { text } from 'node:stream/consumers';
import type { PodAnswer } from './pods.ts';

export interface LoadTarget {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Applications that may answer. */
  readonly apps: readonly string[];
  /** Over TLS, to a server that proves this name to these roots (PEM). */
  readonly tls?: { readonly servername: string; readonly ca: string };
  /** Never on a kept connection: behind a raw TCP proxy nobody says that one is about to be closed. */
  readonly fresh?: boolean;
}

export type LoadCommand =
  | { readonly serial: number; readonly action: 'start'; readonly intervalMs: number }
  | { readonly serial: number; readonly action: 'aim'; readonly target: LoadTarget }
  /** Answered when no request of the target is under way. */
  | { readonly serial: number; readonly action: 'leave'; readonly id: string }
  | { readonly serial: number; readonly action: 'stop' };

export interface LoadFailure {
  readonly target: string;
  /** Since the start. */
  readonly atMs: number;
  readonly what: string;
}

/** How often each target was asked. */
export type LoadCounts = Readonly<Record<string, number>>;

interface Running {
  readonly target: LoadTarget;
  readonly agent: Agent;
  readonly pending: Set<Promise<void>>;
  asked: number;
}

/** A request that takes longer hangs. */
const DEADLINE_MS = 10_000;
/** Requests under way to one target at which its pace waits: a machine that stalls must not drown in what piled up. */
const MOST_PENDING = 16;
/** What the pods wait before they answer, in turn. */
const DELAYS_MS = [0, 0, 5, 20];

const targets = new Map<string, Running>();
const counts: Record<string, number> = {};
let startedAt = performance.now();
let timer: NodeJS.Timeout | undefined;

/** A connection that was closed while it was taken up again says nothing: its request goes on a new one, as HTTP has it. */
class Reset extends Error {}

async function ask(target: LoadTarget, agent: Agent | false, delay: number): Promise<void> {
  await askOnce(target, agent, delay).catch((error: Error) => {
    if (!(error instanceof Reset)) throw error;
    return askOnce(target, false, delay);
  });
}

async function askOnce(target: LoadTarget, agent: Agent | false, delay: number): Promise<void> {
  const { host, port, headers, apps, tls } = target;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const path = `/?delay=${delay}`;
    const read = (response: IncomingMessage) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    };
    const options = { host, port, path, headers, agent, signal };
    const request = tls === undefined ? get(options, read) : getSecurely({ ...options, ...tls }, read);
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(request.reusedSocket && error.code === 'ECONNRESET' ? new Reset() : error),
    );
  });
  if (status !== 200) throw new Error(`${status} ${body.slice(0, 200)}`);
  const { app, pod } = JSON.parse(body) as PodAnswer;
  if (!apps.includes(app)) throw new Error(`answered by ${pod} of ${app}`);
}

function tick(): void {
  for (const running of targets.values()) {
    const { target, agent, pending } = running;
    if (pending.size >= MOST_PENDING) continue;
    running.asked += 1;
    counts[target.id] = (counts[target.id] ?? 0) + 1;
    const delay = DELAYS_MS[running.asked % DELAYS_MS.length] ?? 0;
    const atMs = Math.round(performance.now() - startedAt);
    const request = ask(target, target.fresh !== true && running.asked % 2 === 0 ? agent : false, delay)
      .catch((error: Error) => {
        const failure: LoadFailure = { target: target.id, atMs, what: error.message };
        process.send?.({ event: failure });
      })
      .finally(() => pending.delete(request));
    pending.add(request);
  }
}

async function leave(id: string): Promise<void> {
  const running = targets.get(id);
  targets.delete(id);
  await Promise.all(running?.pending ?? []);
  running?.agent.destroy();
}

async function obey(command: LoadCommand): Promise<LoadCounts | undefined> {
  switch (command.action) {
    case 'start':
      startedAt = performance.now();
      timer = setInterval(tick, command.intervalMs);
      return undefined;
    case 'aim':
      targets.set(command.target.id, {
        target: command.target,
        agent: new (command.target.tls === undefined ? Agent : TlsAgent)({ keepAlive: true, maxSockets: 4 }),
        pending: new Set(),
        asked: 0,
      });
      return undefined;
    case 'leave':
      await leave(command.id);
      return undefined;
    case 'stop':
      clearInterval(timer);
      await Promise.all([...targets.keys()].map(leave));
      return counts;
  }
}

process.on('message', (command: LoadCommand) => {
  void obey(command).then((result) => process.send?.({ serial: command.serial, result }));
});
process.on('disconnect', () => process.exit());
