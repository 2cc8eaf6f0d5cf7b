/** Work queues as metrics, under the names that Istio's dashboards know. */
import type { Metrics } from './metrics.ts';
import type { QueueHooks } from './queue.ts';

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Declares the metrics once; the returned function gives the hooks of one queue. */
export function declareQueueMetrics(metrics: Metrics): (queue: string) => QueueHooks {
  const labels = ['queueID'] as const;
  const depth = metrics.gauge({ name: 'pilot_worker_queue_depth', help: 'Keys that wait in a work queue.', labels });
  const latency = metrics.histogram({
    name: 'pilot_worker_queue_latency',
    help: 'Seconds that a key waited before it was worked on.',
    labels,
    buckets: SECONDS,
  });
  const duration = metrics.histogram({
    name: 'pilot_worker_queue_duration',
    help: 'Seconds that a reconciliation took.',
    labels,
    buckets: SECONDS,
  });
  const failures = metrics.counter({
    name: 'controller_sync_errors_total',
    help: 'Reconciliations that failed.',
    labels,
  });
  return (queueID) => {
    const queue = { queueID };
    const waited = latency.bind(queue);
    const took = duration.bind(queue);
    return {
      depth: (waiting) => depth.set(queue, waiting),
      started: (_key, waitedMs) => waited.observe(waitedMs / 1000),
      finished: (_key, tookMs, outcome) => {
        took.observe(tookMs / 1000);
        if (outcome === 'retried' || outcome === 'terminal') failures.increment(queue);
      },
    };
  };
}
