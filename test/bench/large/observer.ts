/**
 * Loaded into the server that is measured, before the server itself (`node --import`): watches its event loop and its
 * collector from the inside and answers its parent. Each answer begins a new stretch of time.
 */
import { existsSync, readFileSync } from 'node:fs';
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
  /** Milliseconds in which the main thread could have run, and others had all processors; NaN where Linux doesn't count them. */
  readonly waited: number;
}

/** From the scheduler's statistics of the main thread, which a kernel may do without. */
function readWaited(): number {
  const path = `/proc/self/task/${process.pid}/schedstat`;
  if (!existsSync(path)) return Number.NaN;
  const [, nanoseconds] = readFileSync(path, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

if (process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution });
  let longestCollection = 0;
  let before = process.cpuUsage();
  let waitedBefore = readWaited();
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
      waited: readWaited() - waitedBefore,
    };
    process.send?.(observation);
    delay.reset();
    longestCollection = 0;
    before = process.cpuUsage();
    waitedBefore = readWaited();
  });
  // The server decides how long it lives.
  process.channel?.unref();
}
