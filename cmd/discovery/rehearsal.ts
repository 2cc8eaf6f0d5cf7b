/** Before proxies connect: what those are going to be served whose pods are there. */
import type { Workload } from '#model/index.ts';
import { type Clock, type Component, LateenError, type Logger, untilAborted } from '#runtime/index.ts';
import type { MeshSnapshotSource } from '#translate/index.ts';
import type { Message } from '#wire/index.ts';
import type { DiscoveryService } from '#xds/index.ts';
import type { Mesh } from './mesh.ts';

export interface RehearsalOptions {
  readonly mesh: Pick<Mesh, 'graph' | 'inputs'>;
  readonly snapshots: Pick<MeshSnapshotSource, 'prepare'>;
  readonly discovery: Pick<DiscoveryService, 'rehearse'>;
  /** Settles once every source has delivered its first list. */
  readonly synced: Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once, whether or not everything could be rehearsed. */
  readonly onDone: () => void;
}

/** Readiness does not wait any longer, in milliseconds. */
const LONGEST_MS = 20_000;

/**
 * A replica that has just started may have every proxy of the mesh connect at once. One proxy of each namespace is
 * answered beforehand, as if it were there: what all of them are sent is built by then, and the code for it compiled.
 */
export function createRehearsal(options: RehearsalOptions): Component {
  const { mesh, snapshots, discovery, synced, clock, logger, onDone } = options;
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
  return {
    name: 'rehearsal',
    async run(signal) {
      const end = untilAborted(signal);
      await Promise.race([synced, end]);
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

/** The node that its agent is going to put into Envoy's bootstrap, as far as it can be told from the pod. */
function describeNode(pod: Workload): Message<'envoy.config.core.v3.Node'> {
  const text = (stringValue: string) => ({ stringValue });
  const labels = Object.entries(pod.labels).map(([name, value]) => [name, text(value)] as const);
  return {
    id: `sidecar~${pod.ips[0]}~${pod.name}.${pod.namespace}~${pod.namespace}.svc`,
    metadata: {
      fields: {
        NAME: text(pod.name),
        NAMESPACE: text(pod.namespace),
        SERVICE_ACCOUNT: text(pod.serviceAccount),
        CLUSTER_ID: text(pod.cluster),
        NETWORK: text(pod.network),
        INSTANCE_IPS: text(pod.ips.join()),
        LABELS: { structValue: { fields: Object.fromEntries(labels) } },
      },
    },
  };
}
