import type { Clock } from './clock.ts';

/** Calls `run` within `ms` after a call, and at most once in that time; not after the signal aborts. */
export function createCoalescer(clock: Clock, signal: AbortSignal, ms: number, run: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled || signal.aborted) return;
    scheduled = true;
    // Without the signal, which every call would have to listen to and let go again: the wait is short.
    void clock.sleep(ms).then(() => {
      scheduled = false;
      if (!signal.aborted) run();
    });
  };
}
