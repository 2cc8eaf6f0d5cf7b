/** The protocol state of one resource type on one stream: what was asked for, sent, acknowledged, refused. */
import { LateenError } from '#runtime/core/index.ts';
import type { Change, Sent } from './change.ts';
import { parentsIn, type Resources } from './difference.ts';
import { type Held, isServed } from './held.ts';
import { Holdings } from './holdings.ts';
import { NameMap } from './names.ts';
import { Refusals } from './refusals.ts';
import { LISTENER, parentOf, type ResourceType } from './types.ts';
import { resolveUnits } from './units.ts';

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
  readonly forced = new NameMap<'asked' | 'again'>();
  /** Parents that the client was sent just now: whatever it held under them before, all that belongs to them follows. */
  readonly introduced = new Set<string>();
  readonly refusals = new Refusals();
  /** The client has lost interest in something: what it asks for anew it may have been sent already. */
  hasLetGo = false;

  constructor(type: ResourceType) {
    this.type = type;
    this.holdings = new Holdings(type.parent !== undefined);
  }

  /** What is remembered for this client alone, in bytes, about: names mostly. */
  get bytes(): number {
    let underway = 0;
    for (const { steps, changes } of this.inFlight) if (steps === undefined) underway += changes.length;
    return this.holdings.bytes + this.forced.bytes + this.refusals.bytes + underway * CHANGE_BYTES;
  }

  /** Throws LateenError `invalid` when a name is longer than any can be. */
  subscribe(names: readonly string[]): void {
    if (names.length === 0) return;
    const holdsNothing = this.holdings.isEmpty;
    for (const name of names) {
      this.#check(name);
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
  }

  #check(name: string, version = ''): void {
    if (name.length + version.length > LONGEST_NAME)
      throw new LateenError('invalid', `${this.type.label}: a name has more than ${LONGEST_NAME} characters`);
  }

  /** Throws LateenError as `subscribe`. */
  unsubscribe(names: readonly string[]): void {
    if (names.length === 0 || this.type.parent !== undefined) return;
    this.hasLetGo = true;
    for (const name of names) {
      this.#check(name);
      this.holdings.lose(name);
      if (name === '*') continue;
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
    this.refusals.acquit(this.introduced);
  }

  /** Whether something belongs to the parents that were sent just now. Those to which nothing does need no further thought. */
  hasBelongings(target: Resources): boolean {
    if (this.introduced.size === 0) return false;
    const filled = new Set(parentsIn(target));
    for (const parent of this.introduced) if (!filled.has(parent)) this.introduced.delete(parent);
    return this.introduced.size > 0;
  }

  /** What belongs to the parents that were sent just now. */
  belongings(target: Resources): readonly string[] {
    if (!this.hasBelongings(target)) return [];
    return [...target.keys()].filter((name) => this.introduced.has(parentOf(name)));
  }

  /** The client lost interest in the parents, and drops what belongs to them. */
  abandon(parents: readonly string[]): void {
    for (const parent of parents) {
      this.holdings.lose(parent);
      this.introduced.delete(parent);
    }
  }

  /** Sends the resource of this name again, even if the client holds it as it is. */
  force(name: string): void {
    if (!this.forced.has(name)) this.forced.set(name, 'again');
  }

  /** Nothing is left to be sent for the client to hold the target, once it has taken what is under way. */
  isSettled(target: Resources): boolean {
    if (this.forced.size + this.introduced.size > 0 || this.refusals.searching) return false;
    const last = this.inFlight.at(-1);
    return last === undefined ? this.holdings.isAt(target) : last.move?.to === target;
  }

  /** Nothing is under way either, and nothing to be said or, as long as the client doesn't ask for the type, to wait for. */
  isAtRest(target: Resources): boolean {
    if (this.inFlight.length > 0 || this.owed || this.introduced.size > 0) return false;
    return !this.open || this.isSettled(target);
  }

  /** Something is certain to be sent: it was asked for, or belongs to what was sent just now. */
  isDue(target: Resources): boolean {
    if (this.refusals.found) return false;
    // What was to be sent again and is gone meanwhile will not be.
    for (const name of this.forced.keys())
      if (this.holdings.subscribed(name) && (target.has(name) || this.tellsAbsence(name))) return true;
    return this.hasBelongings(target);
  }

  /**
   * What the client holds from an earlier stream, by version. What belongs to a parent that it let go of and took up again
   * it claims to hold still. Throws LateenError as `subscribe`.
   */
  restore(versions: Readonly<Record<string, string>>): void {
    const claimed = this.type.parent !== undefined;
    for (const [name, version] of Object.entries(versions)) {
      this.#check(name, version);
      if (this.holdings.subscribed(name)) this.holdings.record(name, { version, needs: undefined, claimed });
      this.forced.delete(name);
    }
  }

  answer(nonce: string, refusal: string | undefined): Answer {
    const sent = this.#answered(nonce);
    if (sent === undefined) return { kind: 'stale' };
    if (refusal === undefined) {
      this.acknowledgedNonce = nonce;
      return { kind: 'acknowledged', sent, replaced: this.#acknowledgeAll(sent) };
    }
    this.refusals.message = refusal;
    const units = resolveUnits(sent.changes, (name) => this.holdings.held(name));
    const alone = units.length === 1;
    const isServed = sent.changes.some((change) => this.#isServed(change));
    for (const { name, resource } of sent.changes) {
      // To say again that there is no such thing would help nobody, nor to remember that it was refused.
      if (alone && !isServed) this.holdings.record(name, undefined);
      else if (alone) this.holdings.settleDoubt(name, resource);
      // What belongs to one parent is taken up as a whole or not at all.
      else if (this.type.parent === undefined) this.holdings.doubt(name, resource);
    }
    if (alone && isServed) this.refusals.refuse(sent.changes, refusal);
    else if (!alone) this.refusals.suspect(units, this.introduced);
    return { kind: 'refused', sent, alone };
  }

  /** It is of something that this client was served on this stream, or is. */
  #isServed({ name, resource }: Change): boolean {
    return resource !== undefined || isServed(this.holdings.held(name));
  }

  #answered(nonce: string): Sent | undefined {
    if (this.inFlight[0]?.nonce === nonce) return this.inFlight.shift();
    const at = this.inFlight.findIndex((sent) => sent.nonce === nonce);
    return at === -1 ? undefined : this.inFlight.splice(at, 1)[0];
  }

  /** Returns what the client held before. */
  #acknowledgeAll({ changes, move }: Sent): readonly (Held | undefined)[] {
    const replaced =
      this.type.typeUrl === LISTENER ? changes.map(({ name }) => this.holdings.held(name)) : NOTHING_HELD;
    if (move === undefined || !this.holdings.move(move.from, move.to)) {
      if (this.refusals.found && changes.some((change) => this.#mayRelease(change)))
        this.refusals.forgetParent(parentOf(changes[0]?.name ?? ''));
      for (const change of changes) this.#acknowledge(change);
      return replaced;
    }
    if (this.forced.size === 0) return replaced;
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

  #acknowledge({ name, resource }: Change): void {
    // Asked for anew since it was sent: the client let go of it in between, and of what it was sent.
    if (this.forced.get(name) !== 'asked') this.holdings.acknowledge(name, resource);
    this.refusals.forget(name);
  }

  /** What the client asked for though it belongs to a parent that it has all of, and that is not there. */
  absentNames(changes: readonly Change[]): ReadonlySet<string> {
    if (this.type.parent === undefined || this.forced.size === 0) return NO_NAMES;
    const absent = changes.filter(
      ({ name, resource }) => resource === undefined && this.holdings.held(name) === undefined,
    );
    return new Set(absent.map(({ name }) => name));
  }

  /** Whether the client is told that there is no such thing. */
  tellsAbsence(name: string): boolean {
    if (this.type.removal === 'never') return false;
    const held = this.holdings.held(name);
    return held === undefined ? this.forced.has(name) : this.type.removal === 'send';
  }

  /**
   * What the client brought along from an earlier stream may claim anything, so a refusal may be the fault of what was not
   * sent together. When anything that was tried is wanted otherwise now, all of its parent is sent together once more.
   */
  #reconsider(target: Resources): void {
    if (this.type.parent === undefined || this.refusals.none) return;
    const outdated = this.refusals.outdatedParents(target);
    if (outdated.size === 0) return;
    for (const parent of this.holdings.claimedParents()) {
      if (!outdated.has(parent)) continue;
      this.introduce([parent]);
      this.refusals.forgetParent(parent);
    }
  }

  /** What is to be sent by itself now, to find out whether it was what was refused. */
  nextSuspects(target: Resources): readonly Change[] | undefined {
    this.#reconsider(target);
    if (!this.refusals.searching) return undefined;
    return this.refusals.nextSuspects(target, (name) => this.holdings.subscribed(name));
  }

  sent(sent: Sent): void {
    this.inFlight.push(sent);
    this.lastNonce = sent.nonce;
    this.sentAt = sent.sentAt;
    this.owed = false;
    // As long as there are any, nothing else is sent.
    if (this.refusals.searching) this.refusals.tried();
    if (this.forced.size > 0) for (const { name } of sent.changes) this.forced.delete(name);
    if (this.introduced.size === 0) return;
    // Of steps each has one parent, whatever they have of it.
    const first = sent.steps?.map(({ parent }) => parent) ?? sent.changes.map(({ name }) => parentOf(name));
    for (const parent of first) this.introduced.delete(parent);
  }
}

/** Characters of a name, and of a version with it. */
const LONGEST_NAME = 1_024;

/** A change that was sent to this client alone, beside its name. */
const CHANGE_BYTES = 48;

const NO_NAMES: ReadonlySet<string> = new Set();
const NOTHING_HELD: readonly undefined[] = [];
