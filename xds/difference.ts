/**
 * What differs between two shared collections of resources, computed once for all sessions that move from the one to the
 * other, and who names a cluster in a collection. Collections are compared by identity; they never change.
 */
import type { ServedResource } from './source.ts';

export type Resources = ReadonlyMap<string, ServedResource>;

export const NO_RESOURCES: Resources = new Map();

const differences = new WeakMap<Resources, WeakMap<Resources, readonly string[]>>();

/** Names that one side lacks or holds in another version. */
export function differingNames(from: Resources, to: Resources): readonly string[] {
  if (from === to) return [];
  let known = differences.get(from);
  if (known === undefined) {
    known = new WeakMap();
    differences.set(from, known);
  }
  let names = known.get(to);
  if (names === undefined) {
    names = compare(from, to);
    known.set(to, names);
  }
  return names;
}

function compare(from: Resources, to: Resources): readonly string[] {
  const names: string[] = [];
  for (const [name, resource] of to) {
    const before = from.get(name);
    if (before !== resource && before?.version !== resource.version) names.push(name);
  }
  for (const name of from.keys()) if (!to.has(name)) names.push(name);
  return names;
}

const namings = new WeakMap<Resources, ReadonlyMap<string, readonly string[]>>();

/** For each cluster, the resources of the collection that need it. */
export function needingNames(resources: Resources, cluster: string): readonly string[] {
  let index = namings.get(resources);
  if (index === undefined) {
    index = indexNeeds(resources);
    namings.set(resources, index);
  }
  return index.get(cluster) ?? [];
}

function indexNeeds(resources: Resources): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const { name, needs } of resources.values()) {
    for (const cluster of needs) {
      const names = index.get(cluster);
      if (names === undefined) index.set(cluster, [name]);
      else names.push(name);
    }
  }
  return index;
}
