/** Time as a dependency: everything that waits or stamps takes a Clock, so that tests own time. */
export interface Clock {
  /** Milliseconds since the Unix epoch (wall time; may jump). */
  now(): number;
  /** Milliseconds since an arbitrary start (never goes back). */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, however many; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Waits until the time is over or the signal aborts, whichever comes first. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch((reason: unknown) => {
    if (!signal.aborted) throw reason;
  });
}

/** Node's timers hold a signed 32-bit number of milliseconds, and one that is longer ends at once. */
const longestTimer = 0x7fff_ffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  // A third of what performance.now() takes, which hundreds of clients ask for several times each with every change.
  monotonic() {
    const time = process.hrtime();
    return time[0] * 1e3 + time[1] / 1e6;
  },
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const onDue = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      let timer: ReturnType<typeof setTimeout>;
      const wait = (rest: number) => {
        timer = rest > longestTimer ? setTimeout(wait, longestTimer, rest - longestTimer) : setTimeout(onDue, rest);
      };
      wait(ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
