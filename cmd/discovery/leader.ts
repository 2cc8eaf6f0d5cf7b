import { createLeaderElection, type KubeClient } from '#kube/index.ts';
import { type Component, type Logger, runComponents, untilAborted } from '#runtime/index.ts';
import type { DiscoverySettings } from './settings.ts';
import { revisioned } from './trust-domain.ts';

export interface LeaderOptions {
  readonly settings: DiscoverySettings;
  readonly client: KubeClient;
  readonly logger: Logger;
  /** What only one replica of a revision may do. */
  readonly work: () => readonly Component[];
  /** The work starts only when this replica knows the world. */
  readonly synced: Promise<void>;
}

/** Runs the leader's work on the replica that holds the revision's lease, or here when elections are switched off. */
export function createLeader({ settings, client, logger, work, synced }: LeaderOptions): Component {
  const run = async (signal: AbortSignal) => {
    await Promise.race([synced, untilAborted(signal)]);
    if (!signal.aborted) await runComponents(work(), signal, { logger });
  };
  if (!settings.leaderElection) return { name: 'leader work', run };
  return createLeaderElection({
    client,
    namespace: settings.namespace,
    name: `${revisioned('istiod', settings.revision)}-leader`,
    identity: settings.podName,
    onStarted: async (signal) => {
      logger.info('leading', { identity: settings.podName });
      await run(signal);
    },
    onStopped: () => logger.info('no longer leading', { identity: settings.podName }),
    onTrouble: (error) => logger.warn('lease cannot be renewed', { error }),
  });
}
