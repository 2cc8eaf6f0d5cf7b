/** Vocabulary of the checks: small functions from a value and its path to what is wrong with it. */
import type { Diagnostic } from '../resource.ts';
import { renderPath } from './diagnose.ts';

export type Path = readonly PropertyKey[];

export const error = (path: Path, message: string): Diagnostic => ({
  path: renderPath(path),
  message,
  severity: 'error',
});

export const warning = (path: Path, message: string): Diagnostic => ({
  path: renderPath(path),
  message,
  severity: 'warning',
});

/** One error when the condition holds. */
export const errorIf = (wrong: boolean, path: Path, message: string): Diagnostic[] =>
  wrong ? [error(path, message)] : [];

export const warningIf = (odd: boolean, path: Path, message: string): Diagnostic[] =>
  odd ? [warning(path, message)] : [];

/** Checks each item of a list that may be absent. */
export function each<T>(
  items: readonly T[] | undefined,
  path: Path,
  check: (item: T, path: Path, index: number) => readonly Diagnostic[],
): Diagnostic[] {
  return (items ?? []).flatMap((item, index) => check(item, [...path, index], index));
}

/** Checks each entry of a map that may be absent. */
export function eachEntry<T>(
  map: Readonly<Record<string, T>> | undefined,
  path: Path,
  check: (key: string, value: T, path: Path) => readonly Diagnostic[],
): Diagnostic[] {
  return Object.entries(map ?? {}).flatMap(([key, value]) => check(key, value, [...path, key]));
}

/** Checks a value unless it is absent. */
export function optionally<T>(
  value: T | undefined,
  path: Path,
  check: (value: T, path: Path) => readonly Diagnostic[],
): readonly Diagnostic[] {
  return value === undefined ? [] : check(value, path);
}

/** One error for every item whose key an earlier item has. */
export function duplicates<T>(
  items: readonly T[] | undefined,
  path: Path,
  key: (item: T) => string | undefined,
  message: (key: string) => string,
  field: Path = [],
): Diagnostic[] {
  const seen = new Set<string>();
  return each(items, path, (item, at) => {
    const found = key(item);
    if (found === undefined) return [];
    const repeated = seen.has(found);
    seen.add(found);
    return errorIf(repeated, [...at, ...field], message(found));
  });
}
