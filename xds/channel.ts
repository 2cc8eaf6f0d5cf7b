/** The protocol state of one resource type on one stream: what was asked for, sent, acknowledged, refused. */
import { LateenError } from '#runtime/core/index.ts';
import { NO_RESOURCES, parentsIn, type Resources } from './difference.ts';
import { type Held, Holdings } from './holdings.ts';
import type { ServedResource } from './source.ts';
import { type Pace, type Step, stepsBetween, takeSteps } from './steps.ts';
import { LISTENER, parentOf, type ResourceType } from './types.ts';
import { resolveUnits, type Unit } from './units.ts';

/** One resource to add or replace, or, without a resource, a name to remove. */
export interface Change {
  readonly name: string;
  readonly resource: ServedResource | undefined;
}

/** What goes into one response. */
export interface Batch {
  readonly changes: readonly Change[];
  /** The steps that all of it consists of, when others are sent the same. */
  readonly steps?: readonly Step[];
  /** From where to where it takes a client that holds nothing beside. */
  readonly move?: { readonly from: Resources; readonly to: Resources };
}

/** A response that was sent. */
export interface Sent extends Batch {
  /** A number; later responses of the stream, whatever their type, have higher ones. */
  readonly nonce: string;
  readonly sentAt: number;
  /** The snapshot it was made from. */
  readonly revision: number;
}

export type Answer =
  | { readonly kind: 'acknowledged'; readonly sent: Sent; readonly replaced: readonly (Held | undefined)[] }
  /** `alone`: it cannot be taken apart any further. */
  | { readonly kind: 'refused'; readonly sent: Sent; readonly alone: boolean }
  /** The nonce is of no response that waits for an answer. */
  | { readonly kind: 'stale' };

export class Channel {
  readonly type: ResourceType;
  readonly holdings: Holdings;
  /** The client has asked for this type on this stream. */
  open = false;
  /** A response is due even if there is nothing to say. */
  owed = false;
  /** Sent and not answered, oldest first. One, except behind a cluster that does not warm. */
  readonly inFlight: Sent[] = [];
  /** Of the response sent last. */
  lastNonce = '';
  /** When that was, on the monotonic clock. */
  sentAt: number | undefined;
  /** Of the response that was acknowledged last. */
  acknowledgedNonce = '';
  /** Names to send whether or not the client holds them: asked for the first time, or again, or behind their changed cluster. */
  readonly forced = new Map<string, 'asked' | 'again'>();
  /** Parents that the client was sent just now: whatever it held under them before, all that belongs to them follows. */
  readonly introduced = new Set<string>();
  /** To be sent one after the other, because a response that held all of them was refused. */
  readonly suspects: (readonly Unit[])[] = [];
  /** Refused by themselves, by name. Not sent again on this stream as long as the whole unit is wanted like that. */
  readonly refused = new Map<string, Unit>();
  /** What the client said of each, by name. */
  readonly words = new Map<string, string>();
  /** What the client said about the last refusal. */
  refusal = '';

  constructor(type: ResourceType) {
    this.type = type;
    this.holdings = new Holdings(type.parent !== undefined);
  }

  /** Throws LateenError `invalid` when a client asks for more than any mesh has. */
  subscribe(names: readonly string[]): void {
    const holdsNothing = this.holdings.isEmpty;
    for (const name of names) {
      if (name.length > LONGEST_NAME)
        throw new LateenError('invalid', `${this.type.label}: a name has more than ${LONGEST_NAME} characters`);
      if (this.type.parent !== undefined) {
        if (this.holdings.subscribed(name)) this.forced.set(name, 'again');
        continue;
      }
      if (name === '*') {
        if (!this.holdings.interest.everything) this.owed = true;
        this.holdings.interest.everything = true;
        continue;
      }
      const asked = this.holdings.subscribed(name);
      this.holdings.interest.add(name);
      // What was held under the name before the client lost interest in it is gone.
      if (!asked && !holdsNothing && this.holdings.held(name) !== undefined) this.holdings.record(name, undefined);
      if (!asked || !this.forced.has(name)) this.forced.set(name, asked ? 'again' : 'asked');
    }
    if (Math.max(this.holdings.interest.own, this.forced.size) > MOST_NAMES)
      throw new LateenError('invalid', `${this.type.label}: more than ${MOST_NAMES} names are asked for`);
  }

  unsubscribe(names: readonly string[]): void {
    if (this.type.parent !== undefined) return;
    for (const name of names) {
      if (name === '*') {
        this.holdings.interest.everything = false;
        continue;
      }
      this.holdings.interest.delete(name);
      // Under a wildcard the client drops the name, but is still to have the resource.
      if (this.holdings.interest.everything) this.forced.set(name, 'again');
      else this.forced.delete(name);
    }
  }

  /**
   * The client is sent the parents anew, or brought them along from an earlier stream. Either way what belongs to them is
   * sent: it drops what came before its parent did, and does not say what it dropped.
   */
  introduce(parents: readonly string[]): void {
    this.holdings.adopt(parents);
    for (const parent of parents) this.introduced.add(parent);
    const suspects = this.suspects.splice(0).map((units) => this.#apartFromIntroduced(units));
    this.suspects.push(...suspects);
  }

  /** Suspects that do not come with all the others of their parent anyway. */
  #apartFromIntroduced(units: readonly Unit[]): readonly Unit[] {
    if (this.introduced.size === 0) return units;
    return units.filter(([change]) => !this.introduced.has(parentOf(change?.name ?? '')));
  }

  /** Whether something belongs to the parents that were sent just now. Those to which nothing does need no further thought. */
  hasBelongings(target: Resources): boolean {
    if (this.introduced.size === 0) return false;
    const filled = new Set(parentsIn(target));
    for (const parent of this.introduced) if (!filled.has(parent)) this.introduced.delete(parent);
    return this.introduced.size > 0;
  }

  /** What belongs to the parents that were sent just now. */
  #belongings(target: Resources): readonly string[] {
    if (!this.hasBelongings(target)) return [];
    return [...target.keys()].filter((name) => this.introduced.has(parentOf(name)));
  }

  /** The client lost interest in the parents, and drops what belongs to them. */
  abandon(parents: readonly string[]): void {
    for (const parent of parents) {
      this.holdings.interest.delete(parent);
      this.introduced.delete(parent);
    }
  }

  /** Sends the resource of this name again, even if the client holds it as it is. */
  force(name: string): void {
    if (!this.forced.has(name)) this.forced.set(name, 'again');
  }

  /** Nothing is left to be sent for the client to hold the target, once it has taken what is under way. */
  isSettled(target: Resources): boolean {
    if (this.forced.size + this.introduced.size + this.suspects.length > 0) return false;
    const last = this.inFlight.at(-1);
    return last === undefined ? this.holdings.isAt(target) : last.move?.to === target;
  }

  /** Something is certain to be sent: it was asked for, or belongs to what was sent just now. */
  isDue(target: Resources): boolean {
    if (this.refused.size > 0) return false;
    // What was to be sent again and is gone meanwhile will not be.
    for (const name of this.forced.keys())
      if (this.holdings.subscribed(name) && (target.has(name) || this.#tellsAbsence(name))) return true;
    return this.hasBelongings(target);
  }

  /**
   * What the client holds from an earlier stream, by version. What belongs to a parent that it let go of and took up again
   * it claims to hold still.
   */
  restore(versions: Readonly<Record<string, string>>): void {
    const claimed = this.type.parent !== undefined;
    for (const [name, version] of Object.entries(versions)) {
      if (this.holdings.subscribed(name)) this.holdings.record(name, { version, needs: undefined, claimed });
      this.forced.delete(name);
    }
  }

  answer(nonce: string, refusal: string | undefined): Answer {
    const at = this.inFlight.findIndex((sent) => sent.nonce === nonce);
    const [sent] = at === -1 ? [] : this.inFlight.splice(at, 1);
    if (sent === undefined) return { kind: 'stale' };
    if (refusal === undefined) {
      this.acknowledgedNonce = nonce;
      return { kind: 'acknowledged', sent, replaced: this.#acknowledgeAll(sent) };
    }
    this.refusal = refusal;
    const units = resolveUnits(sent.changes, (name) => this.holdings.held(name));
    const alone = units.length === 1;
    for (const { name, resource } of sent.changes) {
      if (alone) {
        this.holdings.settleDoubt(name, resource);
        this.refused.set(name, sent.changes);
        this.words.set(name, refusal);
      } else if (this.type.parent === undefined) {
        this.holdings.doubt(name, resource);
      }
      // What belongs to one parent is taken up as a whole or not at all.
    }
    if (!alone) this.suspects.unshift(...halve(this.#apartFromIntroduced(units)));
    return { kind: 'refused', sent, alone };
  }

  /** What the client is to be sent to hold the target, apart from what waits for its turn alone. Sorted by name. */
  changes(target: Resources): readonly Change[] {
    const names = new Set(this.holdings.rebase(target));
    for (const name of this.forced.keys()) if (this.holdings.subscribed(name)) names.add(name);
    for (const name of this.#belongings(target)) names.add(name);
    const underway = this.#underway();
    for (const name of underway.keys()) if (this.holdings.subscribed(name)) names.add(name);
    const changes: Change[] = [];
    for (const name of names) {
      const resource = target.get(name);
      if (this.refuses(name, target)) continue;
      const coming = underway.get(name);
      if (coming !== undefined && !this.forced.has(name)) {
        // What is under way will be held, whatever is held until then.
        if (coming.resource?.version === resource?.version) continue;
        if (resource === undefined && this.type.removal !== 'send') continue;
      } else if (resource === undefined && !this.#tellsAbsence(name)) continue;
      changes.push({ name, resource });
    }
    return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whether the client has refused exactly this, by itself or with what cannot be parted from it. */
  refuses(name: string, target: Resources): boolean {
    return this.refused.get(name)?.every((change) => isWanted(change, target)) ?? false;
  }

  /** Compares what the client asks for with the target. */
  follow(target: Resources): void {
    if (this.type.parent !== undefined) return;
    const { holdings } = this;
    // What was asked for and is gone before it was sent is told to be absent.
    for (const name of holdings.interest.follow(target)) {
      if (holdings.held(name) === undefined && !this.forced.has(name)) this.forced.set(name, 'asked');
    }
    // A client that holds nothing and asks for all there is goes the way of others that do.
    if (this.forced.size >= MANY && holdings.isEmpty && holdings.interest.exact && this.inFlight.length === 0)
      this.forced.clear();
  }

  /**
   * What goes into the next response on the way that this client shares with others. Undefined: it needs changes of its
   * own, or the way is shorter than a step.
   */
  nextSteps(target: Resources, pace: Pace): Batch | undefined {
    if (this.forced.size + this.suspects.length + this.refused.size + this.inFlight.length > 0) return undefined;
    const way = this.holdings.way(target, pace);
    if (way === undefined || !this.#isNews(way.from)) return undefined;
    const { from, steps } = way;
    if (steps.length === 0) this.holdings.move(from, target);
    let taken = 0;
    for (let bytes = 0; taken < steps.length; taken += 1) {
      bytes += steps[taken]?.bytes ?? 0;
      const full = pace.byParent ? steps[taken]?.parent !== steps[0]?.parent : bytes > pace.chunkBytes;
      if (taken > 0 && full) break;
    }
    if (taken === 0) return undefined;
    const chosen = steps.slice(0, taken);
    return { changes: changesOf(chosen), steps: chosen, move: { from, to: takeSteps(from, target, pace, taken) } };
  }

  /** Nothing in the collection belongs to a parent that was sent just now: what does is on the way. */
  #isNews(held: Resources): boolean {
    return this.introduced.size === 0 || !parentsIn(held).some((parent) => this.introduced.has(parent));
  }

  /** The first that a client is sent which asks for many by name. Undefined: it holds something already, or asks for few. */
  firstOfMany(target: Resources, pace: Pace): Batch | undefined {
    if (this.forced.size < MANY || this.type.parent !== undefined || !this.holdings.isEmpty) return undefined;
    if (this.suspects.length + this.refused.size + this.inFlight.length > 0) return undefined;
    const { interest } = this.holdings;
    const changes: Change[] = [];
    let bytes = 0;
    for (const change of changesOf(stepsBetween(NO_RESOURCES, target, pace))) {
      if (!interest.has(change.name)) continue;
      bytes += change.resource?.bytes.length ?? 0;
      if (bytes > pace.chunkBytes && changes.length > 0) break;
      changes.push(change);
    }
    if (changes.length === 0) return undefined;
    return { changes, move: { from: NO_RESOURCES, to: target } };
  }

  /** Returns what the client held before. */
  #acknowledgeAll({ changes, move }: Sent): readonly (Held | undefined)[] {
    const replaced =
      this.type.typeUrl === LISTENER ? changes.map(({ name }) => this.holdings.held(name)) : NOTHING_HELD;
    if (move === undefined || !this.holdings.move(move.from, move.to)) {
      if (this.refused.size > 0 && changes.some((change) => this.#mayRelease(change)))
        this.#forgetRefusals(parentOf(changes[0]?.name ?? ''));
      for (const change of changes) this.#acknowledge(change);
      return replaced;
    }
    // Asked for meanwhile: a client that has arrived holds all that it asks for, but for these.
    for (const [name, reason] of this.forced) {
      if (reason === 'asked' && this.holdings.held(name) !== undefined) this.holdings.record(name, undefined);
    }
    return replaced;
  }

  /** The client may have given up something that another resource was refused for. */
  #mayRelease({ name, resource }: Change): boolean {
    const before = this.holdings.held(name);
    if (this.type.parent === undefined || before === undefined) return false;
    if (before.resource === undefined) return true;
    return before.resource.claims?.some((claim) => resource?.claims?.includes(claim) !== true) ?? false;
  }

  /** Lets what was refused of a parent be sent once more. */
  #forgetRefusals(parent: string): void {
    for (const name of this.refused.keys()) if (parentOf(name) === parent) this.refused.delete(name);
  }

  #acknowledge({ name, resource }: Change): void {
    this.holdings.acknowledge(name, resource);
    this.refused.delete(name);
  }

  /** What the client asked for though it belongs to a parent that it has all of, and that is not there. */
  absentNames(changes: readonly Change[]): ReadonlySet<string> {
    if (this.type.parent === undefined || this.forced.size === 0) return NO_NAMES;
    const absent = changes.filter(
      ({ name, resource }) => resource === undefined && this.holdings.held(name) === undefined,
    );
    return new Set(absent.map(({ name }) => name));
  }

  /** The last change of each name that was sent and not answered. */
  #underway(): ReadonlyMap<string, Change> {
    if (this.inFlight.length === 0) return NOTHING_UNDERWAY;
    return new Map(this.inFlight.flatMap(({ changes }) => changes.map((change) => [change.name, change] as const)));
  }

  #tellsAbsence(name: string): boolean {
    if (this.type.removal === 'never') return false;
    const held = this.holdings.held(name);
    return held === undefined ? this.forced.has(name) : this.type.removal === 'send';
  }

  /**
   * What the client brought along from an earlier stream may claim anything, so a refusal may be the fault of what was not
   * sent together. When anything that was tried is wanted otherwise now, all of its parent is sent together once more.
   */
  reconsider(target: Resources): void {
    if (this.type.parent === undefined || this.suspects.length + this.refused.size === 0) return;
    const tried = [...this.suspects.flat(2), ...[...this.refused.values()].flat()];
    const outdated = new Set(tried.filter((change) => !isWanted(change, target)).map(({ name }) => parentOf(name)));
    for (const parent of this.holdings.claimedParents()) {
      if (!outdated.has(parent)) continue;
      this.introduce([parent]);
      this.#forgetRefusals(parent);
    }
  }

  /** The next suspects that are still wanted as they were refused; the others will be looked at as ordinary changes. */
  nextSuspects(target: Resources): readonly Change[] | undefined {
    for (let units = this.suspects.shift(); units !== undefined; units = this.suspects.shift()) {
      const wanted = units.filter((unit) =>
        unit.every((change) => this.holdings.subscribed(change.name) && isWanted(change, target)),
      );
      if (wanted.length > 0) return wanted.flat();
    }
    return undefined;
  }

  sent(sent: Sent): void {
    this.inFlight.push(sent);
    this.lastNonce = sent.nonce;
    this.sentAt = sent.sentAt;
    this.owed = false;
    if (this.forced.size > 0) for (const { name } of sent.changes) this.forced.delete(name);
    if (this.introduced.size > 0) for (const { name } of sent.changes) this.introduced.delete(parentOf(name));
  }
}

/** What a client makes us remember is bounded: so many names of one type, each so long. */
const MOST_NAMES = 100_000;
const LONGEST_NAME = 1_024;

/** Fewer names than this are sent one by one. */
const MANY = 32;

const NO_NAMES: ReadonlySet<string> = new Set();
const NOTHING_HELD: readonly undefined[] = [];
const NOTHING_UNDERWAY: ReadonlyMap<string, Change> = new Map();

function changesOf(steps: readonly Step[]): readonly Change[] {
  const [only] = steps;
  return steps.length === 1 && only !== undefined ? only.changes : steps.flatMap(({ changes }) => changes);
}

function isWanted({ name, resource }: Change, target: Resources): boolean {
  return target.get(name)?.version === resource?.version;
}

/** Which of many is refused is found by taking away half of them again and again. */
function halve(units: readonly Unit[]): readonly (readonly Unit[])[] {
  const middle = Math.ceil(units.length / 2);
  return [units.slice(0, middle), units.slice(middle)];
}
