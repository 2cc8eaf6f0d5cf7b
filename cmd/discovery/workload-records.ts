import { isDeepStrictEqual } from 'node:util';
import {
  parseMarks,
  type WorkloadEntryRecord,
  type WorkloadGroupRecord,
  type WorkloadRecords,
} from '#controllers/index.ts';
import type { Graph } from '#graph/index.ts';
import { type MeshInputs, renderObjectKey } from '#model/index.ts';

export interface WorkloadRecordsOptions {
  readonly graph: Graph;
  readonly inputs: Pick<MeshInputs, 'workloadEntries' | 'workloadGroups' | 'workloads'>;
  /** Only what this cluster holds: the rest is kept by the control planes of the others. */
  readonly clusterId: string;
  /** Where replicas of the control plane run, and the name of this one. */
  readonly namespace: string;
  readonly podName: string;
  /** Settles once every source has delivered its first list. */
  readonly synced: Promise<void>;
  readonly onEdited: (listener: () => void) => () => void;
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, at) => item === b[at]);

/** WorkloadGroups and WorkloadEntries as registration sees them; an edit that concerns none of them costs nothing. */
export function createWorkloadRecords(options: WorkloadRecordsOptions): WorkloadRecords {
  const { graph, inputs, clusterId, onEdited } = options;
  const entry = graph.query<WorkloadEntryRecord | undefined>(
    'workloads.entry',
    (reader, key) => {
      const config = reader.get(inputs.workloadEntries, key);
      if (config === undefined || config.cluster !== clusterId) return undefined;
      const { namespace, name, spec, annotations, status } = config;
      return {
        ...{ namespace, name, serviceAccount: spec.serviceAccount ?? '' },
        ...parseMarks(annotations),
        ...(status?.healthy === undefined ? {} : { healthy: status.healthy }),
        ...(status?.reportedAt === undefined ? {} : { reportedAt: status.reportedAt }),
      };
    },
    { equal: isDeepStrictEqual },
  );
  const kept = graph.query<readonly WorkloadEntryRecord[]>(
    'workloads.kept',
    (reader) =>
      reader.keys(inputs.workloadEntries).flatMap((key) => {
        const record = reader.read(entry, key);
        return record !== undefined && (record.controller !== undefined || record.checksHealth) ? [record] : [];
      }),
    { equal: sameItems, permanent: true },
  );
  const group = graph.query<WorkloadGroupRecord | undefined>(
    'workloads.group',
    (reader, key) => {
      const config = reader.get(inputs.workloadGroups, key);
      if (config === undefined) return undefined;
      const { namespace, name, uid, generation, spec } = config;
      return { namespace, name, uid, generation, spec };
    },
    { equal: isDeepStrictEqual },
  );
  const groups = graph.query<readonly (WorkloadGroupRecord | undefined)[]>(
    'workloads.groups',
    (reader) => reader.keys(inputs.workloadGroups).map((key) => reader.read(group, key)),
    { equal: sameItems, permanent: true },
  );

  let synced = false;
  const whenSynced = options.synced.then(() => {
    synced = true;
  });
  const keyOf = (namespace: string, name: string) => renderObjectKey(clusterId, namespace, name);
  const isPod = (name: string) => graph.peek(inputs.workloads, keyOf(options.namespace, name)) !== undefined;
  return {
    synced: () => synced,
    whenSynced,
    group: (namespace, name) => graph.read(group, keyOf(namespace, name)),
    entry: (namespace, name) => graph.read(entry, keyOf(namespace, name)),
    kept: () => graph.read(kept, ''),
    // Whoever does not find itself looks in the wrong place: replicas may run in another cluster.
    exists: (controller) => (isPod(options.podName) ? isPod(controller) : undefined),
    onChange: (listener) => {
      const look = () => [graph.read(kept, ''), graph.read(groups, '')];
      let before = look();
      return onEdited(() => {
        const now = look();
        if (sameItems(now, before)) return;
        before = now;
        listener();
      });
    },
  };
}
