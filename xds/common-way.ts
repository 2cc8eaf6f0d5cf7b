/**
 * The way that many clients go together: one that asks for all there is and holds nothing of its own is sent the steps
 * that others are sent, without a look at single resources.
 */
import { type Batch, type Change, changeBytes } from './change.ts';
import type { Channel } from './channel.ts';
import { NO_RESOURCES, parentsIn, type Resources } from './difference.ts';
import { joined, type Pace, stepsBetween, takeSteps } from './steps.ts';

/** Fewer names than this are sent one by one. */
const MANY = 32;

/**
 * Takes over what a client asks for that has been sent nothing but the first steps to the target: they bring the rest too, so
 * nothing is noted of single names, of which hundreds of clients ask for thousands each. False: this is another client, or
 * it asks for something else.
 */
export function askOnTheWay(channel: Channel, names: readonly string[], target: Resources): boolean {
  const { type, holdings, forced, refusals, inFlight } = channel;
  if (names.length < MANY || type.parent !== undefined || channel.hasLetGo) return false;
  if (forced.size > 0 || !refusals.none || !holdings.isOnFirstWay(target)) return false;
  if (inFlight.some(({ steps }) => steps === undefined)) return false;
  if (!names.every((name) => target.has(name) && !holdings.subscribed(name))) return false;
  for (const name of names) holdings.interest.add(name);
  return true;
}

/** Compares what the client asks for with the target. */
export function follow({ type, holdings, forced, inFlight }: Channel, target: Resources): void {
  if (type.parent !== undefined) return;
  // What was asked for and is gone before it was sent is told to be absent.
  for (const name of holdings.interest.follow(target)) {
    if (holdings.held(name) === undefined && !forced.has(name)) forced.set(name, 'asked');
  }
  // A client that holds nothing beside goes the way of others: what it asks for is on it.
  if (forced.size < MANY || inFlight.length > 0 || !holdings.isOnFirstWay(target)) return;
  for (const [name, reason] of forced) if (reason !== 'asked' || !target.has(name)) return;
  forced.clear();
}

/** What goes into the next response. Undefined: the client needs changes of its own, or the way is shorter than a step. */
export function nextSteps(channel: Channel, target: Resources, pace: Pace): Batch | undefined {
  const { holdings, forced, refusals, inFlight } = channel;
  if (forced.size + inFlight.length > 0 || !refusals.none) return undefined;
  const way = holdings.way(target, pace);
  if (way === undefined || bringsIntroduced(channel, way.from)) return undefined;
  const { from, steps, whole } = way;
  if (steps.length === 0) holdings.move(from, target);
  let taken = 0;
  for (let bytes = 0; taken < steps.length; taken += 1) {
    const step = steps[taken];
    bytes += step?.bytes ?? 0;
    const full = pace.byParent ? step?.parent !== steps[0]?.parent : bytes > pace.chunkBytes;
    if (taken > 0 && full) break;
    if (!whole && step?.changes.every(({ name }) => holdings.subscribed(name)) !== true) break;
  }
  if (taken === 0 && !whole && !steps.some(({ changes }) => changes.some(({ name }) => holdings.subscribed(name))))
    holdings.rest(target);
  if (taken === 0) return undefined;
  const chosen = taken === steps.length ? steps : steps.slice(0, taken);
  return {
    changes: joined(chosen, 'changes'),
    steps: chosen,
    move: { from, to: takeSteps(from, target, pace, taken) },
  };
}

/** The first that a client is sent which asks for many by name. Undefined: it holds something already, or asks for few. */
export function firstOfMany(channel: Channel, target: Resources, pace: Pace): Batch | undefined {
  const { type, holdings, forced, refusals, inFlight } = channel;
  if (forced.size < MANY || type.parent !== undefined || !holdings.isEmpty) return undefined;
  if (inFlight.length > 0 || !refusals.none) return undefined;
  const changes: Change[] = [];
  let bytes = 0;
  for (const change of joined(stepsBetween(NO_RESOURCES, target, pace), 'changes')) {
    if (!holdings.interest.has(change.name)) continue;
    bytes += changeBytes(change);
    if (bytes > pace.chunkBytes && changes.length > 0) break;
    changes.push(change);
  }
  if (changes.length === 0) return undefined;
  return { changes, move: { from: NO_RESOURCES, to: target } };
}

/** Whether something in the collection belongs to a parent that was sent just now: its belongings are on the way already. */
function bringsIntroduced({ introduced }: Channel, held: Resources): boolean {
  return introduced.size > 0 && parentsIn(held).some((parent) => introduced.has(parent));
}
