/**
 * What a client asks for. Clients mostly ask for all that there is, one name after the other: that is kept as the shared
 * collection of it and what is different, not as thousands of names for each client.
 */
import { differingNames, NO_RESOURCES, type Resources } from './difference.ts';

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
  readonly #without = new Set<string>();
  #beside = new Set<string>();

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
    if (this.#shared !== NO_RESOURCES && this.#shared.has(name)) this.#without.delete(name);
    else this.#beside.add(name);
  }

  delete(name: string): void {
    this.revision += 1;
    if (this.#beside.delete(name)) return;
    if (this.#shared !== NO_RESOURCES && this.#shared.has(name)) this.#without.add(name);
  }

  /** The names that were asked for by themselves. */
  *[Symbol.iterator](): IterableIterator<string> {
    if (this.#shared !== NO_RESOURCES) for (const name of this.#shared.keys()) if (!this.#without.has(name)) yield name;
    yield* this.#beside;
  }

  /** How many names are kept for this client alone. */
  get own(): number {
    return this.#beside.size + this.#without.size;
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
      if (this.#beside.size >= MANY) this.#adopt(target);
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

  #adopt(target: Resources): void {
    const beside: string[] = [];
    for (const name of this.#beside) if (!target.has(name)) beside.push(name);
    const within = this.#beside.size - beside.length;
    const missing = target.size - within;
    if (within <= missing) return;
    if (missing > 0) {
      // Without an iterator: each client comes by here, and thousands of names would leave an object each.
      target.forEach((_, name) => {
        if (!this.#beside.has(name)) this.#without.add(name);
      });
    }
    this.#beside = new Set(beside);
    this.#shared = target;
  }
}
