/**
 * What a client holds of one type: a shared collection as the base, and a sparse overlay of exceptions. So a thousand
 * clients that hold the same thing cost one collection.
 */
import { differingNames, NO_RESOURCES, needingNames, parentsIn, type Resources } from './difference.ts';
import { Interest } from './interest.ts';
import type { ServedResource } from './source.ts';
import { isOnFirstWay, type Pace, type Step, stepsBetween } from './steps.ts';
import { parentOf } from './types.ts';

/** What a client holds under a name. */
export interface Held {
  /** Undefined when it may hold nothing: all that is known is in doubt. */
  readonly version: string | undefined;
  /** Clusters it names; undefined when that isn't known. */
  readonly needs: readonly string[] | undefined;
  /** With its bytes, unless it came from an earlier stream, where only the version is known. */
  readonly resource?: ServedResource;
  /** The client says that it holds it, and may have dropped it without noticing. */
  readonly claimed?: boolean;
  /** Refused together with others: the client may have done one of these changes all the same; undefined: a removal. */
  readonly doubts?: readonly (ServedResource | undefined)[];
}

export class Holdings {
  /** What it asks for; of resources that belong to others, those. */
  readonly interest = new Interest();
  readonly #byParent: boolean;
  #base: Resources = NO_RESOURCES;
  /** Exceptions from the base; null: does not hold it. */
  readonly #overlay = new Map<string, Held | null>();
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
    for (const name of this.#overlay.keys()) if (fresh.has(parentOf(name))) this.#overlay.delete(name);
    for (const name of this.#base.keys()) if (fresh.has(parentOf(name))) this.#overlay.set(name, null);
  }

  held(name: string): Held | undefined {
    if (!this.subscribed(name)) return undefined;
    const exception = this.#overlay.get(name);
    if (exception !== undefined) return exception ?? undefined;
    const resource = this.#base.get(name);
    return resource === undefined ? undefined : fromResource(resource);
  }

  /** Whether the client certainly holds it, in whatever version. Faster than `held`. */
  holds(name: string): boolean {
    if (!this.subscribed(name)) return false;
    const exception = this.#overlay.get(name);
    if (exception === undefined) return this.#base.has(name);
    if (exception?.version === undefined) return false;
    return exception.doubts?.every((resource) => resource !== undefined) ?? true;
  }

  /** Records what the client holds under this name from now on; undefined: nothing. */
  record(name: string, held: Held | undefined): void {
    this.#overlay.set(name, held ?? null);
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
    for (const [name, held] of this.#overlay) if (held?.claimed === true) parents.add(parentOf(name));
    return parents;
  }

  /** Makes a collection the base. Returns the names that the client (if interested) does not hold as they stand there. */
  rebase(target: Resources): Iterable<string> {
    for (const name of differingNames(this.#base, target)) {
      if (this.#overlay.has(name) || !this.subscribed(name)) continue;
      const resource = this.#base.get(name);
      this.#overlay.set(name, resource === undefined ? null : fromResource(resource));
    }
    this.#base = target;
    this.#rest = undefined;
    for (const [name, exception] of this.#overlay) {
      if (!this.subscribed(name) || same(exception, target.get(name))) this.#overlay.delete(name);
    }
    return this.#overlay.keys();
  }

  /** The names that the client (if interested) does not hold as they stand in a collection, and what it holds instead. */
  *exceptions(target: Resources): Iterable<readonly [name: string, held: Held | undefined]> {
    for (const name of differingNames(this.#base, target)) {
      if (this.#overlay.has(name) || !this.subscribed(name)) continue;
      const resource = this.#base.get(name);
      yield [name, resource === undefined ? undefined : fromResource(resource)];
    }
    for (const [name, exception] of this.#overlay)
      if (this.subscribed(name) && !same(exception, target.get(name))) yield [name, exception ?? undefined];
  }

  /** Holds exactly what it asks for of this collection. */
  isAt(target: Resources): boolean {
    if (this.#overlay.size > 0) return false;
    return this.#base === target || (this.#rest?.target === target && this.#rest.interest === this.interest.revision);
  }

  /** Holds nothing, as far as is known. */
  get isEmpty(): boolean {
    return this.#base === NO_RESOURCES && this.#overlay.size === 0;
  }

  /** Has been sent nothing but the first steps from nothing to the target, if anything at all. */
  isOnFirstWay(target: Resources): boolean {
    return this.#overlay.size === 0 && isOnFirstWay(this.#base, target);
  }

  /**
   * Where the client is and the steps from there to the target, when it can go the way of all others: because it asks for
   * all there is, or, as long as it is on its first way, up to the first step that it does not ask for as a whole.
   */
  way(
    target: Resources,
    pace: Pace,
  ): { readonly from: Resources; readonly steps: readonly Step[]; readonly whole: boolean } | undefined {
    if (this.#overlay.size > 0) return undefined;
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
    if (this.#base !== from || this.#overlay.size > 0) return false;
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
    for (const [name, held] of this.#overlay) {
      if (held === null || !this.subscribed(name)) continue;
      if (needsOf(held)?.includes(cluster) !== false) return true;
    }
    return false;
  }

  /** Adds the clusters that exceptions from the base name; false when what one of them names isn't known. */
  addExceptionNeeds(clusters: Set<string>): boolean {
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
}

function fromResource(resource: ServedResource): Held {
  return { version: resource.version, needs: resource.needs, resource };
}

/** The clusters that a client may be using by what it holds; undefined where that isn't known. */
function needsOf({ needs, doubts }: Held): readonly string[] | undefined {
  if (needs === undefined || doubts === undefined) return needs;
  return [...needs, ...doubts.flatMap((resource) => resource?.needs ?? [])];
}

function same(exception: Held | null, wanted: ServedResource | undefined): boolean {
  if (exception === null || wanted === undefined) return exception === null && wanted === undefined;
  return exception.version === wanted.version && exception.doubts === undefined && exception.claimed !== true;
}
