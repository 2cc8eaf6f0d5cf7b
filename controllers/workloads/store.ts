/** Reads and writes of WorkloadEntries. What is written replaces exactly what was read, or fails. */
import { annotations } from '#api/constants.ts';
import { kinds, type WorkloadTemplate } from '#api/index.ts';
import { type KubeClient, KubeError, type KubeObject, type ObjectMeta, type Resource } from '#kube/index.ts';
import type { HealthCondition } from './health.ts';

/** Owner of what is written about workloads, whichever replica and revision writes. */
export const workloadManager = 'lateen/workloads';

export interface WorkloadEntryObject extends KubeObject {
  readonly spec?: WorkloadTemplate;
  readonly status?: {
    readonly conditions?: readonly (Partial<Omit<HealthCondition, 'type' | 'status'>> & {
      readonly type: string;
      readonly status: string;
    })[];
  };
}

const { group, storageVersion, plural, kind } = kinds.WorkloadEntry;
const workloadEntries: Resource = { group, version: storageVersion, plural, kind, namespaced: true };

export interface WorkloadEntryStore {
  find(key: string, signal: AbortSignal): Promise<WorkloadEntryObject | undefined>;
  /** Makes it where `live` is undefined. */
  apply(
    live: WorkloadEntryObject | undefined,
    wanted: { readonly metadata: ObjectMeta; readonly spec?: WorkloadTemplate },
    signal: AbortSignal,
  ): Promise<WorkloadEntryObject>;
  /** Without a condition the one that stands is taken away. */
  applyHealth(live: WorkloadEntryObject, condition: HealthCondition | undefined, signal: AbortSignal): Promise<void>;
  remove(live: WorkloadEntryObject, signal: AbortSignal): Promise<void>;
}

export function createWorkloadEntryStore(client: KubeClient): WorkloadEntryStore {
  const options = (signal: AbortSignal) => ({ fieldManager: workloadManager, force: true, signal });
  return {
    find: (key, signal) => {
      const { namespace, name } = parseEntryKey(key);
      return client.find<WorkloadEntryObject>(workloadEntries, { namespace, name }, signal);
    },
    apply: (live, wanted, signal) =>
      client.apply<WorkloadEntryObject>(
        workloadEntries,
        { ...wanted, metadata: { ...wanted.metadata, ...identityOf(live) } },
        options(signal),
      ),
    applyHealth: async (live, condition, signal) => {
      const { name, namespace = '' } = live.metadata;
      const metadata = { name, namespace, ...identityOf(live) };
      const status = { conditions: condition === undefined ? [] : [condition] };
      await client.applyStatus(workloadEntries, { metadata, status }, options(signal));
    },
    remove: async ({ metadata }, signal) => {
      const { name, namespace, uid, resourceVersion } = metadata;
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      await client.delete(workloadEntries, { namespace, name }, { ...preconditions, signal });
    },
  };
}

/** Somebody else wrote or removed it since it was read. */
export const isOvertaken = (thrown: unknown): boolean =>
  thrown instanceof KubeError && (thrown.code === 'conflict' || thrown.code === 'not-found');

export function parseEntryKey(key: string): { readonly namespace: string; readonly name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

export interface Marks {
  readonly group?: string;
  readonly controller?: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt?: number;
  readonly disconnectedAt?: number;
  readonly checksHealth: boolean;
}

/** What annotations say of who keeps an entry; a time that is none counts as absent. */
export function parseMarks(own: Readonly<Record<string, string>> = {}): Marks {
  const time = (name: string) => {
    const at = Date.parse(own[name] ?? '');
    return Number.isNaN(at) ? undefined : at;
  };
  const group = own[annotations.autoRegistrationGroup];
  const controller = own[annotations.workloadController];
  const connectedAt = time(annotations.connectedAt);
  const disconnectedAt = time(annotations.disconnectedAt);
  return {
    ...(group ? { group } : {}),
    ...(controller ? { controller } : {}),
    ...(connectedAt === undefined ? {} : { connectedAt }),
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    checksHealth: Object.hasOwn(own, annotations.healthChecksEnabled),
  };
}

function identityOf(live: WorkloadEntryObject | undefined): Pick<ObjectMeta, 'uid' | 'resourceVersion'> {
  const { uid, resourceVersion } = live?.metadata ?? {};
  return { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}
