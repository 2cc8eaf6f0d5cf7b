import type { Clock } from '#runtime/index.ts';

const firstMs = 2000;
const factor = 3;
const longestMs = 300_000;
/** After so long in peace, what is taken away is put back at once again. */
const forgottenAfterMs = 2 * longestMs;

interface Repairs {
  readonly waitMs: number;
  readonly at: number;
}

/**
 * How long to wait before what another writer took away is put back: not at all the first time, then longer each time, so
 * that two who are at odds over a resource write it now and then. The steps are those of Argo CD's self-healing.
 */
export class RepairPace {
  readonly #repairs = new Map<string, Repairs>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In milliseconds. */
  next(key: string): number {
    const now = this.#clock.monotonic();
    const before = this.#repairs.get(key);
    const waitMs = before === undefined || now - before.at > forgottenAfterMs ? 0 : before.waitMs;
    const following = waitMs === 0 ? firstMs : Math.min(waitMs * factor, longestMs);
    this.#repairs.set(key, { waitMs: following, at: now + waitMs });
    return waitMs;
  }

  delete(key: string): void {
    this.#repairs.delete(key);
  }
}
