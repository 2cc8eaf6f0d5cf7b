/** Growing waits between attempts, spread so that many clients do not come back together. */
export interface Backoff {
  /** The next wait in milliseconds, never longer than `atMost`. */
  next(atMost?: number): number;
  /** Call after a success. */
  reset(): void;
}

export interface BackoffOptions {
  /** In [0, 1). */
  readonly random: () => number;
  /** Default 200. */
  readonly firstMs?: number;
  /** Default 30,000. */
  readonly longestMs?: number;
}

export function createBackoff(options: BackoffOptions): Backoff {
  const first = options.firstMs ?? 200;
  const longest = options.longestMs ?? 30_000;
  let attempts = 0;
  return {
    next(atMost = longest) {
      const full = Math.min(first * 2 ** Math.min(attempts, 20), longest, atMost);
      attempts += 1;
      return full / 2 + (full / 2) * options.random();
    },
    reset() {
      attempts = 0;
    },
  };
}
