/**
 * What one client is sent, and when: the rules of all types of a stream together, without any I/O. Requests and
 * snapshots go in, responses come out of `pump`; time is passed in, `deadline` says when to pump again if nothing happens.
 */
import { type Batch, type Change, Channel } from './channel.ts';
import { chooseChunk, completeUnits } from './chunks.ts';
import { NO_RESOURCES, type Resources, routesNamedIn } from './difference.ts';
import { Gate, type GateBounds } from './gate.ts';
import type { Reaction, Rejection } from './reaction.ts';
import type { ClientRequest, DeltaRequest, WorldRequest } from './request.ts';
import { type Naming, Retention, type RetentionBounds } from './retention.ts';
import type { ServedResource, Snapshot } from './source.ts';
import { joined, type Pace, type Step } from './steps.ts';
import {
  CLUSTER,
  ENDPOINT,
  LISTENER,
  parentOf,
  RESOURCE_TYPES,
  type ResourceType,
  ROUTE,
  SECRET,
  VIRTUAL_HOST,
} from './types.ts';
import { Warmth } from './warmth.ts';
import { buildWorld, withUnanswered } from './world.ts';

export interface SessionSettings extends GateBounds, RetentionBounds {
  /** A delta response is cut into several beyond this many bytes of resources. */
  readonly chunkBytes: number;
}

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

/** Types whose resources name clusters. */
const NAMING = RESOURCE_TYPES.filter(
  ({ typeUrl }) => typeUrl !== CLUSTER && typeUrl !== ENDPOINT && typeUrl !== SECRET,
);

const NONE: readonly string[] = [];

/** More CDS responses than this are never in flight at once, however long clusters take to warm. */
const MOST_OVERLAPPING = 64;

/** After so many milliseconds without an answer to a CDS response the next one goes, as a cluster of it may be warming. */
const OVERLAP_AFTER_MS = 1_000;

export class Session {
  readonly #settings: SessionSettings;
  readonly #delta: boolean;
  readonly #principal: string;
  readonly #channels = new Map<string, Channel>(RESOURCE_TYPES.map((type) => [type.typeUrl, new Channel(type)]));
  readonly #gates: ReadonlyMap<string, Gate>;
  readonly #retention: Retention;
  #snapshot: Snapshot | undefined;
  #secrets: Resources = NO_RESOURCES;
  readonly #warmth = new Warmth();
  #nonce = 0;

  /** `principal`: the type that a client asks for first of all; nothing is settled before it has. */
  constructor(protocol: 'delta' | 'sotw', settings: SessionSettings, principal = LISTENER) {
    this.#principal = principal;
    this.#delta = protocol === 'delta';
    this.#settings = settings;
    this.#retention = new Retention(settings);
    this.#gates = new Map(NAMING.map(({ typeUrl }) => [typeUrl, new Gate(settings)]));
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Names of the secrets that the client asks for. */
  get secretNames(): ReadonlySet<string> {
    return new Set(this.#channel(SECRET).holdings.interest);
  }

  get channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  /** Moves the target. Sessions go straight to the newest; what was never sent of older ones is forgotten. */
  aim(snapshot: Snapshot | undefined, secrets: Resources): void {
    this.#snapshot = snapshot;
    this.#secrets = secrets;
  }

  request(request: ClientRequest, now: number): Reaction {
    const channel = this.#channel(request.type.typeUrl);
    const asked =
      request.protocol === 'delta' ? this.#deltaRequest(channel, request, now) : this.#worldRequest(channel, request);
    if (asked !== 'answer') return { kind: asked };
    const answer = channel.answer(request.nonce, request.error);
    switch (answer.kind) {
      case 'stale':
        return { kind: 'stale' };
      case 'acknowledged':
        this.#warmth.answered(answer.sent, channel.type, this.#channel(CLUSTER).inFlight);
        if (channel.type.typeUrl === LISTENER) this.#retention.drain(answer.replaced, now);
        return { kind: 'acknowledged' };
      case 'refused': {
        const resources = answer.sent.changes.map(({ name }) => name);
        return { kind: 'refused', message: channel.refusal, resources, isolated: answer.alone };
      }
    }
  }

  /** The responses that are due. */
  pump(now: number): readonly Outgoing[] {
    if (this.#snapshot === undefined) return [];
    const due: Outgoing[] = [];
    for (const channel of this.#channels.values()) {
      if (!channel.open) continue;
      const batch = this.#plan(channel, now);
      if (batch !== undefined) due.push(this.#send(channel, batch, this.#snapshot.revision, now));
    }
    return due;
  }

  /** When `pump` may have something to send although nothing happened. */
  deadline(now: number): number {
    let deadline = Number.POSITIVE_INFINITY;
    const consider = (at: number) => {
      if (at > now) deadline = Math.min(deadline, at);
    };
    for (const gate of this.#gates.values()) consider(gate.deadline);
    const last = this.#channel(CLUSTER).inFlight.at(-1);
    if (last !== undefined) consider(last.sentAt + OVERLAP_AFTER_MS);
    for (const at of this.#retention.deadlines(now)) consider(at);
    return deadline;
  }

  /** Everything of the present snapshot is acknowledged, unless it was refused by itself. */
  settled(): boolean {
    if (this.#snapshot === undefined) return false;
    if (!this.#channel(this.#principal).open) return false;
    for (const channel of this.#channels.values()) {
      if (!channel.open) {
        // What belongs to something that was sent, and that the client has yet to ask for.
        if (channel.hasBelongings(this.target(channel.type))) return false;
        continue;
      }
      if (channel.inFlight.length > 0 || channel.suspects.length > 0 || channel.owed) return false;
      const target = this.target(channel.type);
      if (channel.isSettled(target)) continue;
      if (channel.isDue(target)) return false;
      const left = this.#way(channel, target)?.flatMap(({ changes }) => changes) ?? this.changes(channel);
      // The removal of a cluster that something draining still names may take its time.
      if (left.some(({ resource }) => resource !== undefined || channel.type.typeUrl !== CLUSTER)) return false;
    }
    return this.#holdsNamedRoutes();
  }

  #holdsNamedRoutes(): boolean {
    const { holdings } = this.#channel(ROUTE);
    return this.#namedRoutes().every((name) => !this.#exists(ROUTE, name) || holdings.holds(name));
  }

  /** The steps left on the way that the client shares with others, if it does. */
  #way(channel: Channel, target: Resources): readonly Step[] | undefined {
    if (!this.#delta || channel.forced.size > 0 || channel.type.parent !== undefined) return undefined;
    channel.follow(target);
    return channel.holdings.way(target, this.#pace(channel))?.steps;
  }

  #pace({ type }: Channel): Pace {
    const { parent, removal } = type;
    return { chunkBytes: this.#settings.chunkBytes, removals: removal === 'send', byParent: parent !== undefined };
  }

  /** The route configurations that the listeners ask for which the client holds. */
  #namedRoutes(): readonly string[] {
    const { holdings, type } = this.#channel(LISTENER);
    const target = this.target(type);
    if (holdings.isAt(target)) return routesNamedIn(target);
    return [...target.values()].flatMap(({ name, routeNames = [] }) => (holdings.holds(name) ? routeNames : []));
  }

  /** What is refused as it stands in the present snapshot, by type and by what the client said of it. */
  rejections(): readonly Rejection[] {
    const rejections: Rejection[] = [];
    for (const channel of this.#channels.values()) {
      const target = this.target(channel.type);
      const byWords = new Map<string, string[]>();
      for (const name of [...channel.refused.keys()].sort()) {
        if (!channel.holdings.subscribed(name) || !channel.refuses(name, target)) {
          channel.refused.delete(name);
          continue;
        }
        const words = channel.words.get(name) ?? channel.refusal;
        byWords.set(words, [...(byWords.get(words) ?? []), name]);
      }
      if (channel.refused.size === 0) channel.words.clear();
      const { typeUrl } = channel.type;
      for (const [message, resources] of byWords)
        rejections.push({ typeUrl, resources, message, revision: this.#snapshot?.revision ?? 0 });
    }
    return rejections;
  }

  /** Clusters that routes or listeners wait for, or went without. */
  waitingFor(): readonly string[] {
    let clusters: Set<string> | undefined;
    for (const gate of this.#gates.values()) {
      if (gate.idle) continue;
      const missing = gate.missingClusters(
        (cluster) => this.#holdsCluster(cluster),
        (cluster) => this.#naming(cluster) !== 'nothing',
      );
      clusters = new Set([...(clusters ?? []), ...missing]);
    }
    return clusters === undefined ? NONE : [...clusters].sort();
  }

  #deltaRequest(channel: Channel, request: DeltaRequest, now: number): 'subscription' | 'answer' {
    const first = !channel.open;
    channel.open = true;
    const everything = first && channel.type.wildcard && request.subscribe.length === 0;
    channel.subscribe(everything ? ['*'] : request.subscribe);
    channel.unsubscribe(request.unsubscribe);
    for (const belonging of this.#belongingTo(channel)) belonging.abandon(request.unsubscribe);
    if (first) this.#reconnect(channel, request.initialVersions, now);
    return request.nonce === '' ? 'subscription' : 'answer';
  }

  /** Endpoints are sent anew: a cluster that was warming when the stream broke waits for them, and Envoy won't ask. */
  #reconnect(channel: Channel, versions: Readonly<Record<string, string>>, now: number): void {
    const { typeUrl } = channel.type;
    if (typeUrl === ENDPOINT || Object.keys(versions).length === 0) return;
    channel.restore(versions);
    for (const belonging of this.#belongingTo(channel)) {
      belonging.introduce([...channel.holdings.interest].filter((name) => Object.hasOwn(versions, name)));
    }
    if (typeUrl === CLUSTER) this.#retention.reconnected(now);
  }

  #worldRequest(channel: Channel, request: WorldRequest): 'subscription' | 'stale' | 'answer' {
    const { interest } = channel.holdings;
    const first = !channel.open;
    const answers = channel.inFlight.some(({ nonce }) => nonce === request.nonce);
    if (!first && !answers && request.nonce !== channel.lastNonce) return 'stale';
    channel.open = true;
    const names = new Set(request.names);
    if (names.size === 0 && channel.type.wildcard && (first || (interest.everything && interest.unnamed)))
      names.add('*');
    channel.subscribe([...names].filter((name) => (name === '*' ? !interest.everything : !interest.names(name))));
    const gone = [...interest].filter((name) => !names.has(name));
    channel.unsubscribe(interest.everything && !names.has('*') ? [...gone, '*'] : gone);
    return answers ? 'answer' : 'subscription';
  }

  /** What to send of a type now; undefined: nothing. */
  #plan(channel: Channel, now: number): Batch | undefined {
    if (channel.inFlight.length > 0 && !this.#mayOverlap(channel, now)) return undefined;
    const target = this.target(channel.type);
    if (!channel.owed && channel.isSettled(target)) {
      this.#gates.get(channel.type.typeUrl)?.clear();
      return undefined;
    }
    const shared = this.#delta ? this.#planShared(channel, target) : undefined;
    if (shared !== undefined) return shared;
    channel.reconsider(target);
    const suspects = channel.nextSuspects(target);
    if (suspects !== undefined) return { changes: suspects };
    const due = this.#due(channel, this.changes(channel), now);
    if (due.length === 0 && !(channel.owed && channel.inFlight.length === 0)) return undefined;
    return { changes: this.#delta ? chooseChunk(channel, due, this.#settings.chunkBytes) : due };
  }

  /** What many clients are sent in the same words, when nothing has to be looked at one by one. */
  #planShared(channel: Channel, target: Resources): Batch | undefined {
    const pace = this.#pace(channel);
    channel.follow(target);
    const first = channel.firstOfMany(target, pace);
    if (first !== undefined) return this.#gates.has(channel.type.typeUrl) ? undefined : first;
    const next = channel.nextSteps(target, pace);
    if (next?.steps === undefined || !this.#isReady(channel, next.steps)) return undefined;
    return next;
  }

  /** Whether nothing in these steps has to wait, for clusters or for those that use what is removed. */
  #isReady(channel: Channel, steps: readonly Step[]): boolean {
    const { typeUrl, parent } = channel.type;
    const removed = joined(steps, 'removed');
    if (typeUrl === CLUSTER && removed.length > 0) return false;
    if (parent !== undefined && !removed.every((name) => this.#exists(parent, parentOf(name)))) return false;
    if (typeUrl === LISTENER && removed.length > 0 && this.#replaces(steps.flatMap(({ changes }) => changes)))
      return false;
    const gate = this.#gates.get(channel.type.typeUrl);
    const clusters = this.#channel(CLUSTER);
    if (gate === undefined || !clusters.holdings.interest.everything) return true;
    const holdsAll = clusters.inFlight.length === 0 && clusters.holdings.isAt(this.target(clusters.type));
    for (const { needs } of steps) {
      if (!needs.added.every((cluster) => this.#holdsCluster(cluster))) return false;
      if (holdsAll) continue;
      if (needs.fresh.some((cluster) => this.#exists(CLUSTER, cluster) && !this.#holdsCluster(cluster))) return false;
    }
    gate.clear();
    return true;
  }

  changes(channel: Channel): readonly Change[] {
    const changes = channel.changes(this.target(channel.type));
    const { parent } = channel.type;
    if (parent === undefined) return changes;
    // What belongs to something that is gone goes with it, once the client has stopped using that.
    return changes.filter(({ name, resource }) => resource !== undefined || this.#exists(parent, parentOf(name)));
  }

  #due(channel: Channel, changes: readonly Change[], now: number): readonly Change[] {
    if (channel.type.typeUrl === CLUSTER) {
      this.#retention.forget((cluster) => this.#exists(CLUSTER, cluster));
      const naming = (cluster: string) => this.#naming(cluster);
      return changes.filter(
        ({ name, resource }) => resource !== undefined || this.#retention.isRemovable(name, naming, now),
      );
    }
    const gate = this.#gates.get(channel.type.typeUrl);
    // A client that asks for clusters only after it has read routes cannot hold them before.
    if (gate === undefined || !this.#channel(CLUSTER).holdings.interest.everything) return changes;
    const admitted = gate.admit(changes, {
      now,
      holdsCluster: (cluster) => this.#holdsCluster(cluster),
      clusterExists: (cluster) => this.#exists(CLUSTER, cluster),
      held: (name) => channel.holdings.held(name),
    });
    if (channel.type.typeUrl === LISTENER)
      return this.#retention.keepReplaced(admitted, () => this.#replaces(changes), now);
    if (admitted.length === changes.length || channel.type.parent === undefined) return admitted;
    return completeUnits(channel, changes, new Set(admitted));
  }

  /**
   * Whether a listener may be about to take the place of one that goes, as when a port changes its protocol: Envoy would
   * remove the one before the other has its routes.
   */
  #replaces(changes: readonly Change[]): boolean {
    const { holdings } = this.#channel(LISTENER);
    if (changes.some(({ name, resource }) => resource !== undefined && !holdings.holds(name))) return true;
    return !this.#holdsNamedRoutes();
  }

  /**
   * Envoy withholds the acknowledgement while a cluster warms; one that never warms must not stop all others. They go
   * well before what needs them is let go without.
   */
  #mayOverlap(channel: Channel, now: number): boolean {
    if (channel.type.typeUrl !== CLUSTER || channel.inFlight.length >= MOST_OVERLAPPING) return false;
    // Where each response repeats what went before, suspects can be told apart only one after the other.
    if (!this.#delta && channel.suspects.length > 0) return false;
    const last = channel.inFlight.at(-1);
    return last !== undefined && (this.#warmth.hasPassed(last) || now >= last.sentAt + OVERLAP_AFTER_MS);
  }

  #send(channel: Channel, batch: Batch, revision: number, now: number): Outgoing {
    this.#nonce += 1;
    const nonce = String(this.#nonce);
    const { type } = channel;
    const { changes, steps } = batch;
    const whole = !this.#delta && type.wholeState;
    const content = () =>
      whole
        ? buildWorld(channel, changes)
        : changes.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
    const resources = steps === undefined ? content() : joined(steps, 'resources');
    const absent = channel.absentNames(changes);
    channel.sent({
      ...batch,
      changes: whole ? withUnanswered(channel, changes) : changes,
      nonce,
      sentAt: now,
      revision,
    });
    this.#gates.get(type.typeUrl)?.sent(changes);
    if (type.typeUrl === CLUSTER) this.#sendEndpointsAgain(changes);
    for (const belonging of this.#belongingTo(channel))
      belonging.introduce(changes.flatMap(({ name, resource }) => (resource === undefined ? [] : [name])));
    if (steps !== undefined) return { type, resources, removed: joined(steps, 'removed'), steps, nonce, revision };
    const gone = this.#delta ? changes.filter(({ resource }) => resource === undefined).map(({ name }) => name) : [];
    if (absent.size === 0) return { type, resources, removed: gone, nonce, revision };
    return { type, resources, removed: gone.filter((name) => !absent.has(name)), absent: [...absent], nonce, revision };
  }

  /** A changed cluster warms again, and Envoy neither acknowledges it nor asks before its endpoints have come again. */
  #sendEndpointsAgain(changes: readonly Change[]): void {
    const endpoints = this.#channel(ENDPOINT);
    if (!endpoints.open) return;
    for (const { resource } of changes) {
      const name = resource?.endpointsName;
      if (name !== undefined && endpoints.holdings.subscribed(name)) endpoints.force(name);
    }
  }

  /** The channels of what belongs to resources of this one. */
  #belongingTo({ type: { typeUrl } }: Channel): readonly Channel[] {
    return this.#delta && typeUrl === ROUTE ? [this.#channel(VIRTUAL_HOST)] : [];
  }

  #naming(cluster: string): Naming {
    let wanted = false;
    for (const type of NAMING) {
      const { holdings, inFlight } = this.#channel(type.typeUrl);
      holdings.rebase(this.target(type));
      if (holdings.exceptionNeeds(cluster)) return 'passing';
      if (inFlight.some(({ changes }) => changes.some(({ resource }) => resource?.needs.includes(cluster))))
        return 'passing';
      wanted ||= holdings.baseNeeds(cluster);
    }
    return wanted ? 'wanted' : 'nothing';
  }

  #holdsCluster(cluster: string): boolean {
    const { holdings, inFlight } = this.#channel(CLUSTER);
    if (!holdings.holds(cluster) && !inFlight.some((sent) => this.#warmth.isWarm(sent, cluster))) return false;
    return !inFlight.some(
      ({ steps, changes }) =>
        // What is removed from among the clusters never goes in steps.
        steps === undefined && changes.some(({ name, resource }) => name === cluster && resource === undefined),
    );
  }

  #exists(typeUrl: string, name: string): boolean {
    return this.#snapshot?.types.get(typeUrl)?.has(name) ?? false;
  }

  target(type: ResourceType): Resources {
    if (type.typeUrl === SECRET) return this.#secrets;
    return this.#snapshot?.types.get(type.typeUrl) ?? NO_RESOURCES;
  }

  #channel(typeUrl: string): Channel {
    const channel = this.#channels.get(typeUrl);
    if (channel === undefined) throw new RangeError(`no channel for ${typeUrl}`);
    return channel;
  }
}
