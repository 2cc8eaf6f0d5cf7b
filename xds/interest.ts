/**
 * What a client asks for. Clients mostly ask for all that there is, one name after the other: that is kept as the shared
 * collection of it and what is different, not as thousands of names for each client.
 */
import { differingNames, NO_RESOURCES, type Resources } from './difference.ts';
import { NameSet } from './names.ts';

const NOTHING: readonly string[] = [];

/** Fewer names than this are kept as they are. */
const MANY = 32;

export class Interest {
  /** In everything, also in what comes later. */
  everything = false;
  /** Grows whenever a name is asked for or no more. */
  revision = 0;
  /** All names in it are asked for, apart from `#without`. */
  #shared: Resources = NO_RESOURCES;
  readonly #without = new NameSet();
  #beside = new NameSet();
  /** As long as nothing is shared: the collection that the names were held against last, how many of them it has, and others. */
  #seen: Resources = NO_RESOURCES;
  #within = 0;
  #others = 0;

  has(name: string): boolean {
    return this.everything || this.names(name);
  }

  /** Whether this name was asked for by itself. */
  names(name: string): boolean {
    if (this.#beside.has(name)) return true;
    return this.#shared !== NO_RESOURCES && this.#shared.has(name) && !this.#without.has(name);
  }

  add(name: string): void {
    this.revision += 1;
    if (this.#shared !== NO_RESOURCES && this.#shared.has(name)) {
      this.#without.delete(name);
      return;
    }
    const before = this.#beside.size;
    this.#beside.add(name);
    if (this.#beside.size > before) this.#counted(name, 1);
  }

  /** False: it was not asked for by itself. */
  delete(name: string): boolean {
    this.revision += 1;
    if (this.#beside.delete(name)) {
      this.#counted(name, -1);
      return true;
    }
    if (this.#shared === NO_RESOURCES || this.#without.has(name) || !this.#shared.has(name)) return false;
    this.#without.add(name);
    return true;
  }

  /** The names that were asked for by themselves. */
  *[Symbol.iterator](): IterableIterator<string> {
    if (this.#shared !== NO_RESOURCES) for (const name of this.#shared.keys()) if (!this.#without.has(name)) yield name;
    yield* this.#beside;
  }

  /** How many names were asked for by themselves. */
  get size(): number {
    const shared = this.#shared === NO_RESOURCES ? 0 : this.#shared.size;
    return shared - this.#without.size + this.#beside.size;
  }

  /** Of names that are kept for this client alone. */
  get bytes(): number {
    return this.#beside.bytes + this.#without.bytes;
  }

  /** No name was asked for by itself. */
  get unnamed(): boolean {
    for (const _ of this) return false;
    return true;
  }

  /**
   * Takes a collection as what the names are compared with, when most of them are in it. Costs what changed since the
   * last one. Returns the names that were asked for and are gone with it.
   */
  follow(target: Resources): readonly string[] {
    if (target === this.#shared) return NOTHING;
    if (this.#shared === NO_RESOURCES) {
      if (this.#beside.size >= MANY) this.#compare(target);
      return NOTHING;
    }
    const gone: string[] = [];
    for (const name of differingNames(this.#shared, target)) {
      const was = this.#shared.has(name);
      const is = target.has(name);
      if (was && !is && !this.#without.delete(name)) gone.push(name);
      if (!was && is && !this.#beside.delete(name)) this.#without.add(name);
    }
    for (const name of gone) this.#beside.add(name);
    this.#shared = target;
    return gone;
  }

  /** Whether all names of the collection that was followed last are asked for. */
  get complete(): boolean {
    return this.everything || (this.#shared !== NO_RESOURCES && this.#without.size === 0);
  }

  /** Shares a collection that has more of the names than it has others. Costs the names once, and then what changes. */
  #compare(target: Resources): void {
    const seen = this.#seen;
    if (seen === NO_RESOURCES) {
      for (const name of this.#beside) if (target.has(name)) this.#within += 1;
      this.#others = target.size - this.#within;
    } else {
      for (const name of differingNames(seen, target)) {
        const gained = Number(target.has(name)) - Number(seen.has(name));
        if (this.#beside.has(name)) this.#within += gained;
        else this.#others += gained;
      }
    }
    this.#seen = target;
    if (this.#within > this.#others) this.#adopt(target);
  }

  /** A name is one more, or one less, of those that are kept for this client alone. */
  #counted(name: string, more: 1 | -1): void {
    if (this.#seen === NO_RESOURCES || !this.#seen.has(name)) return;
    this.#within += more;
    this.#others -= more;
  }

  #adopt(target: Resources): void {
    const beside = new NameSet();
    for (const name of this.#beside) if (!target.has(name)) beside.add(name);
    if (this.#others > 0) {
      // Without an iterator: each client comes by here, and thousands of names would leave an object each.
      target.forEach((_, name) => {
        if (!this.#beside.has(name)) this.#without.add(name);
      });
    }
    this.#beside = beside;
    this.#shared = target;
    this.#seen = NO_RESOURCES;
    this.#within = 0;
    this.#others = 0;
  }
}
