/** One timer for everything that may fall due on a stream: it rings at the earliest moment that it was set to. */
import type { Clock } from '#runtime/index.ts';

/** Given as the reason, because one that the platform makes up takes a stack trace each time. */
const REPLACED = 'replaced';

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #timer: AbortController | undefined;

  /** `ring` finds out what is due and sets the alarm again; it may be called before anything is. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** `at`: on the monotonic clock. A moment later than the one that it is set to already changes nothing. */
  set(at: number): void {
    if (at >= this.#at) return;
    this.#timer?.abort(REPLACED);
    const timer = new AbortController();
    this.#timer = timer;
    this.#at = at;
    this.#clock.sleep(Math.max(0, at - this.#clock.monotonic()), timer.signal).then(
      () => {
        if (this.#timer !== timer) return;
        this.#timer = undefined;
        this.#at = Number.POSITIVE_INFINITY;
        this.#ring();
      },
      // Replaced by an earlier one, or cancelled.
      () => undefined,
    );
  }

  cancel(): void {
    this.#timer?.abort(REPLACED);
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
