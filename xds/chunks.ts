/** How much of what is due goes into one response. */
import { type Change, changeBytes } from './change.ts';
import type { Channel } from './channel.ts';
import { parentOf } from './types.ts';
import { resolveUnits, type Unit } from './units.ts';

/** The first of the changes that have so many bytes together; one alone may have more. */
export function chooseChunk(channel: Channel, changes: readonly Change[], chunkBytes: number): readonly Change[] {
  if (channel.type.parent !== undefined) return chooseUnits(channel, changes, chunkBytes);
  let bytes = 0;
  for (const [at, change] of changes.entries()) {
    bytes += changeBytes(change);
    if (bytes > chunkBytes && at > 0) return changes.slice(0, at);
  }
  return changes;
}

/** Of changes that belong to parents, those of whose unit every one is ready. */
export function completeUnits(
  channel: Channel,
  changes: readonly Change[],
  ready: ReadonlySet<Change>,
): readonly Change[] {
  return unitsOf(channel, changes)
    .filter((unit) => unit.every((change) => ready.has(change)))
    .flat();
}

/**
 * Of one parent: Envoy takes up all that a response has for a table or nothing, but of a response for several tables it
 * takes up some and refuses the rest, and does not say on another stream what it has taken up.
 */
function chooseUnits(channel: Channel, changes: readonly Change[], chunkBytes: number): readonly Change[] {
  const chunk: Change[] = [];
  let bytes = 0;
  for (const unit of unitsOf(channel, changes)) {
    if (chunk[0] !== undefined && parentOf(unit[0]?.name ?? '') !== parentOf(chunk[0].name)) continue;
    bytes += unit.reduce((sum, change) => sum + changeBytes(change), 0);
    if (bytes > chunkBytes && chunk.length > 0) break;
    chunk.push(...unit);
  }
  return chunk;
}

/** What must travel in one response: all that belongs to a parent that the client was sent just now, and hand-overs. */
function unitsOf(channel: Channel, changes: readonly Change[]): readonly Unit[] {
  const whole = new Map<string, Change[]>();
  const single: Change[] = [];
  for (const change of changes) {
    const parent = parentOf(change.name);
    if (!channel.introduced.has(parent)) single.push(change);
    else {
      const unit = whole.get(parent);
      if (unit === undefined) whole.set(parent, [change]);
      else unit.push(change);
    }
  }
  return [...whole.values(), ...resolveUnits(single, (name) => channel.holdings.held(name))];
}
