/** Envoy as a child process: started, started again when it dies, drained and stopped at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, type Component, LateenError, pause } from '#runtime/core/index.ts';
import { Backoff } from '../backoff.ts';
import type { Logger } from '../log.ts';

export interface SupervisorOptions {
  readonly binaryPath: string;
  readonly args: readonly string[];
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly onStart: () => void;
  /** Called before Envoy is asked to stop; resolves when it may be. The signal ends it early. */
  readonly drain: (signal: AbortSignal) => Promise<void>;
  /** Aborts what is left of the draining. */
  readonly hurry: AbortSignal;
}

/** An Envoy that ran this long was healthy: its end is a new event, not the next of a row. Milliseconds. */
const healthyAfter = 60_000;
/** After so many early ends in a row the agent gives up, so that the platform shows the pod as failing. */
const maximumEarlyEnds = 8;
/** Between SIGTERM and SIGKILL. Milliseconds. */
const killAfter = 5_000;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class EnvoySupervisor implements Component {
  readonly name = 'Envoy';
  readonly #options: SupervisorOptions;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#options;
    const backoff = new Backoff(100, 10_000, random);
    while (!signal.aborted) {
      const started = clock.monotonic();
      const child = this.#start();
      const ended = waitForEnd(child);
      const outcome = await Promise.race([ended, waitForAbort(signal)]);
      if (outcome === 'aborted') {
        await this.#stop(child, ended);
        return;
      }
      if (clock.monotonic() - started >= healthyAfter) backoff.reset();
      const retryInMs = backoff.next();
      log.error('Envoy ended unexpectedly', {
        code: outcome.code ?? undefined,
        signal: outcome.signal ?? undefined,
        restartInMs: retryInMs,
      });
      if (backoff.attempts >= maximumEarlyEnds) {
        throw new LateenError('internal', `Envoy ended ${maximumEarlyEnds} times soon after its start`);
      }
      await pause(clock, retryInMs, signal);
    }
  }

  #start(): ChildProcess {
    const { binaryPath, args, log, onStart } = this.#options;
    const child = spawn(binaryPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    log.info('Envoy started', { pid: child.pid, binary: binaryPath });
    onStart();
    return child;
  }

  async #stop(child: ChildProcess, ended: Promise<Ending>): Promise<void> {
    const { drain, hurry, log } = this.#options;
    const gone = new AbortController();
    const either = AbortSignal.any([hurry, gone.signal]);
    const draining = drain(either).catch((error: unknown) => {
      if (!either.aborted) log.warn('draining failed', { error: LateenError.from(error).message });
    });
    await Promise.race([draining, ended.then(() => gone.abort())]);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfter);
    const ending = await ended;
    clearTimeout(timer);
    log.info('Envoy stopped', { code: ending.code ?? undefined, signal: ending.signal ?? undefined });
  }
}

/** Rejects when the program cannot be started at all. */
function waitForEnd(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      if (child.pid === undefined)
        reject(new LateenError('internal', `cannot start Envoy: ${error.message}`, { cause: error }));
    });
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}

function waitForAbort(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
}
