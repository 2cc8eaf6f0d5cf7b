import { type Clock, pause } from '#runtime/core/index.ts';

/** A flag that something is due, now or soon, and a way to sleep until it is raised. Raising it twice is the same as once. */
export class Wake {
  readonly #clock: Clock;
  #due = false;
  /** When the flag goes up by itself, on the monotonic clock. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Lets whoever waits look again. */
  #stir: (() => void) | undefined;
  /** When the sleeps that are under way end. One that nobody needs any more is kept for the next who waits: to end it costs more. */
  readonly #ends = new Set<number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  up(): void {
    this.#due = true;
    this.#stir?.();
  }

  /** Raises the flag in so many milliseconds, unless it is raised before. */
  upWithin(ms: number): void {
    const at = this.#clock.monotonic() + ms;
    if (this.#due || at >= this.#dueAt) return;
    this.#dueAt = at;
    // Who sleeps has to sleep less.
    this.#stir?.();
  }

  /** Lowers the flag; says whether it was up. */
  take(): boolean {
    const due = this.#due || this.#clock.monotonic() >= this.#dueAt;
    if (due) this.#dueAt = Number.POSITIVE_INFINITY;
    this.#due = false;
    return due;
  }

  /** Resolves when the flag is up, the time is over or the signal, always the same one, aborts, whichever comes first. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const end = this.#clock.monotonic() + ms;
    while (!this.#due && !signal.aborted) {
      const until = Math.min(end, this.#dueAt);
      const left = until - this.#clock.monotonic();
      if (left <= 0) return;
      const stirred = new Promise<void>((resolve) => {
        this.#stir = resolve;
      });
      if (!this.#sleepsUntil(until)) void this.#sleep(until, left, signal);
      await stirred;
      this.#stir = undefined;
    }
  }

  /** Whether a sleep is under way that ends by then. */
  #sleepsUntil(until: number): boolean {
    for (const end of this.#ends) if (end <= until) return true;
    return false;
  }

  async #sleep(until: number, ms: number, signal: AbortSignal): Promise<void> {
    this.#ends.add(until);
    await pause(this.#clock, ms, signal);
    this.#ends.delete(until);
    this.#stir?.();
  }
}
