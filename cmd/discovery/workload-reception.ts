import type { WorkloadClaim, WorkloadRegistration } from '#controllers/index.ts';
import { LateenError } from '#runtime/index.ts';
import type { Proxy as MeshProxy, WorkloadReception } from '#xds/index.ts';

/** Streams of workloads outside of Kubernetes, as registration sees them; those of pods are none of its business. */
export function createWorkloadReception(
  registration: Pick<WorkloadRegistration, 'connected' | 'reported' | 'disconnected'>,
): WorkloadReception {
  return {
    connected: (proxy, connectedAt) => {
      const claim = readClaim(proxy);
      if (claim !== undefined) registration.connected(claim, connectedAt);
    },
    reported: (connectionId, report) => registration.reported(connectionId, report),
    disconnected: (connectionId) => registration.disconnected(connectionId),
  };
}

/** Where nobody can write WorkloadEntries, a workload that relies on being registered is told so. */
export const noRegistration: WorkloadReception = {
  connected: (proxy) => {
    const claim = readClaim(proxy);
    if (claim !== undefined && 'group' in claim.joins)
      throw new LateenError('invalid', 'workloads are registered only where Kubernetes keeps the mesh’s resources');
  },
  reported: () => undefined,
  disconnected: () => undefined,
};

/** Undefined for a proxy that neither joins a WorkloadGroup nor says that it is a WorkloadEntry. */
function readClaim(proxy: MeshProxy): WorkloadClaim | undefined {
  const { metadata, namespace, connectionId, network, labels, identity } = proxy;
  const group = textOf(metadata.AUTO_REGISTER_GROUP);
  const entry = textOf(metadata.WORKLOAD_ENTRY);
  if (group === '' && entry === '') return undefined;
  const { region, zone, subzone } = proxy.locality;
  return {
    ...{ connectionId, namespace, network, labels },
    ...(identity === undefined ? {} : { serviceAccount: identity.serviceAccount }),
    joins: group === '' ? { entry } : { group },
    address: proxy.ipAddresses[0] ?? '',
    locality: region === '' ? '' : [region, zone, subzone].join('/').replace(/\/+$/, ''),
    probes: hasProbe(metadata.PROXY_CONFIG),
    serves: proxy.client !== 'agent',
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function hasProbe(config: unknown): boolean {
  if (typeof config !== 'object' || config === null || !('readinessProbe' in config)) return false;
  return typeof config.readinessProbe === 'object' && config.readinessProbe !== null;
}
