/** Waiting times between attempts: doubling, bounded, and each shortened by a random part so that pods do not march in step. */
export class Backoff {
  readonly #first: number;
  readonly #limit: number;
  readonly #random: () => number;
  #attempts = 0;

  /** Milliseconds; `random` gives 0 up to 1. */
  constructor(first: number, limit: number, random: () => number) {
    this.#first = first;
    this.#limit = limit;
    this.#random = random;
  }

  /** Failures since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  next(): number {
    const full = Math.min(this.#limit, this.#first * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.round(full * (0.5 + 0.5 * this.#random()));
  }

  reset(): void {
    this.#attempts = 0;
  }
}
