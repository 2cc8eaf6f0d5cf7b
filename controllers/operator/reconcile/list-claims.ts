import type { ObjectMeta } from '#kube/index.ts';
import { isObject, type Json } from '../install/json.ts';
import type { ChildObject } from '../render/child.ts';

/** A list of which somebody else claims elements by server-side apply. */
export interface ListClaim {
  /** Dotted, as the API server names fields: `spec.ports`. */
  readonly path: string;
  /** Field managers, sorted. */
  readonly managers: readonly string[];
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Json;
}

/**
 * The lists of `wanted` of which managers other than ours applied elements to the live object. A merge patch would
 * replace those lists whole. Lists inside list elements count for the outermost list.
 * @param managedFields of the live object; `fieldsV1` as in the API server's structured-merge-diff: `f:` before a field,
 *   `k:` (keys), `v:` (value) or `i:` (index) before an element
 */
export function findListClaims(
  wanted: ChildObject,
  managedFields: ObjectMeta['managedFields'],
  isOurs: (manager: string) => boolean,
): readonly ListClaim[] {
  const claims = ((managedFields ?? []) as readonly ManagedFields[]).filter(
    ({ manager = '', operation, subresource }) =>
      operation === 'Apply' && subresource === undefined && !isOurs(manager),
  );
  return listPaths(wanted as Json, []).flatMap((path) => {
    const managers = claims
      .filter(({ fieldsV1 }) => claimsElement(fieldsV1, path))
      .map(({ manager = '' }) => manager)
      .sort();
    return managers.length === 0 ? [] : [{ path: path.join('.'), managers: [...new Set(managers)] }];
  });
}

function listPaths(value: Json | undefined, path: readonly string[]): readonly (readonly string[])[] {
  if (Array.isArray(value)) return [path];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => listPaths(inner, [...path, key]));
}

function claimsElement(fields: Json | undefined, path: readonly string[]): boolean {
  let claimed = fields;
  for (const key of path) {
    if (!isObject(claimed)) return false;
    claimed = claimed[`f:${key}`];
  }
  return isObject(claimed) && Object.keys(claimed).some((key) => /^[kvi]:/.test(key));
}
