/**
 * The way from one shared collection to another, in steps that go into a response as they stand. Clients that take the
 * same way take the same steps, so what a step says is put together and encoded once for all of them; and since a client
 * that has taken some of the steps holds a collection that others hold too, nothing need be noted for each resource.
 */
import { rememberPairs } from '#runtime/core/index.ts';
import { type Change, changeBytes } from './change.ts';
import { differingNames, NO_RESOURCES, type Resources } from './difference.ts';
import { partsOf, separateLayers } from './layers.ts';
import type { ServedResource } from './source.ts';
import { parentOf } from './types.ts';

/** Changes that are sent together; one object for all clients that are sent them. */
export class Step {
  readonly changes: readonly Change[];
  readonly resources: readonly ServedResource[];
  readonly removed: readonly string[];
  /** At most so many of a response. */
  readonly bytes: number;
  /** Clusters that resources name for the first time. */
  readonly needs: StepNeeds;

  constructor(from: Resources, changes: readonly Change[]) {
    this.changes = changes;
    this.resources = changes.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
    this.removed = changes.flatMap(({ name, resource }) => (resource === undefined ? [name] : []));
    this.bytes = changes.reduce((sum, change) => sum + changeBytes(change), 0);
    this.needs = resolveNeeds(from, this.resources);
  }

  /** Of the first resource; of all, where steps are made by parent. */
  get parent(): string {
    return parentOf(this.changes[0]?.name ?? '');
  }
}

export interface StepNeeds {
  /** By resources that are new. */
  readonly fresh: readonly string[];
  /** By resources that named others before. */
  readonly added: readonly string[];
}

function resolveNeeds(from: Resources, resources: readonly ServedResource[]): StepNeeds {
  const fresh = new Set<string>();
  const added = new Set<string>();
  for (const { name, needs } of resources) {
    if (needs.length === 0) continue;
    const before = from.get(name);
    if (before?.needs === needs) continue;
    const known = new Set(before?.needs);
    for (const cluster of needs) if (!known.has(cluster)) (before === undefined ? fresh : added).add(cluster);
  }
  return { fresh: [...fresh], added: [...added] };
}

/** Several steps taken together. */
type Joined = Pick<Step, 'changes' | 'resources' | 'removed'>;

/** Way and steps stay for those who come later; what they are joined to is of use to a crowd, and large. */
const joints = new WeakMap<readonly Step[], { [K in keyof Joined]?: WeakRef<Joined[K]> }>();

/**
 * All the steps have of one thing; the list of the step itself when there is only one. Made once for each list of steps, for
 * as long as somebody uses it, and only when it is asked for: hundreds of clients that connect have lists of thousands of
 * resources.
 */
export function joined<K extends keyof Joined>(steps: readonly Step[], what: K): Joined[K] {
  const only = steps[0];
  if (steps.length === 1 && only !== undefined) return only[what];
  const known = joints.get(steps);
  let list = known?.[what]?.deref();
  if (list === undefined) {
    list = concatenate(steps.map((step) => step[what]));
    joints.set(steps, { ...known, [what]: new WeakRef(list) });
  }
  return list;
}

/** In a list that is as long from the start as it will be, which `flatMap` can't. */
function concatenate<List extends readonly unknown[]>(lists: readonly List[]): List {
  return NOTHING.concat(...lists) as readonly unknown[] as List;
}

const NOTHING: readonly unknown[] = [];

/** A collection that is on the way to another: the first steps are taken. */
class Waypoint implements Resources {
  readonly from: Resources;
  readonly to: Resources;
  readonly taken: readonly Step[];
  readonly left: readonly Step[];
  #takenNames: ReadonlySet<string> | undefined;

  constructor(from: Resources, to: Resources, steps: readonly Step[], taken: number) {
    this.from = from;
    this.to = to;
    this.taken = steps.slice(0, taken);
    this.left = steps.slice(taken);
  }

  get size(): number {
    let size = 0;
    this.forEach(() => {
      size += 1;
    });
    return size;
  }

  get(name: string): ServedResource | undefined {
    return (this.#isTaken(name) ? this.to : this.from).get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  forEach(callback: (resource: ServedResource, name: string, map: Resources) => void): void {
    for (const [name, resource] of this) callback(resource, name, this);
  }

  *entries(): MapIterator<[string, ServedResource]> {
    for (const entry of this.from) if (!this.#isTaken(entry[0])) yield entry;
    for (const { resources } of this.taken) for (const resource of resources) yield [resource.name, resource];
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

  #isTaken(name: string): boolean {
    this.#takenNames ??= new Set(this.taken.flatMap(({ changes }) => changes.map((change) => change.name)));
    return this.#takenNames.has(name);
  }
}

interface Way {
  readonly steps: readonly Step[];
  readonly waypoints: (Resources | undefined)[];
}

/** How a client is led. */
export interface Pace {
  /** No step has more bytes, unless one resource alone has. */
  readonly chunkBytes: number;
  /** Each step is of what belongs to one parent, and of all of it in its layer, whatever the bytes. */
  readonly byParent: boolean;
  /** Whether it is told what is gone. */
  readonly removals: boolean;
}

const waysBetween = rememberPairs((_from: Resources, _to: Resources) => new Map<number, Way>());

export function stepsBetween(from: Resources, to: Resources, pace: Pace): readonly Step[] {
  if (from === to) return NO_STEPS;
  if (from instanceof Waypoint && from.to === to) return from.left;
  return wayBetween(from, to, pace).steps;
}

/** Where a client is that has taken the first steps from one collection to another. */
export function takeSteps(from: Resources, to: Resources, pace: Pace, taken: number): Resources {
  if (from instanceof Waypoint && from.to === to) return takeSteps(from.from, to, pace, from.taken.length + taken);
  const { steps, waypoints } = wayBetween(from, to, pace);
  if (taken >= steps.length) return to;
  const waypoint = waypoints[taken] ?? new Waypoint(from, to, steps, taken);
  waypoints[taken] = waypoint;
  return waypoint;
}

const NO_STEPS: readonly Step[] = [];

function wayBetween(from: Resources, to: Resources, pace: Pace): Way {
  const known = waysBetween(from, to);
  const key = pace.removals ? pace.chunkBytes : -pace.chunkBytes;
  let way = known.get(key);
  if (way === undefined) {
    way = { steps: resolveSteps(from, to, pace), waypoints: [] };
    known.set(key, way);
  }
  return way;
}

/** Whether a client that holds this has come so far on its way to the other from nothing, and no other way. */
export function isOnFirstWay(at: Resources, to: Resources): boolean {
  return at === NO_RESOURCES || (at instanceof Waypoint && at.from === NO_RESOURCES && at.to === to);
}

function resolveSteps(from: Resources, to: Resources, pace: Pace): readonly Step[] {
  const steps = from === NO_RESOURCES ? resolveFirstSteps(to, pace) : resolveLayerSteps(from, to, pace);
  if (steps !== undefined) return pace.byParent ? gatherParents(steps) : steps;
  return cutSteps(from, to, differingNames(from, to), pace);
}

/** What a collection has in parts that others have too is sent in their steps. Undefined: it has no parts. */
function resolveFirstSteps(to: Resources, pace: Pace): readonly Step[] | undefined {
  const parts = partsOf(to);
  return parts[0] === to ? undefined : parts.flatMap((part) => stepsBetween(NO_RESOURCES, part, pace));
}

/** What changes in a layer changes in all that have it. Undefined: that isn't certain. */
function resolveLayerSteps(from: Resources, to: Resources, pace: Pace): readonly Step[] | undefined {
  const before = separateLayers(from);
  const after = separateLayers(to);
  if (after === undefined || before?.length !== after.length) return undefined;
  const steps = after.flatMap((layer, at) => stepsBetween(before[at] ?? NO_RESOURCES, layer, pace));
  // What moves from one layer to another is no removal.
  return steps.some(({ removed }) => removed.some((name) => to.has(name))) ? undefined : steps;
}

function cutSteps(from: Resources, to: Resources, differing: readonly string[], pace: Pace): readonly Step[] {
  const names = [...differing].sort();
  const steps: Step[] = [];
  let changes: Change[] = [];
  let bytes = 0;
  for (const name of names) {
    const resource = to.get(name);
    if (resource === undefined && !pace.removals) continue;
    const more = changeBytes({ name, resource });
    const [first] = changes;
    const cut = pace.byParent
      ? first !== undefined && parentOf(first.name) !== parentOf(name)
      : first !== undefined && (bytes + more > pace.chunkBytes || (from === NO_RESOURCES && isCut(name)));
    if (cut) {
      steps.push(new Step(from, changes));
      changes = [];
      bytes = 0;
    }
    changes.push({ name, resource });
    bytes += more;
  }
  if (changes.length > 0) steps.push(new Step(from, changes));
  return steps;
}

/** One name of so many begins a step. */
const CUT = 128;

/**
 * Whether a step begins with this name. That depends on nothing else, so the steps of clusters end where those of their
 * endpoints do: a client that was sent some of the one asks for whole steps of the other.
 */
function isCut(name: string): boolean {
  let hash = 0;
  for (let at = 0; at < name.length; at += 1) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) | 0;
  return (hash ^ (hash >>> 15)) % CUT === 0;
}

/** Steps of one parent follow each other. */
function gatherParents(steps: readonly Step[]): readonly Step[] {
  const parents = [...new Set(steps.map(({ parent }) => parent))];
  return parents.length < 2 ? steps : parents.flatMap((parent) => steps.filter((step) => step.parent === parent));
}
