import type { Clock } from '#runtime/core/index.ts';

/** Given as the reason, because one that the platform makes up takes a stack trace each time. */
const WOKEN = 'woken';

/** A flag that something is due, and a way to sleep until it is raised. Raising it twice is the same as once. */
export class Wake {
  #due = false;
  #interrupt: AbortController | undefined;

  up(): void {
    this.#due = true;
    this.#interrupt?.abort(WOKEN);
  }

  /** Lowers the flag; says whether it was up. */
  take(): boolean {
    const due = this.#due;
    this.#due = false;
    return due;
  }

  /** Resolves when the flag is up, the time is over or the signal aborts, whichever comes first. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#due || signal.aborted) return;
    const interrupt = new AbortController();
    this.#interrupt = interrupt;
    const either = AbortSignal.any([interrupt.signal, signal]);
    await clock.sleep(ms, either).catch((reason: unknown) => {
      if (!either.aborted) throw reason;
    });
    this.#interrupt = undefined;
  }
}
