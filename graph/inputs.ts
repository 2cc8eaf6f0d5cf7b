/** Storage of one input: its values, its indexes, and the sources that queries depend on when they read them. */

import { Source } from './source.ts';
import type { IndexFunction } from './types.ts';

/** Told about every source whose value became different. */
export type OnChanged = (source: Source) => void;

/** One key of an input; kept while present or while a query depends on its absence. */
export class Cell extends Source {
  value: unknown = undefined;
  present = false;
}

const NOTHING: readonly never[] = [];

/**
 * The keys under one bucket name. Most buckets have one key and are never read, so everything else is made when it is
 * needed. They are read in sorted order much more often than they change.
 */
export class Bucket {
  /** Changes with any member's value; undefined: nobody has read it. */
  content: Source | undefined = undefined;
  /** Changes only with the set of keys; undefined: nobody has read it. */
  membership: Source | undefined = undefined;
  values: readonly unknown[] | undefined = undefined;
  #keys: string | Set<string> | undefined = undefined;
  #sorted: readonly string[] | undefined = undefined;
  /** What came since the keys were sorted; undefined: they are in order. */
  #added: string[] | undefined = undefined;

  get size(): number {
    if (this.#keys === undefined) return 0;
    return typeof this.#keys === 'string' ? 1 : this.#keys.size;
  }

  has(key: string): boolean {
    return typeof this.#keys === 'string' ? this.#keys === key : (this.#keys?.has(key) ?? false);
  }

  add(key: string): void {
    if (this.#keys === undefined) this.#keys = key;
    else if (typeof this.#keys === 'string') this.#keys = new Set([this.#keys, key]);
    else this.#keys.add(key);
    if (this.#sorted === undefined) return;
    this.#added ??= [];
    this.#added.push(key);
  }

  delete(key: string): void {
    if (typeof this.#keys === 'string') this.#keys = undefined;
    else this.#keys?.delete(key);
    if (this.#sorted !== undefined) this.#added ??= [];
  }

  /** The array is replaced, never changed, so a reader may keep it. */
  sortedKeys(): readonly string[] {
    if (this.#sorted !== undefined && this.#added === undefined) return this.#sorted;
    // The old order with the few new keys behind it sorts in nearly linear time.
    const known = [...(this.#sorted ?? this.#all()), ...(this.#added ?? NOTHING)];
    this.#sorted = [...new Set(known.filter((key) => this.has(key)))].sort();
    this.#added = undefined;
    return this.#sorted;
  }

  /** Readers are told of changes of the content from now on. */
  readContent(): Source {
    this.content ??= new Source();
    return this.content;
  }

  readMembership(): Source {
    this.membership ??= new Source();
    return this.membership;
  }

  /** Forgets what nobody depends on; says whether nothing is left. */
  sweep(): boolean {
    if (this.content?.dependents === undefined) this.content = undefined;
    if (this.membership?.dependents === undefined) this.membership = undefined;
    return this.size === 0 && this.content === undefined && this.membership === undefined;
  }

  #all(): Iterable<string> {
    return typeof this.#keys === 'string' ? [this.#keys] : (this.#keys ?? NOTHING);
  }
}

class Index {
  readonly of: IndexFunction<unknown>;
  readonly buckets = new Map<string, Bucket>();
  /** Changes when a bucket becomes empty or stops being empty. */
  readonly names = new Source();
  sortedNames: readonly string[] | undefined = undefined;

  constructor(of: IndexFunction<unknown>) {
    this.of = of;
  }

  bucket(name: string): Bucket {
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      bucket = new Bucket();
      this.buckets.set(name, bucket);
    }
    return bucket;
  }
}

/** A staged change: the value a key is to have, or its absence. */
export type Staged = { readonly value: unknown } | 'deleted';

export class InputTable {
  readonly name: string;
  /** The revision of the last batch that changed anything in it. */
  changedAt = Number.NEGATIVE_INFINITY;
  readonly #equal: (previous: unknown, next: unknown) => boolean;
  readonly #cells = new Map<string, Cell>();
  readonly #indexes = new Map<string, Index>();
  readonly #all = new Bucket();

  constructor(
    name: string,
    equal: (previous: unknown, next: unknown) => boolean,
    indexes: Readonly<Record<string, IndexFunction<unknown>>>,
  ) {
    this.name = name;
    this.#equal = equal;
    for (const [index, of] of Object.entries(indexes)) this.#indexes.set(index, new Index(of));
  }

  get size(): number {
    return this.#all.size;
  }

  peek(key: string): unknown {
    return this.#cells.get(key)?.value;
  }

  cell(key: string): Cell {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = new Cell();
      this.#cells.set(key, cell);
    }
    return cell;
  }

  all(): Bucket {
    return this.#all;
  }

  bucket(index: string, name: string): Bucket {
    return this.#index(index).bucket(name);
  }

  names(index: string): Source {
    return this.#index(index).names;
  }

  /** The values of a bucket in the order of their keys; the array is shared until the bucket changes. */
  values(bucket: Bucket): readonly unknown[] {
    bucket.values ??= bucket.sortedKeys().map((key) => this.#cells.get(key)?.value);
    return bucket.values;
  }

  bucketNames(name: string): readonly string[] {
    const index = this.#index(name);
    index.sortedNames ??= [...index.buckets]
      .filter(([, bucket]) => bucket.size > 0)
      .map(([bucketName]) => bucketName)
      .sort();
    return index.sortedNames;
  }

  /** Applies the net changes of a batch; values that are equal to the present ones change nothing. */
  apply(changes: ReadonlyMap<string, Staged>, changed: OnChanged): void {
    const wasEmpty = new Map<Bucket, Index>();
    const wasFilled = new Map<Bucket, Index>();
    for (const [key, staged] of changes) {
      const cell = this.#cells.get(key);
      const before = cell?.present ? { value: cell.value } : undefined;
      const after = staged === 'deleted' ? undefined : staged;
      if (before === undefined ? after === undefined : after !== undefined && this.#equal(before.value, after.value))
        continue;
      for (const index of this.#indexes.values()) {
        const left = new Set(before === undefined ? NOTHING : index.of(before.value, key));
        const joined = new Set(after === undefined ? NOTHING : index.of(after.value, key));
        for (const name of new Set([...left, ...joined])) {
          const bucket = index.bucket(name);
          if (!wasEmpty.has(bucket) && !wasFilled.has(bucket))
            (bucket.size === 0 ? wasEmpty : wasFilled).set(bucket, index);
          moveMember(bucket, key, left.has(name), joined.has(name), changed);
        }
      }
      moveMember(this.#all, key, before !== undefined, after !== undefined, changed);
      this.#store(key, after, changed);
    }
    const renamed = new Set<Index>();
    for (const [bucket, index] of wasEmpty) if (bucket.size > 0) renamed.add(index);
    for (const [bucket, index] of wasFilled) if (bucket.size === 0) renamed.add(index);
    for (const index of renamed) {
      index.sortedNames = undefined;
      changed(index.names);
    }
  }

  /** Everything that a query can depend on, with what errors and debugging call it. */
  *sources(): Iterable<readonly [Source, string]> {
    if (this.#all.membership !== undefined) yield [this.#all.membership, `${this.name} keys`];
    for (const [key, cell] of this.#cells) yield [cell, `${this.name}[${key}]`];
    for (const [index, { buckets, names }] of this.#indexes) {
      yield [names, `${this.name}.${index} names`];
      for (const [name, bucket] of buckets) {
        if (bucket.content !== undefined) yield [bucket.content, `${this.name}.${index}[${name}]`];
        if (bucket.membership !== undefined) yield [bucket.membership, `${this.name}.${index}[${name}] keys`];
      }
    }
  }

  /** Drops cells and buckets that hold nothing and that no query depends on. */
  sweep(): void {
    for (const [key, cell] of this.#cells) if (!cell.present && cell.dependents === undefined) this.#cells.delete(key);
    for (const index of this.#indexes.values()) {
      for (const [name, bucket] of index.buckets) if (bucket.sweep()) index.buckets.delete(name);
    }
  }

  #store(key: string, after: { readonly value: unknown } | undefined, changed: OnChanged): void {
    const cell = this.cell(key);
    cell.present = after !== undefined;
    cell.value = after?.value;
    changed(cell);
    if (after === undefined && cell.dependents === undefined) this.#cells.delete(key);
  }

  #index(name: string): Index {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`input ${this.name} has no index ${name}`);
    return index;
  }
}

function moveMember(bucket: Bucket, key: string, was: boolean, is: boolean, changed: OnChanged): void {
  if (was !== is) {
    if (is) bucket.add(key);
    else bucket.delete(key);
    if (bucket.membership !== undefined) changed(bucket.membership);
  }
  bucket.values = undefined;
  if (bucket.content !== undefined) changed(bucket.content);
}
