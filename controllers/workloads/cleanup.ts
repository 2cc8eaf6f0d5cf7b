/** What becomes of the entry of a workload that did not come back. */
import type { Logger } from '#runtime/index.ts';
import type { RegistrationMetrics } from './metrics.ts';
import { parseMarks, type WorkloadEntryObject, type WorkloadEntryStore } from './store.ts';

export interface CleanUpParts {
  readonly store: WorkloadEntryStore;
  readonly metrics: RegistrationMetrics;
  readonly logger: Logger;
}

/**
 * A registered entry is removed; of one that somebody wrote the health goes, because nobody vouches for it any more. Fails where
 * the entry was written since it was read: it may be kept again.
 */
export async function cleanUpEntry(
  { store, metrics, logger }: CleanUpParts,
  live: WorkloadEntryObject,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = live.metadata;
  if (parseMarks(live.metadata.annotations).group !== undefined) {
    await store.remove(live, signal);
    metrics.deleted();
    logger.info('a workload did not come back, its WorkloadEntry is removed', { namespace, name });
  } else if (live.status?.conditions?.some(({ type }) => type === 'Healthy')) {
    await store.applyHealth(live, undefined, signal);
    logger.info('a workload did not come back, its health is not known any more', { namespace, name });
  }
}
