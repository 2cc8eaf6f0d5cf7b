/** What two parts come to together. */
import type { SourceRef } from '#model/index.ts';
import { rememberPairs } from '#runtime/core/index.ts';
import type { Resources, Snapshot, Types } from '#xds/source.ts';
import type { Summary } from './entry.ts';
import { JoinedTypes } from './joined-types.ts';
import { layer } from './layered.ts';
import type { Part } from './snapshots.ts';
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

/** The types that the later of two views has otherwise; once for all proxies that go from the one to the other. */
const changedTypes = rememberPairs((before: Types, after: Types): readonly string[] => {
  const types = new Set([...before.keys(), ...after.keys()]);
  return [...types].filter((type) => before.get(type) !== after.get(type));
});

function hasAny(types: Types, wanted: readonly string[]): boolean {
  for (const type of wanted) if (types.has(type)) return true;
  return false;
}

/** What a proxy's own part was joined with last, and what came of it. */
interface Joined {
  view: Types;
  /** The types of the own part. */
  own: Types;
  snapshot: Snapshot;
}

/** By a proxy's own part: its view changes more often. */
const latest = new WeakMap<Types, Joined>();

/** Proxies of one view and class share one snapshot, whose revision is the one at which this content was first seen. */
export function joinSnapshot({ types: view }: Part, { types: ownTypes }: Part, revision: number): Snapshot {
  const known = latest.get(ownTypes);
  if (known?.view === view) return known.snapshot;
  if (known === undefined) {
    const own = joinOwn(view, ownTypes);
    const snapshot = { revision, types: new JoinedTypes(view, own) };
    latest.set(ownTypes, { view, own, snapshot });
    return snapshot;
  }
  if (hasAny(ownTypes, changedTypes(known.view, view))) known.own = joinOwn(view, ownTypes);
  known.view = view;
  known.snapshot = { revision, types: new JoinedTypes(view, known.own) };
  return known.snapshot;
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
