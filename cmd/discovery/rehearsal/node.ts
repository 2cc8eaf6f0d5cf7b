import type { Workload } from '#model/index.ts';
import type { Message } from '#wire/index.ts';

/** What is told of a pod. */
export type NodeFacts = Pick<
  Workload,
  'name' | 'namespace' | 'serviceAccount' | 'cluster' | 'network' | 'ips' | 'labels'
>;

/** The node that its agent is going to put into Envoy's bootstrap, as far as it can be told from the pod. */
export function describeNode(pod: NodeFacts): Message<'envoy.config.core.v3.Node'> {
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
