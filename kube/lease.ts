import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { formatMicroTime } from './events.ts';
import type { KubeObject } from './objects.ts';
import { resources } from './resources.ts';

/** coordination.k8s.io/v1 Lease, as far as elections use it. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** What one candidate saw of a lease, and when (monotonic): the times written in a lease are other machines' and are not believed. */
export interface Observation {
  readonly lease: Lease;
  readonly at: number;
}

/** Keeps the earlier observation when the record did not change since. */
export function observe(previous: Observation | undefined, lease: Lease, at: number): Observation {
  const same =
    previous !== undefined && previous.lease.metadata.uid === lease.metadata.uid && isSameRecord(previous.lease, lease);
  return same ? { lease, at: previous.at } : { lease, at };
}

/** Whether a candidate may take the lease now. */
export function isFree(observation: Observation, identity: string, now: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = observation.lease.spec ?? {};
  return holderIdentity === '' || holderIdentity === identity || now - observation.at >= leaseDurationSeconds * 1000;
}

export interface LeaseClaim {
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly durationSeconds: number;
}

/** Reads the lease, or undefined when there is none. */
export async function readLease(
  client: KubeClient,
  claim: LeaseClaim,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  return await client.find<Lease>(resources.leases, claim, signal);
}

/** Writes us as the holder; undefined when somebody else wrote first. */
export async function writeLease(
  client: KubeClient,
  claim: LeaseClaim,
  seen: Lease | undefined,
  now: number,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const renewing = seen?.spec?.holderIdentity === claim.identity;
  const transitions = seen?.spec?.leaseTransitions ?? 0;
  const draft = {
    metadata: seen === undefined ? { name: claim.name, namespace: claim.namespace } : seen.metadata,
    spec: {
      holderIdentity: claim.identity,
      leaseDurationSeconds: claim.durationSeconds,
      acquireTime: renewing ? seen?.spec?.acquireTime : formatMicroTime(now),
      renewTime: formatMicroTime(now),
      leaseTransitions: seen === undefined || renewing ? transitions : transitions + 1,
    },
  };
  try {
    return seen === undefined
      ? await client.create<Lease>(resources.leases, draft, signal)
      : await client.replace<Lease>(resources.leases, draft, signal);
  } catch (thrown) {
    if (thrown instanceof KubeError && thrown.code === 'conflict') return undefined;
    throw thrown;
  }
}

/** Gives the lease up so that the next candidate need not wait for it to run out. */
export async function releaseLease(client: KubeClient, held: Lease, now: number, signal: AbortSignal): Promise<void> {
  const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: formatMicroTime(now) };
  await client.replace(resources.leases, { metadata: held.metadata, spec }, signal);
}

function isSameRecord(left: Lease, right: Lease): boolean {
  return (
    left.spec?.holderIdentity === right.spec?.holderIdentity &&
    left.spec?.renewTime === right.spec?.renewTime &&
    left.spec?.acquireTime === right.spec?.acquireTime &&
    left.spec?.leaseTransitions === right.spec?.leaseTransitions
  );
}
