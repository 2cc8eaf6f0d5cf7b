/** A script of ours that runs inside a network namespace and takes commands. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadCommand, LoadCounts, LoadFailure, LoadTarget } from './inside/load.ts';
import type { PodsCommand } from './inside/pods.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

interface Reply {
  readonly serial?: number;
  readonly result?: unknown;
  readonly failure?: LoadFailure;
}

class Insider<Command extends { readonly serial: number }> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #serial = 0;

  /** `within` is a command that runs what follows it inside. */
  constructor(script: string, within: readonly string[], onFailure: (failure: LoadFailure) => void) {
    const [program = '', ...before] = within;
    const file = fileURLToPath(new URL(`inside/${script}.ts`, import.meta.url));
    this.#child = spawn(program, [...before, process.execPath, file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ serial, result, failure }: Reply) => {
      if (failure !== undefined) onFailure(failure);
      if (serial === undefined) return;
      this.#waiting.get(serial)?.(result);
      this.#waiting.delete(serial);
    });
  }

  /** Resolves when the command is done. */
  command(command: Without<Command, 'serial'>): Promise<unknown> {
    this.#serial += 1;
    const serial = this.#serial;
    return new Promise((resolve, reject) => {
      this.#waiting.set(serial, resolve);
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
  readonly #insider: Insider<PodsCommand>;

  constructor(within: readonly string[]) {
    this.#insider = new Insider('pods', within, () => undefined);
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
  readonly #insider: Insider<LoadCommand>;

  constructor(within: readonly string[]) {
    this.#insider = new Insider('load', within, (failure) => this.failures.push(failure));
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
