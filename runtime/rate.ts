/** How fast things may happen: a token bucket for the whole, exponential back-off for the one that fails. */
import type { Clock } from './core/index.ts';

export interface RateLimit {
  readonly perSecond: number;
  /** How many may happen at once after a quiet time. */
  readonly burst: number;
}

export interface TokenBucket {
  /** Resolves when one more may happen; rejects with the signal's reason when it aborts first. */
  take(signal?: AbortSignal): Promise<void>;
}

export function createTokenBucket(limit: RateLimit, clock: Clock): TokenBucket {
  let tokens = limit.burst;
  let filledAt = clock.monotonic();
  return {
    async take(signal) {
      const now = clock.monotonic();
      tokens = Math.min(limit.burst, tokens + ((now - filledAt) / 1000) * limit.perSecond);
      filledAt = now;
      tokens -= 1;
      // The balance may go below zero: those who wait are served in the order in which they came.
      if (tokens < 0) await clock.sleep((-tokens / limit.perSecond) * 1000, signal);
    },
  };
}

export interface Backoff {
  /** Delay after the first failure. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Delay before the next attempt after so many failures in a row (1 or more): doubled each time up to the maximum, then
 * shortened by up to half, so that those who failed together do not come back together. `random` is in [0, 1).
 */
export function backoffDelay(backoff: Backoff, failures: number, random: () => number): number {
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - random() / 2);
}
