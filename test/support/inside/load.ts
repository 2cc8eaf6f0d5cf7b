/**
 * Runs inside a network namespace: requests at a constant pace to targets that come and go while it runs. Every second
 * request of a target uses a connection of its own, the others share a pool of kept ones. Whatever is not the expected
 * answer is told to the parent at once.
 */
import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http';
import { get as getSecurely, Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
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

/** The script's arguments. */
export interface LoadSettings {
  /** Most connections to a target that are kept. */
  readonly kept: number;
  /** How long a kept connection must have been idle for its end, unannounced, to be no failure: the proxies' drain time. */
  readonly drainMs: number;
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

export interface LoadCounts {
  /** How often each target was asked. */
  readonly asked: Readonly<Record<string, number>>;
  /** How many of all requests went again, on a new connection; see `Reset`. */
  readonly repeated: number;
}

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
const asked: Record<string, number> = {};
let repeated = 0;
const [kept = 0, drainMs = 0] = process.argv.slice(2).map(Number);
/** When a request was last sent on a kept connection. */
const usedAt = new WeakMap<Socket, number>();
let startedAt = performance.now();
let timer: NodeJS.Timeout | undefined;

/**
 * A kept connection was closed while it was taken up again. That is nobody's fault where its listener was replaced and it
 * has been idle ever since, until the end of the drain time: no answer could say that it would end. Then the request goes
 * again on a new connection, as HTTP has it. A connection that was used meanwhile had an answer that said so.
 */
class Reset extends Error {
  readonly idleMs: number;

  constructor(idleMs: number) {
    super(`reset on a kept connection that was used ${Math.round(idleMs)} ms before`);
    this.idleMs = idleMs;
  }
}

async function ask(target: LoadTarget, agent: Agent | false, delay: number): Promise<void> {
  await askOnce(target, agent, delay).catch((error: Error) => {
    if (!(error instanceof Reset) || error.idleMs < drainMs) throw error;
    repeated += 1;
    return askOnce(target, false, delay);
  });
}

/** Sees that an error of a connection that is taken up again is a `Reset`, if it may be one. */
function watchReuse(request: ClientRequest, reject: (error: Error) => void): void {
  let last: number | undefined;
  request.on('socket', (socket) => {
    last = usedAt.get(socket);
    usedAt.set(socket, performance.now());
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    const { reusedSocket } = request;
    if (reusedSocket && error.code === 'ECONNRESET' && last !== undefined) reject(new Reset(performance.now() - last));
    else reject(error);
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
    watchReuse(request, reject);
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
    asked[target.id] = (asked[target.id] ?? 0) + 1;
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
        agent: new (command.target.tls === undefined ? Agent : TlsAgent)({ keepAlive: true, maxSockets: kept }),
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
      return { asked, repeated };
  }
}

process.on('message', (command: LoadCommand) => {
  void obey(command).then((result) => process.send?.({ serial: command.serial, result }));
});
process.on('disconnect', () => process.exit());
