/** RFC 6902 patches between two JSON values. */
import { isDeepStrictEqual } from 'node:util';

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** The operations, to be applied in order, that turn `before` into `after`; none when they are equal. */
export function buildPatch(before: unknown, after: unknown): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  compare('', before, after, operations);
  return operations;
}

function compare(path: string, before: unknown, after: unknown, operations: PatchOperation[]): void {
  if (isDeepStrictEqual(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) compareLists(path, before, after, operations);
  else if (isObject(before) && isObject(after)) compareObjects(path, before, after, operations);
  else operations.push({ op: 'replace', path, value: after });
}

function compareObjects(path: string, before: Fields, after: Fields, operations: PatchOperation[]): void {
  for (const [name, value] of Object.entries(before)) {
    if (value !== undefined && after[name] === undefined)
      operations.push({ op: 'remove', path: `${path}/${escapePointer(name)}` });
  }
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const at = `${path}/${escapePointer(name)}`;
    if (Object.hasOwn(before, name) && before[name] !== undefined) compare(at, before[name], value, operations);
    else operations.push({ op: 'add', path: at, value });
  }
}

/** Items are told apart by their `name` where they have one, so that an insertion in front is one operation. */
function compareLists(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
  operations: PatchOperation[],
): void {
  let rest = [...before];
  after.forEach((item, i) => {
    const found = rest.findIndex((candidate) => isSame(candidate, item));
    if (found < 0) {
      operations.push({ op: 'add', path: `${path}/${i}`, value: item });
      return;
    }
    for (let n = 0; n < found; n++) operations.push({ op: 'remove', path: `${path}/${i}` });
    compare(`${path}/${i}`, rest[found], item, operations);
    rest = rest.slice(found + 1);
  });
  for (const _ of rest) operations.push({ op: 'remove', path: `${path}/${after.length}` });
}

function isSame(a: unknown, b: unknown): boolean {
  if (isObject(a) && isObject(b) && a.name !== undefined) return a.name === b.name;
  return isDeepStrictEqual(a, b);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 6901. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
