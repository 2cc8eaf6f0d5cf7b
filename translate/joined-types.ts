import type { Resources, Types } from '#xds/source.ts';

/** Types of a view, before which stand those that a proxy has otherwise: a map for each proxy would be made of the same again and again. */
export class JoinedTypes implements Types {
  readonly shared: Types;
  readonly own: Types;

  constructor(view: Types, own: Types) {
    this.shared = view;
    this.own = own;
  }

  get size(): number {
    let { size } = this.shared;
    for (const type of this.own.keys()) if (!this.shared.has(type)) size += 1;
    return size;
  }

  get(type: string): Resources | undefined {
    return this.own.get(type) ?? this.shared.get(type);
  }

  has(type: string): boolean {
    return this.own.has(type) || this.shared.has(type);
  }

  forEach(callback: (resources: Resources, type: string, map: Types) => void): void {
    for (const [type, resources] of this.entries()) callback(resources, type, this);
  }

  *entries(): MapIterator<[string, Resources]> {
    for (const [type, resources] of this.shared) yield [type, this.own.get(type) ?? resources];
    for (const entry of this.own) if (!this.shared.has(entry[0])) yield entry;
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
