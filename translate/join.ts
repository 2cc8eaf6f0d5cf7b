/** Snapshots joined of two parts, each pair once: proxies of one view and class share one snapshot. */
import type { SourceRef } from '#model/index.ts';
import { rememberPairs } from '#runtime/core/index.ts';
import type { Resources, Snapshot } from '#xds/source.ts';
import type { Summary } from './entry.ts';
import { layer } from './layered.ts';
import type { Part, Types } from './snapshots.ts';
import { renderSource } from './sources.ts';

const joinResources = rememberPairs((view: Resources, own: Resources) => layer([view, own]));

const joinTypes = rememberPairs((view: Types, own: Types): Types => {
  const types = new Map(view);
  for (const [type, resources] of own) {
    const outbound = types.get(type);
    types.set(type, outbound === undefined ? resources : joinResources(outbound, resources));
  }
  return types;
});

const snapshots = new WeakMap<Types, Snapshot>();

/** The snapshot of a combination; its revision is the one at which this content was first seen. */
export function joinSnapshot(view: Part, own: Part, revision: number): Snapshot {
  const types = joinTypes(view.types, own.types);
  let snapshot = snapshots.get(types);
  if (snapshot === undefined) {
    snapshot = { revision, types };
    snapshots.set(types, snapshot);
  }
  return snapshot;
}

const NO_SOURCES: readonly SourceRef[] = [];

/** The user resources of a proxy's own part that its view doesn't have. */
export const ownSources: (view: Summary, own: Summary) => readonly SourceRef[] = rememberPairs(
  (view: Summary, own: Summary) => {
    if (own.sources.length === 0) return NO_SOURCES;
    const known = new Set(view.sources.map(renderSource));
    return own.sources.filter((source) => !known.has(renderSource(source)));
  },
);
