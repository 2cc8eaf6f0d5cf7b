/**
 * Whose a resource is, noted where it is built: what a proxy holds is known by its bytes alone, long after the graph has
 * forgotten the entry that they came from.
 */
import type { SourceRef } from '#model/index.ts';
import type { ServedResource } from '#xds/source.ts';
import { mergeSources, sameSources } from './sources.ts';

/** Most distinct lists for the same bytes: views whose resources are alike by chance, one after the other. */
const MOST_LISTS = 8;

const lists = new WeakMap<ServedResource, readonly (readonly SourceRef[])[]>();

/** Notes that the resource was built of these. */
export function noteSources(resource: ServedResource, sources: readonly SourceRef[]): void {
  const known = lists.get(resource);
  if (known === undefined) {
    if (sources.length > 0) lists.set(resource, [sources]);
    return;
  }
  if (known.some((list) => sameSources(list, sources))) return;
  lists.set(resource, [...known, sources].slice(-MOST_LISTS));
}

const NONE: readonly SourceRef[] = [];

/** All that it was built of, for whichever view: perhaps more than for one of them, and never less. */
export function sourcesOf(resource: ServedResource): readonly SourceRef[] {
  const known = lists.get(resource);
  if (known === undefined) return NONE;
  const [only = NONE] = known;
  return known.length === 1 ? only : mergeSources(known);
}
