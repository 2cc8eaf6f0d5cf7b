/** What an entry is made from: the stream of a workload, and the group that it joins. */
import type { WorkloadClaim } from './claim.ts';
import { buildEntry, buildMarks, type Presence } from './entry.ts';
import type { WorkloadGroupRecord, WorkloadRecords } from './records.ts';
import { type Marks, parseEntryKey } from './store.ts';

/** As far as it matters here; undefined: there is none yet. */
type Entry = Pick<Marks, 'group'> | undefined;

/** The group that an entry is made from; undefined for one that somebody wrote, whatever its workload says. */
export function findOrigin(
  records: Pick<WorkloadRecords, 'group'>,
  { joins, namespace, serviceAccount }: WorkloadClaim,
  entry: Entry,
): WorkloadGroupRecord | undefined {
  if ('entry' in joins || (entry !== undefined && entry.group !== joins.group)) return undefined;
  const group = records.group(namespace, joins.group);
  const account = group?.spec.template?.serviceAccount ?? '';
  return account === '' || account === serviceAccount ? group : undefined;
}

/**
 * There is no group to make an entry from, or the one that an entry was made from is gone or of another account. Such an entry
 * stays as it is: either Kubernetes removes it with its group, or it goes when its workload does.
 */
export function isWithoutOrigin(entry: Entry, group: WorkloadGroupRecord | undefined): boolean {
  return group === undefined && (entry === undefined || entry.group !== undefined);
}

/** The same for as long as the stream is, and the group at its generation. */
export const renderOrigin = ({ connectionId }: WorkloadClaim, group: WorkloadGroupRecord | undefined): string =>
  `${connectionId} ${group?.uid ?? ''} ${group?.generation ?? 0}`;

/** What is applied; without a group, to an entry that somebody wrote. */
export function planEntry(
  key: string,
  claim: WorkloadClaim,
  group: WorkloadGroupRecord | undefined,
  presence: Presence,
): ReturnType<typeof buildEntry> | ReturnType<typeof buildMarks> {
  const { namespace, name } = parseEntryKey(key);
  return group === undefined ? buildMarks(name, namespace, presence) : buildEntry(name, claim, group, presence);
}
