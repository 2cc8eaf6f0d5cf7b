/**
 * What one client refuses of a type. A refusal is of a whole response; which of many is meant is found by sending half of
 * them by themselves, again and again.
 */
import { type Change, isWanted } from './change.ts';
import { nameBytes } from './names.ts';
import type { Resources } from './source.ts';
import { parentOf } from './types.ts';
import type { Unit } from './units.ts';

interface Refused {
  /** What it was refused with, as it cannot be parted from it. */
  readonly unit: Unit;
  /** What the client said of it. */
  readonly message: string;
}

export class Refusals {
  /** To be sent one after the other, because a response that held all of them was refused. */
  readonly #suspects: (readonly Unit[])[] = [];
  /** Refused by themselves, by name. Not sent again on this stream as long as the whole unit is wanted like that. */
  readonly #refused = new Map<string, Refused>();
  /** What the client said about the last refusal; empty before the first. */
  message = '';
  #bytes = 0;

  /** Of what is refused, with what the client said, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing is refused, and nothing suspected. */
  get none(): boolean {
    return this.#suspects.length + this.#refused.size === 0;
  }

  /** Some of what was refused together is still to be sent by itself. */
  get searching(): boolean {
    return this.#suspects.length > 0;
  }

  /** Something was refused by itself. */
  get found(): boolean {
    return this.#refused.size > 0;
  }

  /** The client refuses this, and it cannot be taken apart any further. */
  refuse(unit: Unit, message: string): void {
    for (const { name } of unit) {
      this.forget(name);
      this.#refused.set(name, { unit, message });
      this.#bytes += bytesOf(name, message);
    }
  }

  /** The client refuses a response that held all of these: each half goes by itself, except what `parents` have anyway. */
  suspect(units: readonly Unit[], parents: ReadonlySet<string>): void {
    const left = apartFrom(units, parents);
    const middle = Math.ceil(left.length / 2);
    this.#suspects.unshift(left.slice(0, middle), left.slice(middle));
  }

  /** What belongs to these parents comes with all the others of its parent, and is suspected no longer. */
  acquit(parents: ReadonlySet<string>): void {
    this.#suspects.forEach((units, at) => {
      this.#suspects[at] = apartFrom(units, parents);
    });
  }

  /** Whether the client has refused exactly this, by itself or with what cannot be parted from it. */
  refuses(name: string, target: Resources): boolean {
    return this.#refused.get(name)?.unit.every((change) => isWanted(change, target)) ?? false;
  }

  /** The client has taken what it refused before. */
  forget(name: string): void {
    const refused = this.#refused.get(name);
    if (refused === undefined) return;
    this.#refused.delete(name);
    this.#bytes -= bytesOf(name, refused.message);
  }

  /** Lets what was refused of a parent be sent once more. */
  forgetParent(parent: string): void {
    for (const name of this.#refused.keys()) if (parentOf(name) === parent) this.forget(name);
  }

  /**
   * The next suspects that are still wanted as they were refused, the same until they are `tried`; the others will be looked
   * at as ordinary changes.
   */
  nextSuspects(target: Resources, subscribed: (name: string) => boolean): readonly Change[] | undefined {
    for (let [units] = this.#suspects; units !== undefined; [units] = this.#suspects) {
      const wanted = units.filter((unit) =>
        unit.every((change) => subscribed(change.name) && isWanted(change, target)),
      );
      if (wanted.length > 0) return wanted.flat();
      this.#suspects.shift();
    }
    return undefined;
  }

  /** The next suspects have been sent. */
  tried(): void {
    this.#suspects.shift();
  }

  /** Parents of what was tried and is wanted otherwise now. */
  outdatedParents(target: Resources): ReadonlySet<string> {
    const tried = [...this.#suspects.flat(2), ...[...this.#refused.values()].flatMap(({ unit }) => unit)];
    return new Set(tried.filter((change) => !isWanted(change, target)).map(({ name }) => parentOf(name)));
  }

  /** Names of what is refused as it stands in the target, sorted, by what the client said. Forgets the rest. */
  standing(target: Resources, subscribed: (name: string) => boolean): ReadonlyMap<string, readonly string[]> {
    const standing = new Map<string, string[]>();
    for (const [name, { message }] of [...this.#refused].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!subscribed(name) || !this.refuses(name, target)) {
        this.forget(name);
        continue;
      }
      const names = standing.get(message);
      if (names === undefined) standing.set(message, [name]);
      else names.push(name);
    }
    return standing;
  }
}

const bytesOf = (name: string, message: string): number => nameBytes(name) + message.length;

function apartFrom(units: readonly Unit[], parents: ReadonlySet<string>): readonly Unit[] {
  if (parents.size === 0) return units;
  return units.filter(([change]) => !parents.has(parentOf(change?.name ?? '')));
}
