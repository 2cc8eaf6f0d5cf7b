/**
 * Counts, for each user resource, the proxies that it affects and those that have it. Proxies in the same state (served
 * from the same lists, with the same left to acknowledge) are counted as one, so a change costs what it changes and the
 * number of states that proxies are in, not what every proxy is served.
 */
import { renderSourceKey, type SourceKey } from './facts.ts';

/** Names a user resource. */
export interface SourceIdentity {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The user resources behind one proxy's snapshot: proxies that have a list in common share it, those that have all lists in
 * common the list of them; none is in two of one's lists.
 */
export interface ServedFrom {
  readonly revision: number;
  readonly sources: readonly (readonly SourceIdentity[])[];
  /** Of those, the ones that decide what is served and are behind no single resource: with anything left, they are left too. */
  readonly deciding: readonly SourceIdentity[];
}

/** A served resource `R` of which a proxy does not hold what it is to hold. */
export interface Outstanding<R> {
  readonly held: R | undefined;
  readonly wanted: R | undefined;
  readonly waitingFor: readonly string[];
}

/** What one proxy is to be counted as. */
export interface Standing<R> {
  /** `POD.NAMESPACE`. */
  readonly proxy: string;
  readonly connectionId: string;
  readonly served: ServedFrom;
  /** What it has yet to acknowledge, in lists that proxies share; `everything`: nothing is known to be acknowledged. */
  readonly outstanding: readonly (readonly Outstanding<R>[])[] | 'everything';
  /** Clusters that it waits for, where everything is outstanding. */
  readonly waitingFor: readonly string[];
  readonly refused: readonly { readonly resource: R; readonly message: string }[];
}

/** How many proxies have something. */
export interface Tally {
  affected: number;
  acknowledged: number;
  rejection?: { readonly proxy: string; readonly message: string };
  waitingFor?: Set<string>;
}

type SourcesOf<R> = (connectionId: string, resource: R) => readonly SourceIdentity[];

/** Proxies of which the same is to be said. */
interface State<R> {
  readonly first: Standing<R>;
  readonly lacking: ReadonlyMap<SourceKey, Lacking>;
  proxies: number;
}

/** What is to be said of a user resource of which something is left. */
interface Lacking {
  /** The proxy is served from it; if not, what it holds was made of it. */
  readonly isServed: boolean;
  waitingFor?: Set<string>;
  refusal?: string;
}

/**
 * What all proxies together are to be counted as. Those that have everything are no more than a number for each list of
 * lists that they are served from, so that where nothing is left two counts are soon compared.
 */
export class Count<R extends object> {
  /** By what proxies are served from. */
  readonly #served = new Map<ServedFrom['sources'], Tally>();
  readonly #states = new Map<string, State<R>>();
  readonly #sourcesOf: SourcesOf<R>;

  constructor(sourcesOf: SourcesOf<R>) {
    this.#sourcesOf = sourcesOf;
  }

  /** A proxy that has everything and refuses nothing. */
  addComplete({ sources }: ServedFrom): void {
    const tally = findTally(this.#served, sources);
    tally.affected += 1;
    tally.acknowledged += 1;
  }

  add(standing: Standing<R>): void {
    const { served, outstanding, waitingFor, refused } = standing;
    const tally = findTally(this.#served, served.sources);
    tally.affected += 1;
    if (outstanding !== 'everything') tally.acknowledged += 1;
    else noteWaiting(tally, waitingFor);
    const left = outstanding === 'everything' ? NOTHING : outstanding;
    if (left.length + refused.length === 0) return;
    const words = refused.map(({ resource, message }) => `${idOf(resource)} ${message}`);
    const name = [outstanding === 'everything', ...[...served.sources, ...left].map(idOf), ...words].join();
    const state = this.#states.get(name);
    if (state === undefined)
      this.#states.set(name, { first: standing, lacking: resolveLacking(standing, left, this.#sourcesOf), proxies: 1 });
    else state.proxies += 1;
  }

  /** Whether it comes to the same as another, as far as that can be told without looking at user resources. */
  isSame(other: Count<R>): boolean {
    if (this.#states.size + other.#states.size > 0 || this.#served.size !== other.#served.size) return false;
    for (const sources of this.#served.keys()) {
      const before = other.#served.get(sources);
      const now = this.#served.get(sources);
      if (before?.affected !== now?.affected || before?.acknowledged !== now?.acknowledged) return false;
      if (before?.waitingFor !== undefined || now?.waitingFor !== undefined) return false;
    }
    return true;
  }

  /** By user resource. */
  resolve(): ReadonlyMap<SourceKey, Tally> {
    const lists = new Map<readonly SourceIdentity[], Tally>();
    for (const [sources, tally] of this.#served) for (const list of sources) addTally(findTally(lists, list), tally);
    const tallies = new Map<SourceKey, Tally>();
    for (const [list, tally] of lists) for (const key of renderKeys(list)) addTally(findTally(tallies, key), tally);
    for (const state of this.#states.values()) takeOff(state, tallies);
    return tallies;
  }
}

function addTally(tally: Tally, { affected, acknowledged, waitingFor }: Tally): void {
  tally.affected += affected;
  tally.acknowledged += acknowledged;
  noteWaiting(tally, waitingFor);
}

const NOTHING: readonly never[] = [];

/** Every user resource behind something that is left or refused. */
function resolveLacking<R extends object>(
  { connectionId, served, refused }: Standing<R>,
  left: readonly (readonly Outstanding<R>[])[],
  sourcesOf: SourcesOf<R>,
): ReadonlyMap<SourceKey, Lacking> {
  const lacking = new Map<SourceKey, Lacking>();
  const isServed = (key: SourceKey) => served.sources.some((list) => keySet(list).has(key));
  const find = (key: SourceKey, isHeld: boolean): Lacking | undefined => {
    const known = lacking.get(key);
    if (known !== undefined) return known;
    const found: Lacking = { isServed: isServed(key) };
    // What is wanted may be the same for others, for whom it was made of something else.
    if (!found.isServed && !isHeld) return undefined;
    lacking.set(key, found);
    return found;
  };
  const keysOf = (resource: R | undefined) =>
    resource === undefined ? NOTHING : renderKeys(sourcesOf(connectionId, resource));
  for (const { held, wanted, waitingFor } of left.flat()) {
    for (const key of keysOf(held)) find(key, true);
    for (const key of keysOf(wanted)) {
      const found = find(key, false);
      if (found !== undefined) noteWaiting(found, waitingFor);
    }
  }
  if (left.length > 0) for (const key of renderKeys(served.deciding)) find(key, false);
  for (const { resource, message } of refused) {
    for (const key of keysOf(resource)) {
      const found = find(key, false);
      if (found !== undefined) found.refusal ??= message;
    }
  }
  return lacking;
}

/** Takes off what the proxies of a state lack, where they were counted as having it. */
function takeOff<R>({ first, lacking, proxies }: State<R>, tallies: Map<SourceKey, Tally>): void {
  for (const [key, { isServed, waitingFor, refusal }] of lacking) {
    const tally = findTally(tallies, key);
    if (!isServed) tally.affected += proxies;
    else if (first.outstanding !== 'everything') tally.acknowledged -= proxies;
    noteWaiting(tally, waitingFor);
    if (refusal !== undefined) tally.rejection ??= { proxy: first.proxy, message: refusal };
  }
}

function noteWaiting(tally: { waitingFor?: Set<string> }, clusters: Iterable<string> = NOTHING): void {
  for (const cluster of clusters) {
    tally.waitingFor ??= new Set();
    tally.waitingFor.add(cluster);
  }
}

function findTally<K>(tallies: Map<K, Tally>, key: K): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = { affected: 0, acknowledged: 0 };
    tallies.set(key, tally);
  }
  return tally;
}

/** A function of a shared list that is computed once. */
function rememberList<V>(compute: (list: readonly SourceIdentity[]) => V): (list: readonly SourceIdentity[]) => V {
  const known = new WeakMap<readonly SourceIdentity[], { readonly value: V }>();
  return (list) => {
    let found = known.get(list);
    if (found === undefined) {
      found = { value: compute(list) };
      known.set(list, found);
    }
    return found.value;
  };
}

const renderKeys = rememberList((list): readonly SourceKey[] => list.map(renderSourceKey));
const keySet = rememberList((list): ReadonlySet<SourceKey> => new Set(renderKeys(list)));

const ids = new WeakMap<object, number>();
let lastId = 0;

/** A number that no other object has. */
function idOf(object: object): number {
  let id = ids.get(object);
  if (id === undefined) {
    lastId += 1;
    id = lastId;
    ids.set(object, id);
  }
  return id;
}
