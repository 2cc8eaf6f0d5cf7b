/**
 * Several maps as one: what a proxy gets is a shared part and a part of its own, and the shared part is big.
 * Names never repeat across layers; where they did, the first layer wins in `get` and both show in iteration.
 */
export class LayeredMap<V> implements ReadonlyMap<string, V> {
  readonly layers: readonly ReadonlyMap<string, V>[];

  constructor(layers: readonly ReadonlyMap<string, V>[]) {
    this.layers = layers;
  }

  get size(): number {
    return this.layers.reduce((sum, layer) => sum + layer.size, 0);
  }

  get(name: string): V | undefined {
    for (const layer of this.layers) {
      const value = layer.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.layers.some((layer) => layer.has(name));
  }

  forEach(callback: (value: V, name: string, map: ReadonlyMap<string, V>) => void): void {
    for (const layer of this.layers) for (const [name, value] of layer) callback(value, name, this);
  }

  *entries(): MapIterator<[string, V]> {
    for (const layer of this.layers) yield* layer.entries();
  }

  *keys(): MapIterator<string> {
    for (const layer of this.layers) yield* layer.keys();
  }

  *values(): MapIterator<V> {
    for (const layer of this.layers) yield* layer.values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}

/** One map of several, itself when there is only one. */
export function layer<V>(maps: readonly ReadonlyMap<string, V>[]): ReadonlyMap<string, V> {
  const filled = maps.filter((map) => map.size > 0);
  const [only] = filled;
  return filled.length === 1 && only ? only : new LayeredMap(filled);
}

/** Same layers by identity. */
export function sameLayers<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  if (a === b) return true;
  if (!(a instanceof LayeredMap) || !(b instanceof LayeredMap)) return false;
  return a.layers.length === b.layers.length && a.layers.every((member, at) => member === b.layers[at]);
}
