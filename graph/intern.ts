/** Hash-consing: one shared instance per distinct content, so that equality is identity. */

/** Returns the one live instance whose spelling equals the given value's. */
export type Intern<V extends object> = (value: V) => V;

/**
 * `spell` gives a canonical string: equal strings mean equal values. Instances are held weakly: one that nobody else
 * uses any more disappears from the table by itself.
 */
export function createIntern<V extends object>(spell: (value: V) => string): Intern<V> {
  const table = new Map<string, WeakRef<V>>();
  const gone = new FinalizationRegistry<string>((spelling) => {
    if (table.get(spelling)?.deref() === undefined) table.delete(spelling);
  });
  return (value) => {
    const spelling = spell(value);
    const known = table.get(spelling)?.deref();
    if (known !== undefined) return known;
    table.set(spelling, new WeakRef(value));
    gone.register(value, spelling);
    return value;
  };
}

/** Equality of two maps by keys and the identity of their values; the order of insertion does not count. */
export function sameEntries<K>(previous: ReadonlyMap<K, unknown>, next: ReadonlyMap<K, unknown>): boolean {
  if (previous === next) return true;
  if (previous.size !== next.size) return false;
  // By keys: an iterator over both makes a pair of each.
  for (const key of next.keys()) if (!previous.has(key) || !Object.is(previous.get(key), next.get(key))) return false;
  return true;
}
