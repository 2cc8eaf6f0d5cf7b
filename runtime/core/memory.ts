/** Gives back what bursts of work leave in the heap. */
import type { Clock } from './clock.ts';
import type { Component } from './component.ts';

/** Milliseconds without a further request, so that one collection serves everything that happens together. */
const settleTime = 3000;

export interface TidierOptions {
  /** Of a heap in use: collecting a larger one would stop the process for too long. */
  readonly mostBytes?: number;
}

/**
 * V8 only collects when there is work, and a process that has become idle keeps what its last burst left. Needs Node's
 * `--expose-gc`, without which nothing happens.
 */
export class MemoryTidier implements Component {
  readonly name = 'memory tidier';
  readonly #clock: Clock;
  readonly #options: TidierOptions;
  #wake: () => void = () => undefined;
  #requested = 0;
  #served = 0;

  constructor(clock: Clock, options: TidierOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Asks for a collection once things have settled. */
  request(): void {
    this.#requested += 1;
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#requested > this.#served || signal.aborted) resolve();
      });
      while (this.#served < this.#requested && !signal.aborted) {
        this.#served = this.#requested;
        await this.#clock.sleep(settleTime, signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
      const { mostBytes = Number.POSITIVE_INFINITY } = this.#options;
      if (process.memoryUsage().heapUsed > mostBytes) continue;
      // Any other collection keeps the pages that it empties.
      await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    }
  }
}
