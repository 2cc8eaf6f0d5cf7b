/** The scalars and containers from which every schema of this folder is made. */
import * as z from 'zod';
import { parseDuration } from '../duration.ts';
import { withFacts, withRule } from './rule.ts';

/** The type of a schema's value, deeply read-only. */
export type Value<S extends z.ZodType> = Immutable<z.output<S>>;

export type Immutable<T> = T extends readonly (infer Item)[]
  ? readonly Immutable<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Immutable<T[Key]> }
    : T;

const uint32Max = 4_294_967_295;

export const uint32 = () => z.int().min(0).max(uint32Max);
export const int32 = () => withFacts(z.int().min(-2_147_483_648).max(2_147_483_647), { format: 'int32' });
/** A count that 32 bits may not hold; JSON numbers above 2^53 are refused. */
export const uint64 = () => z.int().min(0);
export const double = () => withFacts(z.number(), { format: 'double' });

/** Go's notation; at least one millisecond. */
export const duration = () =>
  withRule(z.string(), {
    cel: "duration(self) >= duration('1ms')",
    message: 'must be a duration of at least 1ms, such as 5s or 1m30s',
    holds: (text) => (parseDuration(text) ?? 0) >= 1,
  });

/** A TCP or UDP port number that must be a real one. */
export const portNumber = () =>
  withRule(uint32(), {
    cel: '0 < self && self <= 65535',
    message: 'must be a port between 1 and 65535',
    holds: (port) => port > 0 && port <= 65_535,
  });

/** Istio writes an unset wrapper value as null or leaves it out; both mean absent. */
export const nullable = <S extends z.ZodType>(schema: S) =>
  schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional();

/** An object whose fields are somebody else's: kept as they are. */
export const preserved = () =>
  withFacts(z.record(z.string(), z.unknown()), { 'x-kubernetes-preserve-unknown-fields': true });

export const stringMap = () => z.record(z.string(), z.string());

/** A map with a bound on the number of its entries. */
export const bounded = <S extends z.ZodRecord>(schema: S, bounds: { max?: number; min?: number }): S => {
  const { max = Number.POSITIVE_INFINITY, min = 0 } = bounds;
  const checked = schema.refine((map) => Object.keys(map).length <= max && Object.keys(map).length >= min, {
    message: `must have ${bounds.min === undefined ? 'at most' : 'at least'} ${bounds.min ?? bounds.max} entries`,
  });
  return withFacts(checked, {
    ...(bounds.max === undefined ? {} : { maxProperties: bounds.max }),
    ...(bounds.min === undefined ? {} : { minProperties: bounds.min }),
  });
};

/** A list whose items are told apart by `keys`, so that two appliers may own one item each. */
export const listMap = <S extends z.ZodArray>(schema: S, ...keys: readonly string[]): S =>
  withFacts(
    schema.refine((items) => new Set(items.map((item) => identity(item, keys))).size === items.length, {
      message: `${keys.join(' and ')} must be unique in the list`,
    }),
    { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys },
  );

function identity(item: unknown, keys: readonly string[]): string {
  const fields = new Map(typeof item === 'object' && item !== null ? Object.entries(item) : []);
  return JSON.stringify(keys.map((key) => fields.get(key) ?? null));
}

export const intOrString = () => withFacts(z.union([z.int(), z.string()]), { 'x-kubernetes-int-or-string': true });
