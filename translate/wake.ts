import { type Clock, pause } from '#runtime/core/index.ts';

/** Given as the reason, because one that the platform makes up takes a stack trace each time. */
const WOKEN = 'woken';

/** A flag that something is due, now or soon, and a way to sleep until it is raised. Raising it twice is the same as once. */
export class Wake {
  readonly #clock: Clock;
  #due = false;
  /** When the flag goes up by itself, on the monotonic clock. */
  #dueAt = Number.POSITIVE_INFINITY;
  #interrupt: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  up(): void {
    this.#due = true;
    this.#interrupt?.abort(WOKEN);
  }

  /** Raises the flag in so many milliseconds, unless it is raised before. */
  upWithin(ms: number): void {
    const at = this.#clock.monotonic() + ms;
    if (this.#due || at >= this.#dueAt) return;
    this.#dueAt = at;
    // Who sleeps has to sleep less.
    this.#interrupt?.abort(WOKEN);
  }

  /** Lowers the flag; says whether it was up. */
  take(): boolean {
    const due = this.#due || this.#clock.monotonic() >= this.#dueAt;
    if (due) this.#dueAt = Number.POSITIVE_INFINITY;
    this.#due = false;
    return due;
  }

  /** Resolves when the flag is up, the time is over or the signal aborts, whichever comes first. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const end = this.#clock.monotonic() + ms;
    while (!this.#due && !signal.aborted) {
      const left = Math.min(end, this.#dueAt) - this.#clock.monotonic();
      if (left <= 0) return;
      const interrupt = new AbortController();
      this.#interrupt = interrupt;
      const either = AbortSignal.any([interrupt.signal, signal]);
      await pause(this.#clock, left, either);
      this.#interrupt = undefined;
    }
  }
}
