/**
 * What a client has yet to acknowledge of its present snapshot, resource by resource. To ask changes nothing, and costs
 * what is left: clients on the way that many go share the lists of its steps.
 */
import type { Channel } from './channel.ts';
import type { ClientState } from './client-state.ts';
import { NO_RESOURCES, type Resources, routesNamedIn } from './difference.ts';
import type { Held } from './held.ts';
import type { Planner } from './planner.ts';
import type { Outstanding, ServedResource } from './source.ts';
import type { Step } from './steps.ts';
import { CLUSTER, LISTENER, parentOf, ROUTE, VIRTUAL_HOST } from './types.ts';

export type OutstandingList = readonly Outstanding[];

/** Empty lists are left out. */
export function listOutstanding(state: ClientState, planner: Planner): readonly OutstandingList[] {
  const lists: OutstandingList[] = [];
  for (const channel of state.channels) {
    const target = state.target(channel.type);
    if (channel.inFlight.length === 0 && channel.holdings.isAt(target)) continue;
    lists.push(...listCommon(state, planner, channel, target), listUnderway(state, channel, target));
  }
  lists.push(listUnasked(state));
  return lists.filter((list) => list.length > 0);
}

/** On the way that the client shares with others, or what is different with this one. */
function listCommon(
  state: ClientState,
  planner: Planner,
  channel: Channel,
  target: Resources,
): readonly OutstandingList[] {
  // What waits has clusters of its own to wait for, wherever the client is.
  const isCommon = state.delta && channel.refusals.none && !planner.isWaiting(channel.type);
  const way = isCommon ? channel.holdings.way(target, planner.pace(channel)) : undefined;
  if (way === undefined) return [listExceptions(state, planner, channel, target)];
  return way.steps.map((step) => listStep(step, way.from, channel));
}

const ofSteps = new WeakMap<Step, OutstandingList>();

function listStep(step: Step, from: Resources, channel: Channel): OutstandingList {
  let list = ofSteps.get(step);
  if (list === undefined) {
    list = step.changes.flatMap(({ name, resource }) =>
      resource === undefined && isLeft(channel) ? [] : [{ held: from.get(name), wanted: resource, waitingFor: NONE }],
    );
    ofSteps.set(step, list);
  }
  return list;
}

function listExceptions(state: ClientState, planner: Planner, channel: Channel, target: Resources): OutstandingList {
  const { holdings, refusals, type } = channel;
  const list: Outstanding[] = [];
  for (const [name, held] of holdings.exceptions(target)) {
    const wanted = target.get(name);
    if (refusals.refuses(name, target)) continue;
    if (wanted === undefined && (isLeft(channel) || goesWithParent(state, channel, name))) continue;
    const waitingFor = planner.clustersMissing(type, name);
    for (const resource of possiblyHeld(held)) list.push({ held: resource, wanted, waitingFor });
  }
  return list;
}

/** What the client may hold of it, each with its bytes as far as they are known. */
function possiblyHeld(held: Held | undefined): readonly (ServedResource | undefined)[] {
  return [held?.resource, ...(held?.doubts ?? NONE)];
}

/** Sent from an earlier snapshot and not answered: the client may be taking up what it is not to hold. */
function listUnderway({ snapshot }: ClientState, { inFlight, type }: Channel, target: Resources): OutstandingList {
  const list: Outstanding[] = [];
  for (const { revision, changes } of inFlight) {
    if (revision === snapshot?.revision) continue;
    for (const { name, resource } of changes) {
      const wanted = target.get(name);
      if (resource?.version === wanted?.version || (wanted === undefined && type.typeUrl === CLUSTER)) continue;
      list.push({ held: resource, wanted, waitingFor: NONE });
    }
  }
  return list;
}

/** Route configurations that its listeners name, and what belongs to them, in which the client takes no interest yet. */
function listUnasked(state: ClientState): OutstandingList {
  const wanted = (typeUrl: string) => state.snapshot?.types.get(typeUrl) ?? NO_RESOURCES;
  const routes = wanted(ROUTE);
  const named = routesNamedIn(wanted(LISTENER)).filter((name) => routes.has(name));
  const unasked = (typeUrl: string) => named.filter((name) => !state.channel(typeUrl).holdings.interest.has(name));
  const resources = unasked(ROUTE).map((name) => routes.get(name));
  const parents = state.delta ? new Set(unasked(VIRTUAL_HOST)) : NO_NAMES;
  if (parents.size > 0)
    for (const [name, host] of wanted(VIRTUAL_HOST)) if (parents.has(parentOf(name))) resources.push(host);
  return resources.map((resource) => ({ held: undefined, wanted: resource, waitingFor: NONE }));
}

/** A removal that nobody waits for: the client drops it by itself, or uses it no longer once its routes are there. */
function isLeft({ type }: Channel): boolean {
  return type.removal !== 'send' || type.typeUrl === CLUSTER;
}

function goesWithParent(state: ClientState, { type: { parent } }: Channel, name: string): boolean {
  return parent !== undefined && !state.exists(parent, parentOf(name));
}

const NONE: readonly never[] = [];
const NO_NAMES: ReadonlySet<string> = new Set();
