import type { SourceIndex } from '#controllers/index.ts';
import type { Generations } from '#registry/index.ts';
import type { MeshSnapshotSource } from '#translate/index.ts';

/** What the delivery ledger asks, answered by the snapshots and by the record of when each generation came in. */
export function createSourceIndex(snapshots: MeshSnapshotSource, generations: Generations): SourceIndex {
  return {
    snapshotOf: (connectionId) => snapshots.snapshotOf(connectionId),
    blame: (connectionId, typeUrl, names) => snapshots.blame(connectionId, typeUrl, names),
    known: function* () {
      for (const entry of generations.values()) yield { source: entry, enteredAt: entry.revision };
    },
    settledRevision: () => snapshots.settledRevision(),
  };
}
