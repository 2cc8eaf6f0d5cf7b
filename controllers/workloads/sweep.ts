/** Entries that nobody keeps any more: their replica is gone, or died before it could clean up. */
import type { KubeClient } from '#kube/index.ts';
import { type Clock, type Component, LateenError, type Logger, pause } from '#runtime/index.ts';
import { cleanUpEntry } from './cleanup.ts';
import type { RegistrationMetrics } from './metrics.ts';
import type { WorkloadEntryRecord, WorkloadRecords } from './records.ts';
import { createWorkloadEntryStore, isOvertaken, parseMarks } from './store.ts';

export interface WorkloadSweepOptions {
  readonly client: KubeClient;
  readonly records: WorkloadRecords;
  /** How long a workload may be away before its entry goes, in milliseconds. It is looked at each ten times that. */
  readonly graceMs: number;
  /** How long a stream lives at most before its client is asked to come again, in milliseconds. */
  readonly maxConnectionAgeMs: number;
  /** Entries that are this component's to look at. */
  readonly minds: (record: WorkloadEntryRecord) => boolean;
  /** Whether somebody keeps it still; undefined: nobody can tell. */
  readonly isKept: (record: WorkloadEntryRecord) => boolean | undefined;
  readonly metrics: RegistrationMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A workload whose replica is gone has this many looks to come to another one. */
const enoughLooks = 2;

export function createWorkloadSweep(options: WorkloadSweepOptions): Component {
  const { client, records, graceMs, minds, clock, logger } = options;
  const store = createWorkloadEntryStore(client);
  /** Entries that nobody keeps, with the time they were last connected and how often they were found so. */
  let orphans = new Map<string, { readonly connectedAt: number; readonly looks: number }>();

  function look(): readonly WorkloadEntryRecord[] {
    const found: typeof orphans = new Map();
    const stale: WorkloadEntryRecord[] = [];
    // Before everything is known nobody is known to be served.
    for (const record of records.synced() ? records.kept() : []) {
      if (!minds(record)) continue;
      const { connectedAt, disconnectedAt } = record;
      if (connectedAt === undefined) {
        if (disconnectedAt !== undefined && clock.now() - disconnectedAt >= graceMs) stale.push(record);
        continue;
      }
      if (!isOrphan(record, connectedAt)) continue;
      const key = `${record.namespace}/${record.name}`;
      const before = orphans.get(key);
      const looks = before?.connectedAt === connectedAt ? before.looks + 1 : 1;
      found.set(key, { connectedAt, looks });
      if (looks >= enoughLooks) stale.push(record);
    }
    orphans = found;
    return stale;
  }

  /** Where nobody can tell: every stream ends by its age and comes again, so one that should have ended long ago has. */
  function isOrphan(record: WorkloadEntryRecord, connectedAt: number): boolean {
    const isKept = options.isKept(record) ?? clock.now() - connectedAt <= 1.5 * options.maxConnectionAgeMs;
    return !isKept;
  }

  async function cleanUp(record: WorkloadEntryRecord, signal: AbortSignal): Promise<void> {
    const { namespace, name } = record;
    const live = await store.find(`${namespace}/${name}`, signal);
    const marks = parseMarks(live?.metadata.annotations);
    if (live === undefined || marks.controller !== record.controller || marks.connectedAt !== record.connectedAt)
      return;
    await cleanUpEntry({ ...options, store }, live, signal);
  }

  return {
    name: 'workload sweep',
    run: async (signal) => {
      while (!signal.aborted) {
        await pause(clock, 10 * graceMs, signal);
        for (const record of signal.aborted ? [] : look()) {
          await cleanUp(record, signal).catch((thrown: unknown) => {
            // What was written meanwhile is looked at again.
            if (signal.aborted || isOvertaken(thrown)) return;
            options.metrics.failed();
            const { namespace, name } = record;
            logger.warn('the WorkloadEntry of a lost workload cannot be cleaned up', {
              ...{ namespace, name },
              error: LateenError.from(thrown),
            });
          });
        }
      }
    },
  };
}
