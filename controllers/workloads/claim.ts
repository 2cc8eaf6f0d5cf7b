/** What a connecting proxy outside of Kubernetes says of itself, and whether it may. */
import { isIP } from 'node:net';
import { kinds } from '#api/index.ts';
import { LateenError } from '#runtime/index.ts';
import { buildEntrySpec, renderEntryName } from './entry.ts';
import type { WorkloadRecords } from './records.ts';

export interface WorkloadClaim {
  /** Unique among the streams of this process. */
  readonly connectionId: string;
  readonly namespace: string;
  /** As its credential proves it; absent where nothing was proven. */
  readonly serviceAccount?: string;
  /** The WorkloadGroup to be registered in, or the WorkloadEntry that it is. */
  readonly joins: { readonly group: string } | { readonly entry: string };
  readonly address: string;
  /** Empty: none in particular. */
  readonly network: string;
  /** `region/zone/subzone`, or empty. */
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether its agent probes the application. */
  readonly probes: boolean;
  /** Whether traffic can reach it as long as this stream is there: true of an Envoy's, false of its agent's. */
  readonly serves: boolean;
}

/** `namespace/name` of the WorkloadEntry that the claim is about. */
export function renderEntryKey(claim: WorkloadClaim): string {
  const { joins, namespace, address, network } = claim;
  return `${namespace}/${'entry' in joins ? joins.entry : renderEntryName(joins.group, address, network)}`;
}

/** A name that Kubernetes allows for an object. */
const namePattern = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;

/**
 * The key of the entry that the claim is about; undefined when nothing is to be written about it. Throws LateenError with
 * what the client is to know when it may not claim that. Before everything is known only what the claim itself says counts, and
 * nothing may be written about it yet.
 */
export function admitClaim(claim: WorkloadClaim, records: WorkloadRecords): string | undefined {
  const { namespace, joins, serviceAccount, address } = claim;
  const key = renderEntryKey(claim);
  const entry = records.entry(namespace, key.slice(namespace.length + 1));
  if ('entry' in joins) {
    if (!records.synced()) return key;
    if (entry === undefined)
      throw new LateenError('not-found', `WorkloadEntry ${key}, which the proxy says it is, does not exist`);
    if (!entry.checksHealth) return undefined;
    checkAccount(serviceAccount, entry.serviceAccount, `WorkloadEntry ${key}`);
    return key;
  }
  if (isIP(address) === 0) throw new LateenError('invalid', `"${address}" is no address to register a workload by`);
  if (!namePattern.test(key.slice(namespace.length + 1)))
    throw new LateenError('invalid', `the workload cannot be registered: ${key} would be no name of an object`);
  const named = `WorkloadGroup ${namespace}/${joins.group}`;
  checkAccount(serviceAccount, entry?.serviceAccount ?? '', `WorkloadEntry ${key}`);
  if (!records.synced()) return key;
  const group = records.group(namespace, joins.group);
  if (group === undefined) throw new LateenError('not-found', `${named}, which the proxy is to join, does not exist`);
  checkAccount(serviceAccount, group.spec.template?.serviceAccount ?? '', named);
  const { group: apiGroup, storageVersion, kind } = kinds.WorkloadEntry;
  const parsed = kinds.WorkloadEntry.parse({
    apiVersion: `${apiGroup}/${storageVersion}`,
    kind,
    metadata: { name: key.slice(namespace.length + 1), namespace },
    spec: buildEntrySpec(claim, group),
  });
  if (parsed.ok) return key;
  const problems = parsed.errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new LateenError('invalid', `the workload cannot be registered in ${named}: ${problems.slice(0, 500)}`);
}

/** @param wanted empty: any of the namespace, which the identity is known to be of */
function checkAccount(proven: string | undefined, wanted: string, what: string): void {
  if (proven === undefined) throw new LateenError('unauthenticated', `${what} needs a proven identity`);
  if (wanted !== '' && wanted !== proven)
    throw new LateenError(
      'forbidden',
      `${what} is of service account "${wanted}", the credential of the proxy proves "${proven}"`,
    );
}
