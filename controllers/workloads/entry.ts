/** The WorkloadEntry that is made from a WorkloadGroup for one workload. Names, annotations and precedence are Istio's. */
import { annotations } from '#api/constants.ts';
import { kinds, type WorkloadTemplate } from '#api/index.ts';
import type { ObjectMeta } from '#kube/index.ts';
import type { WorkloadClaim } from './claim.ts';
import type { WorkloadGroupRecord } from './records.ts';

const longestName = 253;

/** `GROUP-ADDRESS[-NETWORK]`, its beginning cut off where it is too long for an object. */
export function renderEntryName(group: string, address: string, network: string): string {
  const name = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])].join('-');
  // An IPv6 address that ends in colons ends in zeros.
  const ended = name.endsWith('-') ? `${name}0` : name;
  return ended.slice(-longestName).replace(/^[-.]+/, '');
}

/** When a workload came to a replica, or left it; milliseconds since the epoch. */
export type Presence = { readonly controller: string } & (
  | { readonly connectedAt: number }
  | { readonly disconnectedAt: number }
);

/** What the workload says of itself counts before the group's metadata, and that before its template. */
export function buildEntrySpec(claim: WorkloadClaim, { spec: group }: WorkloadGroupRecord): WorkloadTemplate {
  const { template = {}, metadata } = group;
  const { 'istio-locality': _stands, ...own } = claim.labels;
  const labels = { ...template.labels, ...metadata?.labels, ...own };
  const network = claim.network || template.network;
  const locality = claim.locality || template.locality;
  const serviceAccount = template.serviceAccount || claim.serviceAccount;
  return {
    ...(template.ports === undefined ? {} : { ports: template.ports }),
    ...(template.weight === undefined ? {} : { weight: template.weight }),
    address: claim.address,
    labels,
    ...(network ? { network } : {}),
    ...(locality ? { locality } : {}),
    ...(serviceAccount ? { serviceAccount } : {}),
  };
}

/** The whole of a registered entry, as it is applied. The group owns it: Kubernetes removes it with the group. */
export function buildEntry(
  name: string,
  claim: WorkloadClaim,
  group: WorkloadGroupRecord,
  presence: Presence,
): { readonly metadata: ObjectMeta; readonly spec: WorkloadTemplate } {
  const spec = buildEntrySpec(claim, group);
  const { group: apiGroup, storageVersion, kind } = kinds.WorkloadGroup;
  return {
    metadata: {
      name,
      namespace: claim.namespace,
      labels: spec.labels ?? {},
      annotations: {
        ...group.spec.metadata?.annotations,
        [annotations.autoRegistrationGroup]: group.name,
        ...(claim.probes ? { [annotations.healthChecksEnabled]: 'true' } : {}),
        ...buildPresence(presence),
      },
      ownerReferences: [
        { apiVersion: `${apiGroup}/${storageVersion}`, kind, name: group.name, uid: group.uid, controller: true },
      ],
    },
    spec,
  };
}

/** What of an entry that somebody else wrote is ours. */
export function buildMarks(name: string, namespace: string, presence: Presence): { readonly metadata: ObjectMeta } {
  return { metadata: { name, namespace, annotations: buildPresence(presence) } };
}

function buildPresence(presence: Presence): Readonly<Record<string, string>> {
  return {
    [annotations.workloadController]: presence.controller,
    ...('connectedAt' in presence
      ? { [annotations.connectedAt]: renderTime(presence.connectedAt) }
      : { [annotations.disconnectedAt]: renderTime(presence.disconnectedAt) }),
  };
}

const renderTime = (milliseconds: number): string => new Date(milliseconds).toISOString();
