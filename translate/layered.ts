/**
 * Collections put together of others. What a proxy may hold is mostly what all proxies may hold, which in turn is one
 * part per namespace: a changed resource makes its own part anew, and above it only lists of parts.
 */
import type { Resources, ServedResource } from '#xds/source.ts';

/** Up to this many layers are asked in turn, of more there is an index. */
const FEW = 4;

const NOTHING_HIDDEN: ReadonlySet<string> = new Set();

/**
 * Several collections as one. Where several have a name the first decides; `hidden` names are those that only the first
 * may have.
 */
export class LayeredResources implements Resources {
  readonly layers: readonly Resources[];
  readonly hidden: ReadonlySet<string>;
  /** For each name the position of the layer that decides. */
  #index: Map<string, number> | undefined;
  #indexGiven = false;
  #size: number | undefined;

  constructor(layers: readonly Resources[], hidden: ReadonlySet<string> = NOTHING_HIDDEN) {
    this.layers = layers;
    this.hidden = hidden;
  }

  /** Counted once. */
  get size(): number {
    if (this.#size === undefined) {
      let size = 0;
      this.forEach(() => {
        size += 1;
      });
      this.#size = size;
    }
    return this.#size;
  }

  get(name: string): ServedResource | undefined {
    const index = this.#findIndex();
    if (index !== undefined) return this.layers[index.get(name) ?? -1]?.get(name);
    const asked = this.hidden.has(name) ? 1 : this.layers.length;
    for (let at = 0; at < asked; at += 1) {
      const resource = this.layers[at]?.get(name);
      if (resource !== undefined) return resource;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  forEach(callback: (resource: ServedResource, name: string, map: Resources) => void): void {
    this.layers.forEach((layer, at) => {
      layer.forEach((resource, name) => {
        if (this.#decides(at, name)) callback(resource, name, this);
      });
    });
  }

  *entries(): MapIterator<[string, ServedResource]> {
    for (const [at, layer] of this.layers.entries()) {
      for (const entry of layer.entries()) if (this.#decides(at, entry[0])) yield entry;
    }
  }

  *keys(): MapIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): MapIterator<ServedResource> {
    for (const [, resource] of this.entries()) yield resource;
  }

  [Symbol.iterator](): MapIterator<[string, ServedResource]> {
    return this.entries();
  }

  /**
   * Takes over what the collection that this one replaces knows about names, so that an index costs what changed. The
   * other still answers, if slower.
   */
  inherit(previous: LayeredResources): void {
    const index = previous.#index;
    if (index === undefined || previous.layers.length !== this.layers.length) return;
    if (previous.hidden.size + this.hidden.size > 0) return;
    previous.#index = undefined;
    previous.#indexGiven = true;
    this.#index = index;
    for (const [at, after] of this.layers.entries()) {
      const before = previous.layers[at];
      if (before === undefined || before === after) continue;
      for (const name of before.keys()) {
        if (index.get(name) !== at || after.has(name)) continue;
        const next = this.layers.findIndex((layer) => layer.has(name));
        if (next === -1) index.delete(name);
        else index.set(name, next);
      }
      for (const name of after.keys()) if ((index.get(name) ?? Number.POSITIVE_INFINITY) > at) index.set(name, at);
    }
  }

  #decides(at: number, name: string): boolean {
    if (at === 0) return true;
    if (this.hidden.has(name)) return false;
    const index = this.#findIndex();
    if (index !== undefined) return index.get(name) === at;
    for (let earlier = 0; earlier < at; earlier += 1) if (this.layers[earlier]?.has(name) === true) return false;
    return true;
  }

  #findIndex(): Map<string, number> | undefined {
    if (this.#index === undefined && !this.#indexGiven && this.layers.length > FEW) this.#index = this.#buildIndex();
    return this.#index;
  }

  #buildIndex(): Map<string, number> {
    const index = new Map<string, number>();
    this.layers.forEach((layer, at) => {
      layer.forEach((_, name) => {
        if (!index.has(name) && (at === 0 || !this.hidden.has(name))) index.set(name, at);
      });
    });
    return index;
  }
}

const NO_RESOURCES: Resources = new Map();

/** One collection of several, itself when there is only one. */
export function layer(collections: readonly Resources[]): Resources {
  const filled = collections.filter((collection) => collection.layers !== undefined || collection.size > 0);
  const [only = NO_RESOURCES] = filled;
  return filled.length < 2 ? only : new LayeredResources(filled);
}

/**
 * Cut-off test of a query that composes collections: the same layers by identity. A collection that replaces another
 * takes over its index.
 */
export function sameLayers(previous: Resources, next: Resources): boolean {
  if (previous === next) return true;
  if (!(previous instanceof LayeredResources) || !(next instanceof LayeredResources)) return false;
  const same =
    previous.layers.length === next.layers.length &&
    sameNames(previous.hidden, next.hidden) &&
    previous.layers.every((member, at) => member === next.layers[at]);
  if (!same) next.inherit(previous);
  return same;
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a === b || (a.size === b.size && [...a].every((name) => b.has(name)));
}
