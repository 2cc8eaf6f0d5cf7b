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

export const NO_LAYERS: readonly Resources[] = [];

/** Smaller layers are no steps of their own. */
const FEW_NAMES = 8;

/**
 * Of a collection whose layers get in each other's way, those far down that nevertheless are in it as they stand: other
 * collections have them too, and what differs is mostly little. None has a name in common with another.
 */
export function sharedLayers(to: Resources): readonly Resources[] {
  const all = lowestLayers(to);
  const known = new Set<string>();
  const shared = all.filter((layer) => {
    if (layer.size < FEW_NAMES) return false;
    for (const [name, resource] of layer) if (known.has(name) || to.get(name) !== resource) return false;
    for (const name of layer.keys()) known.add(name);
    return true;
  });
  // Where no layer gets in the way of another, the collection is itself what others have too.
  return known.size === to.size ? NO_LAYERS : shared;
}

function lowestLayers(resources: Resources): readonly Resources[] {
  return resources.layers === undefined ? [resources] : resources.layers.flatMap(lowestLayers);
}
