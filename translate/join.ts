/** What two parts come to together. */
import type { SourceRef } from '#model/index.ts';
import { rememberPairs } from '#runtime/core/index.ts';
import type { Resources, Snapshot } from '#xds/source.ts';
import type { Summary } from './entry.ts';
import { JoinedTypes } from './joined-types.ts';
import { layer } from './layered.ts';
import type { Part, Types } from './snapshots.ts';
import { renderSource } from './sources.ts';

/** Proxies that share two collections share what they come to, so that they go from one to the next together. */
const joinResources = rememberPairs((view: Resources, own: Resources) => layer([view, own]));

/** The types that a proxy's own part has, with what the view has of them: these change less often than the view. */
function joinOwn(view: Types, own: Types): Types {
  const types = new Map<string, Resources>();
  for (const [type, resources] of own) {
    const outbound = view.get(type);
    types.set(type, outbound === undefined ? resources : joinResources(outbound, resources));
  }
  return types;
}

/** Whether two views have the same of what a proxy's own part is joined with. */
function sameBeside(own: Types, before: Types, after: Types): boolean {
  for (const type of own.keys()) if (before.get(type) !== after.get(type)) return false;
  return true;
}

interface Joined {
  readonly view: Types;
  readonly own: Types;
  readonly snapshot: Snapshot;
}

/** The snapshot that a proxy's own part was joined in last, and with which view: the latter changes more often. */
const latest = new WeakMap<Types, Joined>();

/** Proxies of one view and class share one snapshot, whose revision is the one at which this content was first seen. */
export function joinSnapshot(view: Part, own: Part, revision: number): Snapshot {
  const known = latest.get(own.types);
  if (known?.view === view.types) return known.snapshot;
  const isSame = known !== undefined && sameBeside(own.types, known.view, view.types);
  const joined = isSame ? known.own : joinOwn(view.types, own.types);
  const snapshot = { revision, types: new JoinedTypes(view.types, joined) };
  latest.set(own.types, { view: view.types, own: joined, snapshot });
  return snapshot;
}

const NO_SOURCES: readonly SourceRef[] = [];

/** The user resources of a proxy's own part that its view doesn't have. */
const ownSources: (view: Summary, own: Summary) => readonly SourceRef[] = rememberPairs(
  (view: Summary, own: Summary) => {
    if (own.sources.length === 0) return NO_SOURCES;
    const known = new Set(view.sources.map(renderSource));
    return own.sources.filter((source) => !known.has(renderSource(source)));
  },
);

type Lists = readonly (readonly SourceRef[])[];

const pairLists = rememberPairs((view: readonly SourceRef[], own: readonly SourceRef[]): Lists => [view, own]);

/** The user resources of both parts, none twice; proxies with the same lists share the list of them. */
export function listSources({ summary: view }: Part, { summary: own }: Part): Lists {
  return pairLists(view.sources, ownSources(view, own));
}
