/** Whether a client has arrived at the present snapshot, so that everything up to it counts as acknowledged. */
import type { Change } from './change.ts';
import type { Channel } from './channel.ts';
import type { ClientState } from './client-state.ts';
import { follow } from './common-way.ts';
import type { Resources } from './difference.ts';
import type { Planner } from './planner.ts';
import { CLUSTER } from './types.ts';

/** Everything of the present snapshot is acknowledged, unless it was refused by itself. `principal`: nothing is before. */
export function isSettled(state: ClientState, planner: Planner, principal: string): boolean {
  if (state.snapshot === undefined) return false;
  if (!state.channel(principal).open) return false;
  if (state.isAtRest) return state.holdsNamedRoutes();
  return state.everyRestless((channel) => hasArrived(state, planner, channel)) && state.holdsNamedRoutes();
}

function hasArrived(state: ClientState, planner: Planner, channel: Channel): boolean {
  const target = state.target(channel.type);
  // What belongs to something that was sent, and that the client has yet to ask for.
  if (!channel.open) return !channel.hasBelongings(target);
  if (channel.inFlight.length > 0 || channel.refusals.searching || channel.owed) return false;
  if (channel.isSettled(target)) return true;
  if (channel.isDue(target)) return false;
  // The removal of a cluster that something draining still names may take its time.
  const mayLinger = channel.type.typeUrl === CLUSTER;
  return !changesLeft(state, planner, channel, target).some(({ resource }) => resource !== undefined || !mayLinger);
}

/** From the way that the client shares with others, if it does. */
function changesLeft(state: ClientState, planner: Planner, channel: Channel, target: Resources): readonly Change[] {
  if (state.delta && channel.forced.size === 0 && channel.type.parent === undefined) {
    follow(channel, target);
    const way = channel.holdings.way(target, planner.pace(channel));
    const left = way?.steps.flatMap(({ changes }) => changes);
    if (left !== undefined) return way?.whole ? left : left.filter(({ name }) => channel.holdings.subscribed(name));
  }
  return state.changes(channel);
}
