/**
 * Before proxies connect: changes as they are going to come (changes.ts), and what those proxies are going to be served whose
 * pods are there.
 */
import type { Workload } from '#model/index.ts';
import { type Clock, type Component, LateenError, type Logger, untilAborted } from '#runtime/index.ts';
import type { MeshSnapshotSource } from '#translate/index.ts';
import type { DiscoveryService } from '#xds/index.ts';
import type { Mesh } from '../mesh.ts';
import { rehearseChanges } from './changes.ts';
import { describeNode } from './node.ts';

export interface RehearsalOptions {
  readonly mesh: Pick<Mesh, 'graph' | 'inputs'>;
  readonly snapshots: Pick<MeshSnapshotSource, 'prepare'>;
  readonly discovery: Pick<DiscoveryService, 'rehearse'>;
  /** Settles once every source has delivered its first list. */
  readonly synced: Promise<void>;
  /** Whether changes are rehearsed, too. */
  readonly withChanges: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once, whether or not everything could be rehearsed. */
  readonly onDone: () => void;
}

/** Readiness does not wait any longer, in milliseconds. */
const LONGEST_MS = 20_000;
/** After so many changes of each kind nearly all of what they run is compiled. */
const ROUNDS = 100;
/** For all of these, in milliseconds. */
const LONGEST_CHANGES_MS = 5_000;

/**
 * A replica that has just started may have every proxy of the mesh connect at once. One proxy of each namespace is
 * answered beforehand, as if it were there: what all of them are sent is built by then, and the code for it compiled. That
 * for changes to come is compiled before, on a small mesh of its own.
 */
export function createRehearsal(options: RehearsalOptions): Component {
  const { mesh, snapshots, discovery, synced, withChanges, clock, logger, onDone } = options;
  const rehearse = async (signal: AbortSignal): Promise<void> => {
    const started = clock.monotonic();
    let rehearsed = 0;
    for (const pod of choosePods(mesh)) {
      if (signal.aborted || clock.monotonic() > started + LONGEST_MS) break;
      await discovery.rehearse(describeNode(pod), (proxy) => snapshots.prepare(proxy, signal));
      rehearsed += 1;
    }
    const tookMs = Math.round(clock.monotonic() - started);
    if (rehearsed > 0) logger.info('rehearsed for proxies to come', { namespaces: rehearsed, tookMs });
  };
  /** While the first lists are on their way. */
  const tryChanges = async (signal: AbortSignal): Promise<void> => {
    const started = clock.monotonic();
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    clock.sleep(LONGEST_CHANGES_MS, until).then(
      () => over.abort(),
      // It was over before.
      () => undefined,
    );
    try {
      const made = await rehearseChanges({ clock, rounds: ROUNDS }, until);
      logger.info('rehearsed changes', { changes: made, tookMs: Math.round(clock.monotonic() - started) });
    } catch (thrown) {
      if (!signal.aborted) logger.warn('changes could not be rehearsed', { error: LateenError.from(thrown) });
    } finally {
      over.abort();
    }
  };
  return {
    name: 'rehearsal',
    async run(signal) {
      const end = untilAborted(signal);
      const changes = withChanges ? tryChanges(signal) : undefined;
      await Promise.race([Promise.all([synced, changes]), end]);
      await rehearse(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.error('rehearsal for proxies to come failed', { error: LateenError.from(error) });
      });
      onDone();
      await end;
    },
  };
}

/** One pod with a sidecar of each namespace. */
function choosePods({ graph, inputs }: RehearsalOptions['mesh']): readonly Workload[] {
  const chosen = new Map<string, Workload>();
  for (const key of graph.peekKeys(inputs.workloads)) {
    const pod = graph.peek(inputs.workloads, key);
    if (pod?.acceptsMtls === true && pod.ips.length > 0 && !chosen.has(pod.namespace)) chosen.set(pod.namespace, pod);
  }
  return [...chosen.values()];
}
