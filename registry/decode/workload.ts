import { annotations } from '#api/constants.ts';
import type { Namespace, Node, Workload } from '#model/index.ts';
import { parseLocalityLabel, parseNodeLocality } from './locality.ts';
import { type AnyObject, type ClusterContext, type PodObject, parseOrigin } from './objects.ts';
import { parseTrafficDistribution } from './trafficdistribution.ts';

/** A Pod; undefined once it has ended. */
export function parsePod(object: PodObject, context: ClusterContext): Workload | undefined {
  const { phase } = object.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return undefined;
  const { spec = {}, metadata } = object;
  const labels = metadata.labels ?? {};
  const locality = parseLocalityLabel(labels);
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return {
    ...parseOrigin(object, context.clusterId),
    generation: 0,
    ips: addressesOf(object),
    labels,
    serviceAccount: spec.serviceAccountName ?? 'default',
    node: spec.nodeName ?? '',
    ...(locality === undefined ? {} : { locality }),
    network: labels['topology.istio.io/network'] ?? context.network,
    acceptsMtls: labels['security.istio.io/tlsMode'] === 'istio',
    ready: metadata.deletionTimestamp === undefined && isReady(object),
    workloadName: workloadNameOf(object),
    containerPorts: [...(spec.containers ?? []), ...sidecars].flatMap((container) =>
      (container.ports ?? []).map((port) => ({
        name: port.name ?? '',
        port: port.containerPort,
        protocol: port.protocol ?? 'TCP',
      })),
    ),
  };
}

/** A pod that says nothing of its readiness counts as ready: Kubernetes itself always does. */
function isReady(object: PodObject): boolean {
  const condition = object.status?.conditions?.find(({ type }) => type === 'Ready');
  return (condition?.status ?? 'True') === 'True';
}

function addressesOf(object: PodObject): readonly string[] {
  const all = (object.status?.podIPs ?? []).flatMap((entry) => (entry.ip === undefined ? [] : [entry.ip]));
  const main = object.status?.podIP;
  return all.length === 0 && main !== undefined ? [main] : all;
}

/** The name of what the pod was made by: the Deployment behind a ReplicaSet, the CronJob behind a Job. */
function workloadNameOf(object: PodObject): string {
  const { metadata } = object;
  const said = metadata.labels?.['service.istio.io/workload-name'];
  if (said !== undefined) return said;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return metadata.name;
  const hash = metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return owner.name.slice(0, -hash.length - 1);
  }
  return owner.kind === 'Job' ? owner.name.replace(/-\d{8,}$/, '') : owner.name;
}

export function parseNode(object: AnyObject, context: ClusterContext): Node {
  return {
    cluster: context.clusterId,
    name: object.metadata.name,
    locality: parseNodeLocality(object.metadata.labels ?? {}),
  };
}

export function parseNamespace(object: AnyObject, context: ClusterContext): Namespace {
  const { name, labels, annotations: own } = object.metadata;
  const distribution = parseTrafficDistribution(own?.[annotations.trafficDistribution]);
  return {
    cluster: context.clusterId,
    name,
    labels: labels ?? {},
    ...(distribution === undefined ? {} : { trafficDistribution: distribution }),
  };
}
