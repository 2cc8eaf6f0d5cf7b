import type { Metrics } from '#runtime/index.ts';

/** What registration counts, under Istio's names. */
export interface RegistrationMetrics {
  registered(): void;
  updated(): void;
  unregistered(): void;
  deleted(): void;
  failed(): void;
}

/** Declares the metrics; once per registry. */
export function declareRegistrationMetrics(metrics: Metrics): RegistrationMetrics {
  const count = (name: string, help: string) => {
    const counter = metrics.counter({ name: `auto_registration_${name}_total`, help });
    return () => counter.increment({});
  };
  return {
    registered: count('success', 'WorkloadEntries made for workloads that connected.'),
    updated: count('updates', 'WorkloadEntries taken over because their workload connected here.'),
    unregistered: count('unregister', 'WorkloadEntries whose workload left.'),
    deleted: count('deletes', 'WorkloadEntries removed because their workload did not come back.'),
    failed: count('errors', 'Workloads refused, and writes about them that failed.'),
  };
}
