/**
 * Loaded into the server that is measured, before the server itself (`node --import`): watches its event loop and its
 * collector from the inside and answers its parent. Each answer begins a new stretch of time.
 */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** Milliseconds between two looks at the event loop; a look that is late by so many says that nothing else ran. */
export const resolution = 10;

export interface Observation {
  /** Milliseconds that timers were late, `resolution` left out. */
  readonly delay: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Longest stop for the collector, in milliseconds. */
  readonly longestCollection: number;
  /** Milliseconds of processor time, all threads. */
  readonly processor: number;
}

if (process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution });
  let longestCollection = 0;
  let before = process.cpuUsage();
  const collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestCollection = Math.max(longestCollection, duration);
  });
  delay.enable();
  collections.observe({ entryTypes: ['gc'] });
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution);
  process.on('message', () => {
    const { user, system } = process.cpuUsage(before);
    const observation: Observation = {
      delay: { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) },
      longestCollection,
      processor: (user + system) / 1000,
    };
    process.send?.(observation);
    delay.reset();
    longestCollection = 0;
    before = process.cpuUsage();
  });
  // The server decides how long it lives.
  process.channel?.unref();
}
