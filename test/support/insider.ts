/** A script of ours that runs inside a network namespace and takes commands. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadCounts, LoadFailure, LoadSettings, LoadTarget } from './inside/load.ts';
import type { PodAnswer, PodsCommand } from './inside/pods.ts';
import type { StreamEvent } from './inside/stream.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

interface Reply {
  readonly serial?: number;
  readonly result?: unknown;
  /** Said without being asked. */
  readonly event?: unknown;
}

class Insider<Command extends { readonly serial: number }, Event> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #serial = 0;

  /** `within` is a command that runs what follows it inside. */
  constructor(
    script: string,
    within: readonly string[],
    onEvent: (event: Event) => void,
    args: readonly string[] = [],
  ) {
    const [program = '', ...before] = within;
    const file = fileURLToPath(new URL(`inside/${script}.ts`, import.meta.url));
    this.#child = spawn(program, [...before, process.execPath, file, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ serial, result, event }: Reply) => {
      if (event !== undefined) onEvent(event as Event);
      if (serial === undefined) return;
      this.#waiting.get(serial)?.resolve(result);
      this.#waiting.delete(serial);
    });
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the ${script} ended with code ${code}`));
    });
  }

  /** Resolves when the command is done. */
  command(command: Without<Command, 'serial'>): Promise<unknown> {
    this.#serial += 1;
    const serial = this.#serial;
    return new Promise((resolve, reject) => {
      this.#waiting.set(serial, { resolve, reject });
      this.#child.send({ serial, ...command }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Applications of pods, on addresses that the namespace has. */
export class PodApplications {
  readonly #insider: Insider<PodsCommand, never>;

  /** Beside the applications may be a name server, which never answers. */
  constructor(within: readonly string[], ...beside: readonly 'name server'[]) {
    this.#insider = new Insider('pods', within, () => undefined, beside);
  }

  async open(app: string, address: string, port: number): Promise<void> {
    await this.#insider.command({ action: 'open', app, address, port });
  }

  /** Ends the application as the kubelet does at the end of the grace period: at once, with its connections. */
  async kill(address: string, port: number): Promise<void> {
    await this.#insider.command({ action: 'kill', app: '', address, port });
  }

  stop(): Promise<void> {
    return this.#insider.stop();
  }
}

/** Requests from inside a namespace. */
export class Load {
  readonly failures: LoadFailure[] = [];
  readonly #insider: Insider<LoadCommand, LoadFailure>;

  constructor(within: readonly string[], { kept, drainMs }: LoadSettings) {
    const note = (failure: LoadFailure) => void this.failures.push(failure);
    this.#insider = new Insider('load', within, note, [String(kept), String(drainMs)]);
  }

  async start(intervalMs: number): Promise<void> {
    await this.#insider.command({ action: 'start', intervalMs });
  }

  async aim(target: LoadTarget): Promise<void> {
    await this.#insider.command({ action: 'aim', target });
  }

  /** Resolves when no request of the target is under way. */
  async leave(id: string): Promise<void> {
    await this.#insider.command({ action: 'leave', id });
  }

  async stop(): Promise<LoadCounts> {
    return (await this.#insider.command({ action: 'stop' })) as LoadCounts;
  }

  end(): Promise<void> {
    return this.#insider.stop();
  }
}

/** One connection from inside a namespace that is used until it is closed. */
export class Stream {
  readonly answers: PodAnswer[] = [];
  /** How the connection ended. */
  closed: string | undefined;
  readonly #insider: Insider<never, StreamEvent>;

  constructor(within: readonly string[], host: string, port: number, authority = host) {
    const note = (event: StreamEvent) => {
      if (event.kind === 'answer') this.answers.push(event.answer);
      else this.closed ??= event.how;
    };
    this.#insider = new Insider('stream', within, note, [host, String(port), authority]);
  }

  end(): Promise<void> {
    return this.#insider.stop();
  }
}
