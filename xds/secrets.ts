/** The secrets that one client is to hold, as a collection like any other type's. */
import type { Resources } from './difference.ts';
import type { ServedResource, Subscription } from './source.ts';

/** The same collection as before while none has changed. */
export function currentSecrets(
  names: ReadonlySet<string>,
  subscription: Pick<Subscription, 'secret'>,
  before: Resources,
): Resources {
  if (names.size + before.size === 0) return before;
  const now = new Map<string, ServedResource>();
  for (const name of names) {
    const secret = subscription.secret(name);
    if (secret !== undefined) now.set(name, secret);
  }
  const unchanged =
    now.size === before.size && [...now].every(([name, secret]) => before.get(name)?.version === secret.version);
  return unchanged ? before : now;
}
