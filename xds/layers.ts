/**
 * Which layers of a collection go into responses by themselves. What is put together of a layer is put together once for
 * all collections that have it.
 */
import type { Resources } from './source.ts';

/** More layers than this are taken together, so that there are few steps. */
const MOST_LAYERS = 4;

const separations = new WeakMap<Resources, readonly Resources[] | null>();

/** The layers of a collection, when no two of them have a name in common; undefined when that isn't certain. */
export function separateLayers(resources: Resources): readonly Resources[] | undefined {
  let known = separations.get(resources);
  if (known === undefined) {
    known = areSeparate(resources) ? (resources.layers ?? null) : null;
    separations.set(resources, known);
  }
  return known ?? undefined;
}

/** Looks only at what is small: one layer may be as big as it likes, and the others are held against it. */
function areSeparate({ layers, hidden }: Resources): boolean {
  if (layers === undefined || layers.length > MOST_LAYERS || (hidden?.size ?? 0) > 0) return false;
  const big = layers.filter((layer) => layer.layers !== undefined);
  if (big.length > 1) return false;
  return layers.every(
    (layer) =>
      layer.layers !== undefined ||
      (layer.size <= MOST_NAMES &&
        layers.every((other) => other === layer || ![...layer.keys()].some((name) => other.has(name)))),
  );
}

const MOST_NAMES = 100;

const partitions = new WeakMap<Resources, readonly Resources[]>();

/**
 * All of a collection in parts as small as the layers of its layers, with no name in two of them; the collection itself where
 * it has no layers. What a layer has and an earlier one decides is left out of its part: other collections have the other
 * parts too, and what differs is mostly little.
 */
export function partsOf(resources: Resources): readonly Resources[] {
  let parts = partitions.get(resources);
  if (parts === undefined) {
    parts = resolveParts(resources);
    partitions.set(resources, parts);
  }
  return parts;
}

function resolveParts(resources: Resources): readonly Resources[] {
  const { layers } = resources;
  if (layers === undefined) return [resources];
  if (separateLayers(resources) !== undefined || isDisjoint(resources, layers)) return layers.flatMap(partsOf);
  const parts: Resources[] = [];
  const decided = new Set<string>();
  for (const [at, layer] of layers.entries()) {
    if (at === 1) for (const name of resources.hidden ?? []) decided.add(name);
    const shadowed = new Set([...decided].filter((name) => layer.has(name)));
    for (const part of partsOf(layer)) {
      const left = without(part, shadowed);
      if (left.size > 0) parts.push(left);
    }
    if (at < layers.length - 1) for (const name of layer.keys()) decided.add(name);
  }
  return parts;
}

function isDisjoint({ size, hidden }: Resources, layers: readonly Resources[]): boolean {
  return (hidden?.size ?? 0) === 0 && size === layers.reduce((sum, layer) => sum + layer.size, 0);
}

function without(part: Resources, names: ReadonlySet<string>): Resources {
  if (names.size === 0 || ![...part.keys()].some((name) => names.has(name))) return part;
  return new Map([...part].filter(([name]) => !names.has(name)));
}
