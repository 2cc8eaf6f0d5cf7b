/**
 * What differs between two shared collections of resources, computed once for all sessions that move from the one to the
 * other, and who names a cluster in a collection. Collections are compared by identity; they never change. One that is
 * put together of layers is compared layer by layer, and what is known of a layer serves every collection that has it.
 */
import { rememberPairs } from '#runtime/core/index.ts';
import type { Resources, Types } from './source.ts';
import { ALL_TYPES, parentOf, RESOURCE_TYPES, resourceType } from './types.ts';

export type { Resources } from './source.ts';

export const NO_RESOURCES: Resources = new Map();

const NOTHING: readonly string[] = [];

const compareOnce = rememberPairs((from: Resources, to: Resources): readonly string[] =>
  isLayered(from) && isLayered(to) ? compareLayers(from, to) : compare(from, to),
);

/** Names that one side lacks or holds in another version. */
export function differingNames(from: Resources, to: Resources): readonly string[] {
  return from === to ? NOTHING : compareOnce(from, to);
}

/** The set of types that two snapshots do not have alike. */
export function differingTypes(from: Types | undefined, to: Types | undefined): number {
  if (from === undefined || to === undefined) return ALL_TYPES;
  if (from.shared === undefined || to.shared === undefined || from.own !== to.own) return compareTypes(from, to);
  return compareTypesOnce(from.shared, to.shared) & ~typesOf(from.own);
}

function compareTypes(from: Types, to: Types): number {
  let types = 0;
  for (const { typeUrl, bit } of RESOURCE_TYPES) if (from.get(typeUrl) !== to.get(typeUrl)) types |= bit;
  return types;
}

const compareTypesOnce = rememberPairs(compareTypes);

const typeSets = new WeakMap<Types, number>();

function typesOf(own: Types | undefined): number {
  if (own === undefined) return 0;
  let types = typeSets.get(own);
  if (types === undefined) {
    types = 0;
    for (const typeUrl of own.keys()) types |= resourceType(typeUrl)?.bit ?? 0;
    typeSets.set(own, types);
  }
  return types;
}

interface Layered extends Resources {
  readonly layers: readonly Resources[];
}

function isLayered(resources: Resources): resources is Layered {
  return resources.layers !== undefined;
}

function compare(from: Resources, to: Resources): readonly string[] {
  const names: string[] = [];
  to.forEach((resource, name) => {
    const before = from.get(name);
    if (before !== resource && before?.version !== resource.version) names.push(name);
  });
  if (from.size > 0) for (const name of from.keys()) if (!to.has(name)) names.push(name);
  return names;
}

/** A name that differs in a layer need not differ in the whole: another layer may have had it already. */
function compareLayers(from: Layered, to: Layered): readonly string[] {
  const names = new Set<string>();
  const add = (name: string) => void names.add(name);
  for (const [before, after] of changedLayers(from, to)) differingNames(before, after).forEach(add);
  if (from.hidden !== to.hidden) {
    for (const name of from.hidden ?? NOTHING) if (to.hidden?.has(name) !== true) add(name);
    for (const name of to.hidden ?? NOTHING) if (from.hidden?.has(name) !== true) add(name);
  }
  return [...names].filter((name) => from.get(name)?.version !== to.get(name)?.version);
}

/** Pairs of layers that took each other's place; those that stayed are left out. */
function changedLayers(from: Layered, to: Layered): readonly (readonly [Resources, Resources])[] {
  const before = from.layers;
  const after = to.layers;
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let kept = 0;
  // What is hidden depends on the place of a layer, so a layer that moved may show other names.
  if ((from.hidden?.size ?? 0) + (to.hidden?.size ?? 0) === 0) {
    const most = Math.min(before.length, after.length) - start;
    while (kept < most && before.at(-1 - kept) === after.at(-1 - kept)) kept += 1;
  }
  const pairs: [Resources, Resources][] = [];
  const rest = Math.max(before.length, after.length) - kept - start;
  const alike = before.length === after.length;
  for (let at = start; at < start + rest; at += 1) {
    const old = (at < before.length - kept ? before[at] : undefined) ?? NO_RESOURCES;
    const next = (at < after.length - kept ? after[at] : undefined) ?? NO_RESOURCES;
    if (old === next) continue;
    if (alike) pairs.push([old, next]);
    else pairs.push([old, NO_RESOURCES], [NO_RESOURCES, next]);
  }
  return pairs;
}

const parents = new WeakMap<Resources, readonly string[]>();

/** What the resources of a collection belong to. */
export function parentsIn(resources: Resources): readonly string[] {
  let known = parents.get(resources);
  if (known === undefined) {
    const found = isLayered(resources) ? resources.layers.flatMap(parentsIn) : [...resources.keys()].map(parentOf);
    known = [...new Set(found)];
    parents.set(resources, known);
  }
  return known;
}

const routes = new WeakMap<Resources, readonly string[]>();

/** The route configurations that the listeners of a collection ask for. */
export function routesNamedIn(listeners: Resources): readonly string[] {
  let known = routes.get(listeners);
  if (known === undefined) {
    const found = isLayered(listeners)
      ? listeners.layers.flatMap(routesNamedIn)
      : [...listeners.values()].flatMap(({ routeNames = NOTHING }) => routeNames);
    known = [...new Set(found)];
    routes.set(listeners, known);
  }
  return known;
}

const namings = new WeakMap<Resources, Map<string, readonly string[]>>();

/** The resources of a collection that need this cluster. */
export function needingNames(resources: Resources, cluster: string): readonly string[] {
  let index = namings.get(resources);
  if (index === undefined) {
    index = isLayered(resources) ? new Map() : indexNeeds(resources);
    namings.set(resources, index);
  }
  const known = index.get(cluster);
  if (known !== undefined || !isLayered(resources)) return known ?? NOTHING;
  const found = new Set(resources.layers.flatMap((layer) => needingNames(layer, cluster)));
  const names = [...found].filter((name) => resources.get(name)?.needs.includes(cluster) === true);
  // Of clusters that nobody names a client may bring along any number.
  if (names.length > 0) index.set(cluster, names);
  return names;
}

function indexNeeds(resources: Resources): Map<string, readonly string[]> {
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
