/**
 * All that is known of one client, type by type: what it asks for and holds, and what it is to hold. The rules that look
 * at several types at once stand on this.
 */
import type { Change } from './change.ts';
import { Channel } from './channel.ts';
import { differingTypes, NO_RESOURCES, needingNames, type Resources, routesNamedIn } from './difference.ts';
import type { Holdings } from './holdings.ts';
import { resolveChanges } from './leftover.ts';
import type { Naming } from './retention.ts';
import type { Snapshot } from './source.ts';
import {
  ALL_TYPES,
  CLUSTER,
  LISTENER,
  parentOf,
  RESOURCE_TYPES,
  type ResourceType,
  ROUTE,
  SECRET,
  TYPES_NAMING_CLUSTERS,
  VIRTUAL_HOST,
} from './types.ts';
import { Warmth } from './warmth.ts';

const NOTHING_BELONGS: readonly Channel[] = [];

/** The types that decide which route configurations the client is to hold, and whether it does. */
const NAMING_ROUTES = bitsOf(RESOURCE_TYPES.filter(({ typeUrl }) => typeUrl === LISTENER || typeUrl === ROUTE));

/** The types that decide which clusters the client is to hold, and whether it does. */
const NEEDING_CLUSTERS = bitsOf([
  ...RESOURCE_TYPES.filter(({ typeUrl }) => typeUrl === CLUSTER),
  ...TYPES_NAMING_CLUSTERS,
]);

export class ClientState {
  readonly delta: boolean;
  readonly clusters: Channel;
  readonly warmth = new Warmth();
  /** In the order in which changes are sent. */
  readonly channels: readonly Channel[] = RESOURCE_TYPES.map((type) => new Channel(type));
  readonly #byType: ReadonlyMap<string, Channel> = new Map(
    this.channels.map((channel) => [channel.type.typeUrl, channel]),
  );
  /** The types on whose channels something may be left to do. */
  #restless = ALL_TYPES;
  /** As long as neither of the two is stirred. */
  #holdsNamedRoutes = false;
  #needsVersion = 0;
  #snapshot: Snapshot | undefined;
  #secrets: Resources = NO_RESOURCES;

  constructor(protocol: 'delta' | 'sotw') {
    this.delta = protocol === 'delta';
    this.clusters = this.channel(CLUSTER);
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Moves the target. Clients go straight to the newest; what was never sent of older ones is forgotten. */
  aim(snapshot: Snapshot | undefined, secrets: Resources): void {
    if (snapshot?.types !== this.#snapshot?.types) this.#stir(differingTypes(this.#snapshot?.types, snapshot?.types));
    if (secrets !== this.#secrets) this.#stir(this.channel(SECRET).type.bit);
    this.#snapshot = snapshot;
    this.#secrets = secrets;
  }

  /** Something happens on a channel. */
  stir({ type }: Channel): void {
    this.#stir(type.bit);
  }

  #stir(types: number): void {
    this.#restless |= types;
    if ((types & NAMING_ROUTES) !== 0) this.#holdsNamedRoutes = false;
    if ((types & NEEDING_CLUSTERS) !== 0) this.#needsVersion += 1;
  }

  /** Another one whenever something happens to the clusters that the client holds or to what names them. */
  get needsVersion(): number {
    return this.#needsVersion;
  }

  /**
   * Nothing is under way on a channel and nothing left to do. It is looked at again when something happens on it or its
   * target changes: hundreds of clients are looked at after each change, and reading what they hold is what that costs.
   */
  rest({ type }: Channel): void {
    this.#restless &= ~type.bit;
  }

  /** Nothing is left to do on any channel. */
  get isAtRest(): boolean {
    return this.#restless === 0;
  }

  /** Asks the channels that are not at rest, in order, until one says no. Those stirred meanwhile further on are asked too. */
  everyRestless(test: (channel: Channel) => boolean): boolean {
    for (let at = 0; at < this.channels.length; at += 1) {
      if ((this.#restless & (1 << at)) === 0) continue;
      const channel = this.channels[at];
      if (channel !== undefined && !test(channel)) return false;
    }
    return true;
  }

  channel(typeUrl: string): Channel {
    const channel = this.#byType.get(typeUrl);
    if (channel === undefined) throw new RangeError(`no channel for ${typeUrl}`);
    return channel;
  }

  /** The channels of what belongs to resources of this one. */
  belongingTo({ type: { typeUrl } }: Channel): readonly Channel[] {
    return this.delta && typeUrl === ROUTE ? [this.channel(VIRTUAL_HOST)] : NOTHING_BELONGS;
  }

  target(type: ResourceType): Resources {
    if (type.typeUrl === SECRET) return this.#secrets;
    return this.#snapshot?.types.get(type.typeUrl) ?? NO_RESOURCES;
  }

  exists(typeUrl: string, name: string): boolean {
    return this.#snapshot?.types.get(typeUrl)?.has(name) ?? false;
  }

  changes(channel: Channel): readonly Change[] {
    const { parent } = channel.type;
    // What belongs to something that is gone goes with it, once the client has stopped using that.
    const leaves = (name: string) => parent !== undefined && !this.exists(parent, parentOf(name));
    return resolveChanges(channel, this.target(channel.type), leaves);
  }

  holdsCluster(cluster: string): boolean {
    const { holdings, inFlight } = this.clusters;
    if (!holdings.holds(cluster) && !inFlight.some((sent) => this.warmth.isWarm(sent, cluster))) return false;
    return !inFlight.some(
      ({ steps, changes }) =>
        // What is removed from among the clusters never goes in steps.
        steps === undefined && changes.some(({ name, resource }) => name === cluster && resource === undefined),
    );
  }

  /** Who names a cluster of what the client holds or may be taking up. */
  naming(cluster: string): Naming {
    let wanted = false;
    for (const type of TYPES_NAMING_CLUSTERS) {
      const target = this.target(type);
      const isAtRest = (this.#restless & type.bit) === 0;
      if (isAtRest && (wanted || needingNames(target, cluster).length === 0)) continue;
      const { holdings, inFlight } = this.channel(type.typeUrl);
      holdings.rebase(target);
      if (holdings.exceptionNeeds(cluster)) return 'passing';
      if (inFlight.some(({ changes }) => changes.some(({ resource }) => resource?.needs.includes(cluster))))
        return 'passing';
      wanted ||= holdings.baseNeeds(cluster);
    }
    return wanted ? 'wanted' : 'nothing';
  }

  /**
   * Tells of any cluster whether what the client holds or may be taking up names it: as `naming`, after one look at all of
   * it instead of one for each cluster. Good until something happens on a channel.
   */
  findNamed(): (cluster: string) => boolean {
    const passing = new Set<string>();
    const all: Holdings[] = [];
    let isKnown = true;
    for (const type of TYPES_NAMING_CLUSTERS) {
      const { holdings, inFlight } = this.channel(type.typeUrl);
      // At rest it holds what it asks for of its target, whatever that is compared with.
      if ((this.#restless & type.bit) !== 0) holdings.rebase(this.target(type));
      all.push(holdings);
      isKnown &&= holdings.addExceptionNeeds(passing);
      for (const { changes } of inFlight)
        for (const { resource } of changes) for (const cluster of resource?.needs ?? []) passing.add(cluster);
    }
    return (cluster) => !isKnown || passing.has(cluster) || all.some((holdings) => holdings.baseNeeds(cluster));
  }

  /** Whether the client has all the route configurations that its listeners ask for. */
  holdsNamedRoutes(): boolean {
    if (!this.#holdsNamedRoutes) {
      const { holdings } = this.channel(ROUTE);
      this.#holdsNamedRoutes = this.#namedRoutes().every((name) => !this.exists(ROUTE, name) || holdings.holds(name));
    }
    return this.#holdsNamedRoutes;
  }

  #namedRoutes(): readonly string[] {
    const { holdings, type } = this.channel(LISTENER);
    const target = this.target(type);
    if (holdings.isAt(target)) return routesNamedIn(target);
    return [...target.values()].flatMap(({ name, routeNames = [] }) => (holdings.holds(name) ? routeNames : []));
  }
}

function bitsOf(types: readonly ResourceType[]): number {
  return types.reduce((bits, { bit }) => bits | bit, 0);
}
