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

/** A set of keys that is read in sorted order much more often than it changes. */
class Members {
  readonly #keys = new Set<string>();
  #sorted: readonly string[] = NOTHING;
  #added: string[] = [];
  #fresh = true;

  get size(): number {
    return this.#keys.size;
  }

  add(key: string): void {
    this.#keys.add(key);
    this.#added.push(key);
    this.#fresh = false;
  }

  delete(key: string): void {
    this.#keys.delete(key);
    this.#fresh = false;
  }

  /** The array is replaced, never changed, so a reader may keep it. */
  sorted(): readonly string[] {
    if (this.#fresh) return this.#sorted;
    // The old order with the few new keys behind it sorts in nearly linear time.
    const next = new Set<string>();
    for (const key of this.#sorted) if (this.#keys.has(key)) next.add(key);
    for (const key of this.#added) if (this.#keys.has(key)) next.add(key);
    this.#sorted = [...next].sort();
    this.#added = [];
    this.#fresh = true;
    return this.#sorted;
  }
}

/** The keys under one bucket name: `content` changes with any member's value, `membership` only with the set of keys. */
export class Bucket {
  readonly members = new Members();
  readonly content = new Source();
  readonly membership = new Source();
  values: readonly unknown[] | undefined = undefined;

  get unused(): boolean {
    return this.members.size === 0 && this.content.dependents === undefined && this.membership.dependents === undefined;
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
    return this.#all.members.size;
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
    bucket.values ??= bucket.members.sorted().map((key) => this.#cells.get(key)?.value);
    return bucket.values;
  }

  bucketNames(name: string): readonly string[] {
    const index = this.#index(name);
    index.sortedNames ??= [...index.buckets]
      .filter(([, bucket]) => bucket.members.size > 0)
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
            (bucket.members.size === 0 ? wasEmpty : wasFilled).set(bucket, index);
          moveMember(bucket, key, left.has(name), joined.has(name), changed);
        }
      }
      moveMember(this.#all, key, before !== undefined, after !== undefined, changed);
      this.#store(key, after, changed);
    }
    const renamed = new Set<Index>();
    for (const [bucket, index] of wasEmpty) if (bucket.members.size > 0) renamed.add(index);
    for (const [bucket, index] of wasFilled) if (bucket.members.size === 0) renamed.add(index);
    for (const index of renamed) {
      index.sortedNames = undefined;
      changed(index.names);
    }
  }

  /** Everything that a query can depend on, with what errors and debugging call it. */
  *sources(): Iterable<readonly [Source, string]> {
    yield [this.#all.membership, `${this.name} keys`];
    for (const [key, cell] of this.#cells) yield [cell, `${this.name}[${key}]`];
    for (const [index, { buckets, names }] of this.#indexes) {
      yield [names, `${this.name}.${index} names`];
      for (const [name, bucket] of buckets) {
        yield [bucket.content, `${this.name}.${index}[${name}]`];
        yield [bucket.membership, `${this.name}.${index}[${name}] keys`];
      }
    }
  }

  /** Drops cells and buckets that hold nothing and that no query depends on. */
  sweep(): void {
    for (const [key, cell] of this.#cells) if (!cell.present && cell.dependents === undefined) this.#cells.delete(key);
    for (const index of this.#indexes.values()) {
      for (const [name, bucket] of index.buckets) if (bucket.unused) index.buckets.delete(name);
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
    if (is) bucket.members.add(key);
    else bucket.members.delete(key);
    changed(bucket.membership);
  }
  bucket.values = undefined;
  changed(bucket.content);
}
