import type { KnownSource, SourceIndex } from '#controllers/index.ts';
import type { GenerationEntry, Generations } from '#registry/index.ts';
import { type MeshSnapshotSource, SECRET_TYPE } from '#translate/index.ts';
import type { ServedResource } from '#xds/index.ts';

/** What the delivery ledger asks, answered by the snapshots and by the record of when each generation came in. */
export function createSourceIndex(
  snapshots: MeshSnapshotSource,
  generations: Generations,
): SourceIndex<ServedResource> {
  let known: { readonly entries: readonly GenerationEntry[]; readonly sources: readonly KnownSource[] } = {
    entries: [],
    sources: [],
  };
  return {
    snapshotOf: (connectionId) => snapshots.snapshotOf(connectionId),
    sourcesOf: (connectionId, resource) => snapshots.sourcesOf(connectionId, resource),
    describe: ({ typeUrl, name }) => (typeUrl === SECRET_TYPE ? `Secret ${name.replace(/^kubernetes:\/\//, '')}` : ''),
    known: () => {
      const entries = generations.values();
      if (known.entries !== entries)
        known = { entries, sources: entries.map((entry) => ({ source: entry, enteredAt: entry.revision })) };
      return known.sources;
    },
    settledRevision: () => snapshots.settledRevision(),
  };
}
