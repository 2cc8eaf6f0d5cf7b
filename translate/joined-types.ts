import type { Resources } from '#xds/source.ts';
import type { Types } from './snapshots.ts';

/** Types of a view, before which stand those that a proxy has otherwise: a map for each proxy would be made of the same again and again. */
export class JoinedTypes implements ReadonlyMap<string, Resources> {
  readonly #view: Types;
  readonly #own: Types;

  constructor(view: Types, own: Types) {
    this.#view = view;
    this.#own = own;
  }

  get size(): number {
    let { size } = this.#view;
    for (const type of this.#own.keys()) if (!this.#view.has(type)) size += 1;
    return size;
  }

  get(type: string): Resources | undefined {
    return this.#own.get(type) ?? this.#view.get(type);
  }

  has(type: string): boolean {
    return this.#own.has(type) || this.#view.has(type);
  }

  forEach(callback: (resources: Resources, type: string, map: Types) => void): void {
    for (const [type, resources] of this.entries()) callback(resources, type, this);
  }

  *entries(): MapIterator<[string, Resources]> {
    for (const [type, resources] of this.#view) yield [type, this.#own.get(type) ?? resources];
    for (const entry of this.#own) if (!this.#view.has(entry[0])) yield entry;
  }

  *keys(): MapIterator<string> {
    for (const [type] of this.entries()) yield type;
  }

  *values(): MapIterator<Resources> {
    for (const [, resources] of this.entries()) yield resources;
  }

  [Symbol.iterator](): MapIterator<[string, Resources]> {
    return this.entries();
  }
}
