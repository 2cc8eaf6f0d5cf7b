import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** Between two looks at the event loop, in milliseconds. prom-client wants 10: a third of what an idle process costs. */
const RESOLUTION_MS = 100;
/** For prom-client's own look, of which only what is measured when metrics are read is kept. */
const HARDLY_EVER_MS = 3_600_000;

const distribution = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
const nameOf = (part: (typeof distribution)[number]): string => `nodejs_eventloop_lag_${part}_seconds`;

/**
 * Node's own metrics, under the names of prom-client. How long the event loop let a timer wait is said without the time
 * that the timer was set to; each reading tells what was since the one before.
 */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: HARDLY_EVER_MS });
  for (const part of distribution) registry.removeSingleMetric(nameOf(part));
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const gauge = (part: (typeof distribution)[number], help: string, collect?: () => void) =>
    new Gauge({ name: nameOf(part), help, registers: [registry], ...(collect === undefined ? {} : { collect }) });
  // Registered first, so it is asked before the others are read.
  const mean: Gauge = gauge('mean', 'Mean wait of the event loop since the last reading.', () => {
    mean.set(resolveLag(delay.mean));
    p50.set(resolveLag(delay.percentile(50)));
    p90.set(resolveLag(delay.percentile(90)));
    p99.set(resolveLag(delay.percentile(99)));
    max.set(resolveLag(delay.max));
    delay.reset();
  });
  const p50 = gauge('p50', 'Half of the waits of the event loop since the last reading are shorter.');
  const p90 = gauge('p90', '90 of 100 waits of the event loop since the last reading are shorter.');
  const p99 = gauge('p99', '99 of 100 waits of the event loop since the last reading are shorter.');
  const max = gauge('max', 'Longest wait of the event loop since the last reading.');
}

/** From nanoseconds between two looks to seconds beyond the resolution; none when nothing was seen. */
function resolveLag(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3) : 0;
}
