/** Structural equality of plain data (objects, arrays, maps, bytes): the cut-off test of queries and inputs. */

type Fields = Readonly<Record<string, unknown>>;

export function sameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && sameArray(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Map) return b instanceof Map && sameMap(a, b);
  return !Array.isArray(b) && !(b instanceof Map) && !(b instanceof Uint8Array) && sameFields({ ...a }, { ...b }, '');
}

/** Equality of decoded objects: `resourceVersion` says that something was written, not that anything we read differs. */
export function sameObject(a: object, b: object): boolean {
  return a === b || sameFields({ ...a }, { ...b }, 'resourceVersion');
}

function sameArray(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (!sameData(a[at], b[at])) return false;
  return true;
}

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !sameData(value, b.get(key))) return false;
  return true;
}

/** A field that is undefined counts as absent. */
function sameFields(a: Fields, b: Fields, ignored: string): boolean {
  let present = 0;
  for (const name in a) {
    const value = a[name];
    if (name === ignored || value === undefined) continue;
    if (!Object.hasOwn(b, name) || !sameData(value, b[name])) return false;
    present += 1;
  }
  for (const name in b) if (name !== ignored && b[name] !== undefined) present -= 1;
  return present === 0;
}
