import { createWorkloadRegistration, createWorkloadSweep, declareRegistrationMetrics } from '#controllers/index.ts';
import type { KubeClient } from '#kube/index.ts';
import type { Clock, Component, Logger, Metrics } from '#runtime/index.ts';
import type { WorkloadReception } from '#xds/index.ts';
import type { Mesh } from './mesh.ts';
import type { DiscoverySettings } from './settings.ts';
import { createWorkloadReception } from './workload-reception.ts';
import { createWorkloadRecords } from './workload-records.ts';

export interface WorkloadsOptions {
  readonly settings: DiscoverySettings;
  readonly client: KubeClient;
  readonly mesh: Mesh;
  /** Settles once every source has delivered its first list. */
  readonly synced: Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Workloads {
  /** Where streams tell of workloads. */
  readonly reception: WorkloadReception;
  /** What every replica does for the workloads that are connected to it. */
  readonly components: readonly Component[];
  /** What one replica does for workloads whose replica is gone. */
  leaderWork(): readonly Component[];
}

/** Workloads outside of Kubernetes: who registers, how they are, and what is left of those that are gone. */
export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { settings, client, mesh, synced, clock } = options;
  const { namespace, podName, clusterId, workloadGracePeriod: graceMs } = settings;
  const logger = options.logger.child({ scope: 'workloads' });
  const metrics = declareRegistrationMetrics(options.metrics);
  const records = createWorkloadRecords({ ...mesh, clusterId, namespace, podName, synced });
  const common = { client, records, graceMs, metrics, clock, logger };
  const registration = createWorkloadRegistration({ ...common, controller: podName, random: options.random });
  const sweeps = { ...common, maxConnectionAgeMs: settings.xds.maxConnectionAge };
  return {
    reception: createWorkloadReception(registration),
    components: [
      registration,
      createWorkloadSweep({
        ...sweeps,
        // A container that was restarted has the name of the one before, and none of its streams.
        minds: (record) => record.controller === podName,
        isKept: (record) => registration.serves(`${record.namespace}/${record.name}`),
      }),
    ],
    leaderWork: () => [
      createWorkloadSweep({
        ...sweeps,
        minds: (record) => record.controller !== podName,
        // One that exists may have forgotten the stream.
        isKept: ({ controller = '' }) => (records.exists(controller) === false ? false : undefined),
      }),
    ],
  };
}
