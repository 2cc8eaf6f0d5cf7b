/**
 * What one client is sent, and when: the rules of all types of a stream together, without any I/O. Requests and
 * snapshots go in, responses come out of `pump`; time is passed in, `deadline` says when to pump again if nothing happens.
 */
import { type Batch, type Change, changeBytes } from './change.ts';
import type { Channel } from './channel.ts';
import { ClientState } from './client-state.ts';
import { askOnTheWay, follow } from './common-way.ts';
import type { Resources } from './difference.ts';
import type { Interest } from './interest.ts';
import { listOutstanding, type OutstandingList } from './outstanding.ts';
import { Planner, type PlannerBounds } from './planner.ts';
import type { Reaction } from './reaction.ts';
import type { ClientRequest, DeltaRequest, WorldRequest } from './request.ts';
import { isSettled } from './settled.ts';
import type { Rejection, ServedResource, Snapshot } from './source.ts';
import { joined, type Step } from './steps.ts';
import { CLUSTER, ENDPOINT, LISTENER, type ResourceType, SECRET } from './types.ts';
import { buildWorld, withUnanswered } from './world.ts';

export type SessionSettings = PlannerBounds;

export const DEFAULT_SESSION_SETTINGS: SessionSettings = {
  warmMs: 5_000,
  missingMs: 10_000,
  drainMs: 45_000,
  chunkBytes: 3 << 20,
};

/** A response to be encoded and written. */
export interface Outgoing {
  readonly type: ResourceType;
  readonly resources: readonly ServedResource[];
  /** Names only; empty in the state-of-the-world protocol. */
  readonly removed: readonly string[];
  /**
   * Names that the client asked for and that do not exist, where it wants to be told by a resource without content: a
   * request that waits for an unknown virtual host hears of a removal nothing.
   */
  readonly absent?: readonly string[];
  /** What resources and removed names consist of, where other streams are sent the same. */
  readonly steps?: readonly Step[];
  readonly nonce: string;
  readonly revision: number;
}

export class Session {
  readonly #principal: string;
  readonly #state: ClientState;
  readonly #planner: Planner;
  #nonce = 0;
  /** The client has refused something that may stand so still. */
  #refused = false;
  #heldBack = false;

  /** `principal`: the type that a client asks for first of all; nothing is settled before it has. */
  constructor(protocol: 'delta' | 'sotw', settings: SessionSettings, principal = LISTENER) {
    this.#principal = principal;
    this.#state = new ClientState(protocol);
    this.#planner = new Planner(this.#state, settings);
  }

  /** What is known of the client, to be looked at. */
  get state(): ClientState {
    return this.#state;
  }

  get snapshot(): Snapshot | undefined {
    return this.#state.snapshot;
  }

  /** The secrets that the client asks for; it changes as the client asks for others. */
  get secretInterest(): Interest {
    return this.#state.channel(SECRET).holdings.interest;
  }

  /** What is remembered for this client alone, in bytes, about. */
  get bytes(): number {
    return this.#state.channels.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Moves the target. */
  aim(snapshot: Snapshot | undefined, secrets: Resources): void {
    this.#state.aim(snapshot, secrets);
  }

  request(request: ClientRequest, now: number): Reaction {
    const channel = this.#state.channel(request.type.typeUrl);
    this.#state.stir(channel);
    const asked =
      request.protocol === 'delta' ? this.#deltaRequest(channel, request, now) : worldRequest(channel, request);
    if (asked !== 'answer') return { kind: asked };
    const answer = channel.answer(request.nonce, request.error);
    switch (answer.kind) {
      case 'stale':
        return { kind: 'stale' };
      case 'acknowledged':
        // What gates hold back, or let go, is for `pump` to decide.
        if (this.#planner.isIdle && channel.isAtRest(this.#state.target(channel.type))) this.#state.rest(channel);
        this.#state.warmth.answered(answer.sent, channel.type, this.#state.clusters.inFlight);
        if (channel.type.typeUrl === LISTENER) this.#planner.drain(answer.replaced, now);
        return { kind: 'acknowledged' };
      case 'refused': {
        this.#refused = true;
        const resources = answer.sent.changes.map(({ name }) => name);
        return { kind: 'refused', message: channel.refusals.message, resources, isolated: answer.alone };
      }
    }
  }

  /**
   * The responses that are due. `mayTake` is asked for each whether that many bytes, about, may go now; if not, that one
   * and those behind it stay, and `heldBack` says so.
   */
  pump(now: number, mayTake: (bytes: number) => boolean = ALL): readonly Outgoing[] {
    const { snapshot } = this.#state;
    this.#heldBack = false;
    if (snapshot === undefined) return NOTHING_DUE;
    // Nearly always one, for which a list that grows would take room for seventeen.
    let due = NOTHING_DUE;
    this.#state.everyRestless((channel) => {
      const { typeUrl, onRequest } = channel.type;
      if (channel.open && onRequest && !snapshot.types.has(typeUrl)) return true;
      const batch = channel.open ? this.#planner.plan(channel, now) : undefined;
      if (batch !== undefined) {
        if (!mayTake(this.#sizeOf(channel, batch))) {
          this.#heldBack = true;
          return false;
        }
        due = [...due, this.#send(channel, batch, snapshot.revision, now)];
      } else if (channel.isAtRest(this.#state.target(channel.type))) this.#state.rest(channel);
      return true;
    });
    return due;
  }

  /** The last `pump` was not let send all that is due. */
  get heldBack(): boolean {
    return this.#heldBack;
  }

  /** `pump` has nothing to send, and nothing to do later. What most acknowledgements leave. */
  isAtRest(now: number): boolean {
    return this.#state.isAtRest && this.deadline(now) === Number.POSITIVE_INFINITY;
  }

  /** When `pump` may have something to send although nothing happened. */
  deadline(now: number): number {
    return this.#planner.deadline(now);
  }

  /** Everything of the present snapshot is acknowledged, unless it was refused by itself. */
  settled(): boolean {
    return isSettled(this.#state, this.#planner, this.#principal);
  }

  /** What is refused as it stands in the present snapshot, by type and by what the client said of it. */
  rejections(): readonly Rejection[] {
    if (!this.#refused) return NOTHING_REFUSED;
    const rejections: Rejection[] = [];
    const revision = this.#state.snapshot?.revision ?? 0;
    for (const { type, holdings, refusals } of this.#state.channels) {
      if (!refusals.found) continue;
      const standing = refusals.standing(this.#state.target(type), (name) => holdings.subscribed(name));
      for (const [message, resources] of standing)
        rejections.push({ typeUrl: type.typeUrl, resources, message, revision });
    }
    this.#refused = this.#state.channels.some(({ refusals }) => !refusals.none);
    return rejections;
  }

  /** The resources that are refused as they stand, with what the client said. */
  refused(): readonly { readonly resource: ServedResource; readonly message: string }[] {
    return this.rejections().flatMap(({ typeUrl, resources, message }) => {
      const target = this.#state.target(this.#state.channel(typeUrl).type);
      return resources.flatMap((name) => {
        const resource = target.get(name);
        return resource === undefined ? [] : [{ resource, message }];
      });
    });
  }

  /** What of the present snapshot is not acknowledged and was not refused by itself; clients alike share lists. */
  outstanding(): readonly OutstandingList[] {
    return listOutstanding(this.#state, this.#planner);
  }

  /** Clusters that routes or listeners wait for, or went without. */
  waitingFor(): readonly string[] {
    return this.#planner.waitingFor();
  }

  #deltaRequest(channel: Channel, request: DeltaRequest, now: number): 'subscription' | 'answer' {
    const first = !channel.open;
    channel.open = true;
    const everything = first && channel.type.wildcard && request.subscribe.length === 0;
    const target = this.#state.target(channel.type);
    const names = everything ? ['*'] : keptNames(request.subscribe, target);
    if (!askOnTheWay(channel, names, target)) channel.subscribe(names);
    if (request.subscribe.length > 0) follow(channel, target);
    channel.unsubscribe(request.unsubscribe);
    for (const belonging of this.#state.belongingTo(channel)) {
      this.#state.stir(belonging);
      belonging.abandon(request.unsubscribe);
    }
    if (first) this.#reconnect(channel, request.initialVersions, now);
    return request.nonce === '' ? 'subscription' : 'answer';
  }

  /** Endpoints are sent anew: a cluster that was warming when the stream broke waits for them, and Envoy won't ask. */
  #reconnect(channel: Channel, versions: Readonly<Record<string, string>>, now: number): void {
    const { typeUrl } = channel.type;
    if (typeUrl === ENDPOINT || Object.keys(versions).length === 0) return;
    channel.restore(versions);
    for (const belonging of this.#state.belongingTo(channel)) {
      belonging.introduce([...channel.holdings.interest].filter((name) => Object.hasOwn(versions, name)));
    }
    if (typeUrl === CLUSTER) this.#planner.reconnected(now);
  }

  /** A response would have about so many bytes, or less. */
  #sizeOf(channel: Channel, { changes, steps }: Batch): number {
    let size = 0;
    if (steps !== undefined) {
      for (const { bytes } of steps) size += bytes;
      return size;
    }
    for (const change of changes) size += changeBytes(change);
    // What the client holds is said again.
    if (this.#isWhole(channel)) for (const { bytes } of channel.holdings.resources()) size += bytes.length;
    return size;
  }

  #isWhole({ type }: Channel): boolean {
    return !this.#state.delta && type.wholeState;
  }

  #send(channel: Channel, batch: Batch, revision: number, now: number): Outgoing {
    this.#nonce += 1;
    const nonce = String(this.#nonce);
    const { type } = channel;
    const { changes, steps } = batch;
    const whole = this.#isWhole(channel);
    const content = steps === undefined ? this.#describe(channel, batch, whole, nonce, revision) : undefined;
    channel.sent({
      changes: whole ? withUnanswered(channel, changes) : changes,
      steps,
      move: batch.move,
      nonce,
      sentAt: now,
      revision,
    });
    this.#planner.sent(channel, changes);
    if (type.typeUrl === CLUSTER) this.#sendEndpointsAgain(changes);
    for (const belonging of this.#state.belongingTo(channel)) {
      this.#state.stir(belonging);
      belonging.introduce(changes.flatMap(({ name, resource }) => (resource === undefined ? [] : [name])));
    }
    return content ?? new SteppedResponse(type, steps ?? [], nonce, revision);
  }

  /** What is sent to this client alone. Before it counts as sent. */
  #describe(channel: Channel, { changes }: Batch, whole: boolean, nonce: string, revision: number): Outgoing {
    const { type } = channel;
    const resources = whole
      ? buildWorld(channel, changes)
      : changes.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
    const absent = channel.absentNames(changes);
    const { delta } = this.#state;
    const gone = delta ? changes.filter(({ resource }) => resource === undefined).map(({ name }) => name) : [];
    if (absent.size === 0) return { type, resources, removed: gone, nonce, revision };
    return { type, resources, removed: gone.filter((name) => !absent.has(name)), absent: [...absent], nonce, revision };
  }

  /** A changed cluster warms again, and Envoy neither acknowledges it nor asks before its endpoints have come again. */
  #sendEndpointsAgain(changes: readonly Change[]): void {
    const endpoints = this.#state.channel(ENDPOINT);
    if (!endpoints.open) return;
    this.#state.stir(endpoints);
    for (const { resource } of changes) {
      const name = resource?.endpointsName;
      if (name !== undefined && endpoints.holdings.subscribed(name)) endpoints.force(name);
    }
  }
}

const ALL = (): boolean => true;
const NOTHING_DUE: readonly Outgoing[] = [];
const NOTHING_REFUSED: readonly Rejection[] = [];

/** What is sent in steps is encoded step by step: who wants all of it in one list has it made. */
class SteppedResponse implements Outgoing {
  readonly type: ResourceType;
  readonly steps: readonly Step[];
  readonly nonce: string;
  readonly revision: number;

  constructor(type: ResourceType, steps: readonly Step[], nonce: string, revision: number) {
    this.type = type;
    this.steps = steps;
    this.nonce = nonce;
    this.revision = revision;
  }

  get resources(): readonly ServedResource[] {
    return joined(this.steps, 'resources');
  }

  get removed(): readonly string[] {
    return joined(this.steps, 'removed');
  }
}

/**
 * The names that a client asks for, as they are kept for everybody who has them: hundreds of clients that ask for thousands
 * of names before the first of them is answered would have half a megabyte of their own each.
 */
function keptNames(names: readonly string[], target: Resources): readonly string[] {
  return names.length === 0 ? names : names.map((name) => target.get(name)?.name ?? name);
}

/** Takes over what the client asks for, which each state-of-the-world request says anew. */
function worldRequest(channel: Channel, request: WorldRequest): 'subscription' | 'stale' | 'answer' {
  const { interest } = channel.holdings;
  const first = !channel.open;
  const answers = channel.inFlight.some(({ nonce }) => nonce === request.nonce);
  if (!first && !answers && request.nonce !== channel.lastNonce) return 'stale';
  channel.open = true;
  const names = new Set(request.names);
  if (names.size === 0 && channel.type.wildcard && (first || (interest.everything && interest.unnamed))) names.add('*');
  channel.subscribe([...names].filter((name) => (name === '*' ? !interest.everything : !interest.names(name))));
  const gone = [...interest].filter((name) => !names.has(name));
  channel.unsubscribe(interest.everything && !names.has('*') ? [...gone, '*'] : gone);
  return answers ? 'answer' : 'subscription';
}
