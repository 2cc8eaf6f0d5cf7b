/**
 * What a client holds of one type: a shared collection as the base, and a sparse overlay of exceptions. So a thousand
 * clients that hold the same thing cost one collection.
 */
import { differingNames, NO_RESOURCES, needingNames, parentsIn, type Resources } from './difference.ts';
import { bytesOf, fromResource, type Held, isStray, needsOf, same } from './held.ts';
import { Interest } from './interest.ts';
import type { ServedResource } from './source.ts';
import { isOnFirstWay, type Pace, type Step, stepsBetween } from './steps.ts';
import { parentOf } from './types.ts';

export class Holdings {
  /** What it asks for; of resources that belong to others, those. */
  readonly interest = new Interest();
  readonly #byParent: boolean;
  #base: Resources = NO_RESOURCES;
  /** Exceptions from the base among what it asks for; null: does not hold it. */
  readonly #overlay = new Map<string, Held | null>();
  /**
   * Further exceptions: what only an earlier stream knew and the base has nothing of. A client may claim to hold any
   * number of things that there are none of, so these are left aside wherever others are looked at one by one.
   */
  readonly #strays = new Map<string, Held>();
  /** Of exceptions, and of the names and versions that only an earlier stream knew. */
  #bytes = 0;
  /** Where the way leads that the client rests on, as it asks for nothing of what is left; and what it asked for then. */
  #rest: { readonly target: Resources; readonly interest: number } | undefined;

  constructor(byParent = false) {
    this.#byParent = byParent;
  }

  subscribed(name: string): boolean {
    return this.interest.has(this.#byParent ? parentOf(name) : name);
  }

  /** Takes an interest in what belongs to these parents. Of those that are new to it the client holds nothing yet. */
  adopt(parents: readonly string[]): void {
    const fresh = new Set(parents.filter((parent) => !this.interest.names(parent)));
    if (fresh.size === 0) return;
    for (const parent of fresh) this.interest.add(parent);
    this.#dropAll((name) => fresh.has(parentOf(name)));
    for (const name of this.#base.keys()) if (fresh.has(parentOf(name))) this.#except(name, null);
  }

  /** The client is interested no longer: in a name, in what belongs to a parent, or (`*`) in everything. */
  lose(name: string): void {
    if (name === '*') {
      if (!this.interest.everything) return;
      this.interest.everything = false;
      this.#dropAll((held) => !this.subscribed(held));
    } else if (this.interest.delete(name) && !this.interest.everything) {
      if (this.#byParent) this.#dropAll((held) => parentOf(held) === name);
      else this.#drop(name);
    }
  }

  held(name: string): Held | undefined {
    if (!this.subscribed(name)) return undefined;
    const exception = this.#overlay.get(name);
    if (exception !== undefined) return exception ?? undefined;
    const resource = this.#base.get(name);
    return resource === undefined ? this.#strays.get(name) : fromResource(resource);
  }

  /** Whether the client certainly holds it, in whatever version. Faster than `held`. */
  holds(name: string): boolean {
    if (!this.subscribed(name)) return false;
    const exception = this.#overlay.get(name);
    if (exception === undefined) return this.#base.has(name) || this.#strays.has(name);
    if (exception?.version === undefined) return false;
    return exception.doubts?.every((resource) => resource !== undefined) ?? true;
  }

  /** Records what the client holds under this name from now on; undefined: nothing. */
  record(name: string, held: Held | undefined): void {
    this.#place(name, held ?? null, this.#base);
  }

  acknowledge(name: string, resource: ServedResource | undefined): void {
    this.record(name, resource === undefined ? undefined : fromResource(resource));
  }

  /** The client refused a response that had this change in it, among others. */
  doubt(name: string, resource: ServedResource | undefined): void {
    const before = this.held(name) ?? { version: undefined, needs: [] };
    this.record(name, { ...before, doubts: [...(before.doubts ?? []), resource] });
  }

  /** The client certainly did not do this change; what else is in doubt remains so. */
  settleDoubt(name: string, resource: ServedResource | undefined): void {
    const before = this.held(name);
    if (before?.doubts === undefined) return;
    const { doubts, ...certain } = before;
    const left = doubts.filter((doubtful) => doubtful?.version !== resource?.version);
    if (left.length > 0) this.record(name, { ...certain, doubts: left });
    else this.record(name, certain.version === undefined ? undefined : certain);
  }

  /** Parents of what the client claims to hold. */
  claimedParents(): ReadonlySet<string> {
    const parents = new Set<string>();
    for (const held of [this.#overlay, this.#strays])
      for (const [name, exception] of held) if (exception?.claimed === true) parents.add(parentOf(name));
    return parents;
  }

  /**
   * Makes a collection the base; costs what changed. Returns the names that the client does not hold as they stand there,
   * without strays.
   */
  rebase(target: Resources): Iterable<string> {
    for (const name of differingNames(this.#base, target)) {
      const exception = this.#exceptionAt(name);
      if (exception !== undefined) this.#place(name, exception, target);
      else if (this.subscribed(name)) {
        const resource = this.#base.get(name);
        this.#except(name, resource === undefined ? null : fromResource(resource));
      }
    }
    this.#base = target;
    this.#rest = undefined;
    return this.#overlay.keys();
  }

  /** What the client claims to hold and the base has nothing of. */
  strays(): Iterable<string> {
    return this.#strays.keys();
  }

  /** Makes it the last of them. */
  putBehind(stray: string): void {
    const held = this.#strays.get(stray);
    if (held !== undefined && this.#strays.delete(stray)) this.#strays.set(stray, held);
  }

  /** The names that the client (if interested) does not hold as they stand in a collection, and what it holds instead. */
  *exceptions(target: Resources): Iterable<readonly [name: string, held: Held | undefined]> {
    for (const name of differingNames(this.#base, target)) {
      if (this.#overlay.has(name) || !this.subscribed(name)) continue;
      const resource = this.#base.get(name);
      const held = resource === undefined ? this.#strays.get(name) : fromResource(resource);
      if (held === undefined || !same(held, target.get(name))) yield [name, held];
    }
    for (const [name, exception] of this.#overlay)
      if (this.subscribed(name) && !same(exception, target.get(name))) yield [name, exception ?? undefined];
    // One tells as much as all of them: something is to go of which nothing is known.
    for (const [name, held] of this.#strays) {
      if (target.has(name)) continue;
      yield [name, held];
      break;
    }
  }

  /** Holds exactly what it asks for of this collection. */
  isAt(target: Resources): boolean {
    if (this.#hasExceptions) return false;
    return this.#base === target || (this.#rest?.target === target && this.#rest.interest === this.interest.revision);
  }

  /** Holds nothing, as far as is known. */
  get isEmpty(): boolean {
    return this.#base === NO_RESOURCES && !this.#hasExceptions;
  }

  get #hasExceptions(): boolean {
    return this.#overlay.size + this.#strays.size > 0;
  }

  /** What of this is kept for this client alone, about. */
  get bytes(): number {
    return this.#bytes + this.interest.bytes;
  }

  /** Has been sent nothing but the first steps from nothing to the target, if anything at all. */
  isOnFirstWay(target: Resources): boolean {
    return !this.#hasExceptions && isOnFirstWay(this.#base, target);
  }

  /**
   * Where the client is and the steps from there to the target, when it can go the way of all others: because it asks for
   * all there is, or, as long as it is on its first way, up to the first step that it does not ask for as a whole.
   */
  way(
    target: Resources,
    pace: Pace,
  ): { readonly from: Resources; readonly steps: readonly Step[]; readonly whole: boolean } | undefined {
    if (this.#hasExceptions) return undefined;
    const whole = this.#asksForAll(target);
    if (!whole && (this.#byParent || !isOnFirstWay(this.#base, target))) return undefined;
    return { from: this.#base, steps: stepsBetween(this.#base, target, pace), whole };
  }

  /** Says of a client on its first way that it asks for nothing of what is left. */
  rest(target: Resources): void {
    this.#rest = { target, interest: this.interest.revision };
  }

  /** The client went from one collection to another. False: it was not there, or holds something else beside it. */
  move(from: Resources, to: Resources): boolean {
    if (this.#base !== from || this.#hasExceptions) return false;
    this.#base = to;
    this.#rest = undefined;
    return true;
  }

  #asksForAll(target: Resources): boolean {
    if (this.interest.everything) return true;
    if (this.#byParent) return parentsIn(target).every((parent) => this.interest.names(parent));
    return this.interest.complete;
  }

  /** Whether an exception from the base that the client holds names this cluster; when what it holds isn't known, yes. */
  exceptionNeeds(cluster: string): boolean {
    if (this.#strays.size > 0) return true;
    for (const [name, held] of this.#overlay) {
      if (held === null || !this.subscribed(name)) continue;
      if (needsOf(held)?.includes(cluster) !== false) return true;
    }
    return false;
  }

  /** Adds the clusters that exceptions from the base name; false when what one of them names isn't known. */
  addExceptionNeeds(clusters: Set<string>): boolean {
    if (this.#strays.size > 0) return false;
    for (const [name, held] of this.#overlay) {
      if (held === null || !this.subscribed(name)) continue;
      const needs = needsOf(held);
      if (needs === undefined) return false;
      for (const cluster of needs) clusters.add(cluster);
    }
    return true;
  }

  /** Whether something that the client holds as it stands in the base names this cluster. */
  baseNeeds(cluster: string): boolean {
    return needingNames(this.#base, cluster).some((name) => this.subscribed(name) && !this.#overlay.has(name));
  }

  /** Everything held, with bytes: what a state-of-the-world response must repeat. */
  *resources(): Iterable<ServedResource> {
    for (const [name, resource] of this.#base) if (this.subscribed(name) && !this.#overlay.has(name)) yield resource;
    for (const [name, held] of this.#overlay)
      if (held?.resource !== undefined && this.subscribed(name)) yield held.resource;
  }

  #exceptionAt(name: string): Held | null | undefined {
    const exception = this.#overlay.get(name);
    return exception === undefined ? this.#strays.get(name) : exception;
  }

  /** Keeps what the client holds under a name, if that is not what the base has. */
  #place(name: string, held: Held | null, base: Resources): void {
    const wanted = base.get(name);
    if (!this.subscribed(name) || same(held, wanted)) this.#drop(name);
    else this.#except(name, held, wanted === undefined && held !== null && isStray(held));
  }

  #except(name: string, held: Held | null, stray = false): void {
    this.#drop(name);
    this.#bytes += bytesOf(name, held);
    if (stray && held !== null) this.#strays.set(name, held);
    else this.#overlay.set(name, held);
  }

  #drop(name: string): void {
    const held = this.#exceptionAt(name);
    if (held === undefined) return;
    this.#bytes -= bytesOf(name, held);
    if (!this.#overlay.delete(name)) this.#strays.delete(name);
  }

  #dropAll(isMeant: (name: string) => boolean): void {
    for (const exceptions of [this.#overlay, this.#strays])
      for (const name of exceptions.keys()) if (isMeant(name)) this.#drop(name);
  }
}
