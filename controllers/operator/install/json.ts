/** JSON as it comes from the API server, from profiles and from users. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a dotted path, or undefined. Keys are own properties only: `constructor` is no value. */
export function readPath(root: Json | undefined, path: string): Json | undefined {
  let value = root;
  for (const key of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** A copy of `root` with `value` at a dotted path; maps on the way are made. */
export function withPath(root: JsonObject, path: string, value: Json): JsonObject {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...root, [key]: value };
  const inner = root[key];
  return { ...root, [key]: withPath(isObject(inner) ? inner : {}, rest.join('.'), value) };
}

/**
 * Lays one value over another: maps merge key by key, everything else is replaced, null removes. Lists whose items all
 * have a `name` under one of `namedLists` merge item by item, as Istio merges gateways and environment variables.
 */
export function overlay(base: Json | undefined, over: Json | undefined, key = ''): Json | undefined {
  if (over === undefined) return base;
  if (over === null) return undefined;
  if (isObject(over)) return overlayObject(isObject(base) ? base : {}, over);
  if (namedLists.has(key) && isNamedList(over) && isNamedList(base)) return overlayNamed(base, over);
  return over;
}

export function overlayObject(base: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const result = overlay(Object.hasOwn(base, key) ? base[key] : undefined, value, key);
    if (result === undefined) merged.delete(key);
    else merged.set(key, result);
  }
  return Object.fromEntries(merged);
}

const namedLists: ReadonlySet<string> = new Set(['ingressGateways', 'egressGateways', 'env', 'extensionProviders']);

type Named = JsonObject & { readonly name: string };

function isNamedList(value: Json | undefined): value is readonly Named[] {
  return Array.isArray(value) && value.every((item) => isObject(item) && typeof item.name === 'string');
}

function overlayNamed(base: readonly Named[], over: readonly Named[]): Json {
  const identify = (item: Named) => JSON.stringify([item.name, item.namespace ?? '']);
  const merged = new Map(base.map((item) => [identify(item), item as JsonObject]));
  for (const item of over) {
    const id = identify(item);
    merged.set(id, overlayObject(merged.get(id) ?? {}, item));
  }
  return [...merged.values()];
}

/** Every path that ends in something other than a map with entries, e.g. `global.proxy.image`. Empty maps say nothing and are left out. */
export function leafPaths(value: Json | undefined, prefix = ''): readonly string[] {
  if (!isObject(value)) return prefix === '' ? [] : [prefix];
  return Object.entries(value).flatMap(([key, inner]) => leafPaths(inner, prefix === '' ? key : `${prefix}.${key}`));
}
