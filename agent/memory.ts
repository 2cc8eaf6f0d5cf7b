/** Gives back what bursts of work leave in the heap. */
import type { Clock, Component } from '#runtime/core/index.ts';

/** Milliseconds after the request, so that one collection serves everything that happens together. */
const settleTime = 3000;

/**
 * A sidecar is idle most of its life, and V8 only collects when there is work; waiting for that costs about 3 MB in every
 * pod. Needs Node's `--expose-gc`, without which nothing happens.
 */
export class MemoryTidier implements Component {
  readonly name = 'memory tidier';
  readonly #clock: Clock;
  #wake: () => void = () => undefined;
  #requested = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks for a collection once things have settled. */
  request(): void {
    this.#requested = true;
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#requested || signal.aborted) resolve();
      });
      await this.#clock.sleep(settleTime, signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      });
      this.#requested = false;
      await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    }
  }
}
