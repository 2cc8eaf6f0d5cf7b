/** What Envoy's node says about the pod, under Istio's names, so that any Istio-aware control plane and tool understands it. */
import { labels as labelNames, names } from '#api/constants.ts';
import type { PodInfo } from './podinfo.ts';
import { type Problems, parseObject } from './proxyconfig.ts';

export interface NodeIdentity {
  readonly role: 'sidecar' | 'router';
  readonly podName: string;
  readonly namespace: string;
  /** The pod's addresses; the first one names the node. */
  readonly addresses: readonly string[];
  readonly serviceAccount: string;
  /** e.g. `default.svc.cluster.local`. */
  readonly dnsDomain: string;
}

/** Istio's release whose behaviour towards its control plane this agent has. */
const istioVersion = '1.31.0';

/** `sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`. */
export function buildNodeId(node: NodeIdentity): string {
  return [node.role, node.addresses[0] ?? '127.0.0.1', `${node.podName}.${node.namespace}`, node.dnsDomain].join('~');
}

/** `app.namespace`, as metrics and traces of older tools call the workload. */
export function resolveServiceCluster(
  node: NodeIdentity,
  podInfo: PodInfo,
  workload: string | undefined,
  configured: string | undefined,
): string {
  if (configured !== undefined && configured !== 'istio-proxy') return configured;
  const app = podInfo.labels[labelNames.app] ?? podInfo.labels[labelNames.appName] ?? workload;
  return app === undefined ? `istio-proxy.${node.namespace}` : `${app}.${node.namespace}`;
}

/** ISTIO_META_X becomes X (text), ISTIO_METAJSON_X becomes X (a JSON object); both win over what the agent knows itself. */
export function buildNodeMetadata(
  node: NodeIdentity,
  podInfo: PodInfo,
  env: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, unknown>>,
  problems: Problems,
): Readonly<Record<string, unknown>> {
  const given: Record<string, unknown> = {};
  const labels: Record<string, string> = { ...podInfo.labels };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name.startsWith('ISTIO_META_')) given[name.slice('ISTIO_META_'.length)] = value;
    else if (name === 'ISTIO_METAJSON_LABELS') Object.assign(labels, parseObject(value, name, problems));
    else if (name.startsWith('ISTIO_METAJSON_'))
      given[name.slice('ISTIO_METAJSON_'.length)] = parseObject(value, name, problems);
  }
  return {
    CLUSTER_ID: names.cluster,
    INTERCEPTION_MODE: 'REDIRECT',
    ISTIO_VERSION: istioVersion,
    NAME: node.podName,
    NAMESPACE: node.namespace,
    INSTANCE_IPS: node.addresses.join(','),
    SERVICE_ACCOUNT: node.serviceAccount,
    LABELS: labels,
    ANNOTATIONS: podInfo.annotations,
    ...more,
    ...given,
  };
}
