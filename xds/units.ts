/**
 * Changes that only make sense together: where one resource hands over to another what no two may have, a response with
 * only half of it is refused by the client, or leaves what was handed over to nobody.
 */
import type { Change } from './change.ts';
import type { Held } from './held.ts';
import { parentOf } from './types.ts';

/** Changes to be sent in one response. */
export type Unit = readonly Change[];

/** The changes in units, in their order. `held` says what the client has under a name before them. */
export function resolveUnits(changes: readonly Change[], held: (name: string) => Held | undefined): readonly Unit[] {
  if (changes.length === 1) return [changes];
  const releasing = new Map<string, number>();
  const gained = changes.map((change, at) => {
    const before = held(change.name)?.resource?.claims ?? NONE;
    const after = change.resource?.claims ?? NONE;
    if (before === after) return NONE;
    const kept = new Set(after);
    const had = new Set(before);
    for (const claim of before) if (!kept.has(claim)) releasing.set(claimOf(change, claim), at);
    return after.filter((claim) => !had.has(claim));
  });
  const joined = changes.map((_, at) => at);
  const rootOf = (at: number): number => {
    let root = at;
    while (joined[root] !== root) root = joined[root] ?? root;
    return root;
  };
  if (releasing.size > 0) {
    gained.forEach((claims, at) => {
      for (const claim of claims) {
        const from = releasing.get(claimOf(changes[at], claim));
        if (from === undefined) continue;
        const [a, b] = [rootOf(from), rootOf(at)];
        joined[Math.max(a, b)] = Math.min(a, b);
      }
    });
  }
  const units = new Map<number, Change[]>();
  changes.forEach((change, at) => {
    const root = rootOf(at);
    const unit = units.get(root);
    if (unit === undefined) units.set(root, [change]);
    else unit.push(change);
  });
  return [...units.values()];
}

const NONE: readonly string[] = [];

function claimOf(change: Change | undefined, claim: string): string {
  return `${parentOf(change?.name ?? '')}/${claim}`;
}
