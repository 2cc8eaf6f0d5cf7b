import type { SourceIndex } from '#controllers/index.ts';
import type { Generations } from '#registry/index.ts';
import { type MeshSnapshotSource, SECRET_TYPE } from '#translate/index.ts';
import type { ServedResource } from '#xds/index.ts';

/** What the delivery ledger asks, answered by the snapshots and by the record of when each generation came in. */
export function createSourceIndex(
  snapshots: MeshSnapshotSource,
  generations: Generations,
): SourceIndex<ServedResource> {
  return {
    snapshotOf: (connectionId) => snapshots.snapshotOf(connectionId),
    sourcesOf: (connectionId, resource) => snapshots.sourcesOf(connectionId, resource),
    describe: ({ typeUrl, name }) => (typeUrl === SECRET_TYPE ? `Secret ${name.replace(/^kubernetes:\/\//, '')}` : ''),
    known: function* () {
      for (const entry of generations.values()) yield { source: entry, enteredAt: entry.revision };
    },
    settledRevision: () => snapshots.settledRevision(),
  };
}
