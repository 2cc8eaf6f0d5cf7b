/** Clock reads that may be left out at most. */
const MOST_UNREAD = 63;
/** Clock reads are left out while all since the last one took less than this part of a slice. */
const LITTLE = 1 / 16;

/**
 * A stretch of time after which others get their turn. To ask whether it is over costs less than reading the clock: where
 * steps are short, twice as many as before go by until it is read again; where they are long it is read after each.
 */
export class TimeSlice {
  readonly #ms: number;
  readonly #monotonic: () => number;
  #readAt = 0;
  #end = 0;
  /** Questions to answer without the clock: how many there were between its last two reads, and how many are left. */
  #unread = 0;
  #left = 0;
  #over = false;

  /** `ms`: how long it is, on a clock that counts milliseconds. */
  constructor(ms: number, monotonic: () => number) {
    this.#ms = ms;
    this.#monotonic = monotonic;
    this.start();
  }

  start(): void {
    this.#readAt = this.#monotonic();
    this.#end = this.#readAt + this.#ms;
    this.#unread = 0;
    this.#left = 0;
    this.#over = false;
  }

  /** Asked after each step. */
  readonly isOver = (): boolean => {
    if (this.#left > 0) {
      this.#left -= 1;
      return this.#over;
    }
    const now = this.#monotonic();
    const isShort = now - this.#readAt < this.#ms * LITTLE;
    this.#unread = isShort ? Math.min(2 * this.#unread + 1, MOST_UNREAD) : 0;
    this.#left = this.#unread;
    this.#readAt = now;
    this.#over = now >= this.#end;
    return this.#over;
  };
}

/** Lets the event loop run what is due, after a slice. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
