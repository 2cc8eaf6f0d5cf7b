/** What two parts come to together. */
import type { SourceRef } from '#model/index.ts';
import { rememberPairs } from '#runtime/core/index.ts';
import type { Resources, Snapshot } from '#xds/source.ts';
import type { Summary } from './entry.ts';
import { layer } from './layered.ts';
import type { Part, Types } from './snapshots.ts';
import { renderSource } from './sources.ts';

/** Proxies that share two collections share what they come to, so that they go from one to the next together. */
const joinResources = rememberPairs((view: Resources, own: Resources) => layer([view, own]));

function joinTypes(view: Types, own: Types): Types {
  const types = new Map(view);
  for (const [type, resources] of own) {
    const outbound = types.get(type);
    types.set(type, outbound === undefined ? resources : joinResources(outbound, resources));
  }
  return types;
}

/** The snapshot that a proxy's own part was joined in last, and with which view: the latter changes more often. */
const latest = new WeakMap<Types, { readonly view: Types; readonly snapshot: Snapshot }>();

/** Proxies of one view and class share one snapshot, whose revision is the one at which this content was first seen. */
export function joinSnapshot(view: Part, own: Part, revision: number): Snapshot {
  const known = latest.get(own.types);
  if (known?.view === view.types) return known.snapshot;
  const snapshot = { revision, types: joinTypes(view.types, own.types) };
  latest.set(own.types, { view: view.types, snapshot });
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
