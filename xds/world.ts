/** What a state-of-the-world response holds where what it does not name is gone: all that the client is to hold from then on. */
import type { Change } from './change.ts';
import type { Channel } from './channel.ts';
import type { ServedResource } from './source.ts';

/** The changes with those that the response repeats because they are not answered yet: its answer is one to them too. */
export function withUnanswered({ inFlight }: Channel, changes: readonly Change[]): readonly Change[] {
  if (inFlight.length === 0) return changes;
  const all = [...inFlight.flatMap((sent) => sent.changes), ...changes];
  return [...new Map(all.map((change) => [change.name, change])).values()];
}

/** What the client holds, what it is sent already, and the changes; by name. */
export function buildWorld({ holdings, inFlight }: Channel, changes: readonly Change[]): readonly ServedResource[] {
  const content = new Map<string, ServedResource>();
  for (const resource of holdings.resources()) content.set(resource.name, resource);
  for (const { name, resource } of [...inFlight.flatMap((sent) => sent.changes), ...changes]) {
    if (resource === undefined) content.delete(name);
    else content.set(name, resource);
  }
  return [...content.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
