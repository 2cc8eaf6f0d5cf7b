/** What is left to be sent to one client, found by looking at what is different with it. */
import type { Change } from './change.ts';
import type { Channel } from './channel.ts';
import type { Resources } from './difference.ts';

/** A client may ask for, or claim to hold, any number of things that there are none of: it is told of so many at once. */
const MOST_ABSENT = 250;

/** And so many of what it claims are looked at to find them. */
const MOST_LOOKED_AT = 10_000;

const NOTHING_UNDERWAY: ReadonlyMap<string, Change> = new Map();

/**
 * What the client is to be sent to hold the target, apart from what waits for its turn alone, and of what there is not
 * only so much at once. Sorted by name. `leaves`: what is gone goes without being told.
 */
export function resolveChanges(
  channel: Channel,
  target: Resources,
  leaves: (name: string) => boolean,
): readonly Change[] {
  const { type, holdings, forced, refusals, inFlight } = channel;
  const names = new Set(holdings.rebase(target));
  if (type.removal === 'never' && inFlight.length === 0) waitForUnknown(channel, target);
  for (const name of channel.belongings(target)) names.add(name);
  const underway = lastUnderway(channel);
  for (const name of underway.keys()) if (holdings.subscribed(name)) names.add(name);
  addForced(channel, names, target);
  if (type.removal === 'send') addStrays(channel, names, (name) => underway.has(name) || leaves(name));
  const changes: Change[] = [];
  for (const name of names) {
    const resource = target.get(name);
    if (refusals.refuses(name, target)) continue;
    const coming = underway.get(name);
    if (coming !== undefined && !forced.has(name)) {
      // What is under way will be held, whatever is held until then.
      if (coming.resource?.version === resource?.version) continue;
      if (resource === undefined && type.removal !== 'send') continue;
    } else if (resource === undefined && !channel.tellsAbsence(name)) continue;
    if (resource === undefined && leaves(name)) continue;
    changes.push({ name, resource });
  }
  return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addForced({ holdings, forced }: Channel, names: Set<string>, target: Resources): void {
  let absent = 0;
  for (const name of forced.keys()) {
    if (!holdings.subscribed(name)) {
      forced.delete(name);
      continue;
    }
    if (!target.has(name)) absent += 1;
    if (absent > MOST_ABSENT) return;
    names.add(name);
  }
}

function addStrays({ holdings }: Channel, names: Set<string>, isLeft: (name: string) => boolean): void {
  const left: string[] = [];
  let absent = 0;
  for (const name of holdings.strays()) {
    if (isLeft(name)) {
      left.push(name);
      if (left.length >= MOST_LOOKED_AT) break;
    } else {
      absent += 1;
      if (absent > MOST_ABSENT) break;
      names.add(name);
    }
  }
  // The next look begins with others.
  for (const name of left) holdings.putBehind(name);
}

/** What nobody is told of is sent once it is there, as the client does not hold it then. */
function waitForUnknown({ holdings, forced }: Channel, target: Resources): void {
  for (const [name, reason] of forced) {
    if (target.has(name)) continue;
    if (reason === 'again') holdings.record(name, undefined);
    forced.delete(name);
  }
}

/** The last change of each name that was sent and not answered. */
function lastUnderway({ inFlight }: Channel): ReadonlyMap<string, Change> {
  if (inFlight.length === 0) return NOTHING_UNDERWAY;
  return new Map(inFlight.flatMap(({ changes }) => changes.map((change) => [change.name, change] as const)));
}
