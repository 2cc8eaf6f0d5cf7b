/** Simulated proxies as they introduce themselves: the node that Istio's agent puts into Envoy's bootstrap. */
import { encode, fromJson } from '#wire/index.ts';
import { serviceAccount } from './mesh.ts';
import { type MeshSize, namespaceOf, podAddress, podLabels } from './objects.ts';

/** The encoded node of the pod at this place, services first. */
export function encodeNode(at: number, size: MeshSize): Uint8Array {
  const service = at % size.services;
  const endpoint = Math.floor(at / size.services);
  const namespace = namespaceOf(service, size);
  const pod = `s${service}-${endpoint}`;
  const address = podAddress(service, endpoint);
  const node = fromJson('envoy.config.core.v3.Node', {
    id: `sidecar~${address}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `s${service}.${namespace}`,
    userAgentName: 'envoy',
    userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40 } },
    metadata: {
      NAME: pod,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
      CLUSTER_ID: 'Kubernetes',
      MESH_ID: 'cluster.local',
      ISTIO_VERSION: '1.31.0',
      INSTANCE_IPS: address,
      INTERCEPTION_MODE: 'REDIRECT',
      WORKLOAD_NAME: `s${service}`,
      NODE_NAME: 'node-1',
      LABELS: podLabels(service, endpoint),
      PROXY_CONFIG: { discoveryAddress: 'istiod.istio-system.svc:15012', statNameLength: 189 },
    },
  });
  return encode('envoy.config.core.v3.Node', node);
}
