import type { Clock } from './clock.ts';

/** Calls `run` within `ms` after a call, and at most once in that time; not after the signal aborts. */
export function createCoalescer(clock: Clock, signal: AbortSignal, ms: number, run: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled || signal.aborted) return;
    scheduled = true;
    clock.sleep(ms, signal).then(
      () => {
        scheduled = false;
        run();
      },
      () => undefined,
    );
  };
}
