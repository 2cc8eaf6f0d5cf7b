import * as z from 'zod';

/** What a manifest says about a schema beyond what zod itself knows. */
export interface ManifestFacts {
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'map' | 'atomic' | 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly format?: string;
  readonly maxProperties?: number;
  readonly minProperties?: number;
  /** Groups of fields of which at most one may be set. */
  readonly exclusive?: readonly (readonly string[])[];
  readonly default?: unknown;
}

/** Facts registered here travel with every schema derived from the one they were given to. */
export const manifestFacts = z.registry<ManifestFacts>();

export function withFacts<S extends z.ZodType>(schema: S, facts: ManifestFacts): S {
  const known = manifestFacts.get(schema);
  const validations = [...(known?.['x-kubernetes-validations'] ?? []), ...(facts['x-kubernetes-validations'] ?? [])];
  const exclusive = [...(known?.exclusive ?? []), ...(facts.exclusive ?? [])];
  manifestFacts.add(schema, {
    ...known,
    ...facts,
    ...(validations.length > 0 ? { 'x-kubernetes-validations': validations } : {}),
    ...(exclusive.length > 0 ? { exclusive } : {}),
  });
  return schema;
}

/** One rule said twice: in CEL for the API server, as a predicate for our own `parse`. */
export interface Rule<T> {
  readonly cel: string;
  readonly message: string;
  readonly holds: (value: T) => boolean;
}

/** Adds a rule that the structural schema cannot say. */
export function withRule<S extends z.ZodType>(schema: S, rule: Rule<z.output<S>>): S {
  const checked = schema.refine(rule.holds, { message: rule.message });
  return withFacts(checked, { 'x-kubernetes-validations': [{ rule: rule.cel, message: rule.message }] });
}

/** At most one of these fields may be set: a `oneof` of Istio's protobuf. */
export function atMostOne<S extends z.ZodObject>(schema: S, ...fields: readonly (keyof S['shape'] & string)[]): S {
  const checked = schema.refine((value) => countSet(value, fields) <= 1, {
    message: `at most one of ${fields.join(', ')} may be set`,
  });
  return withFacts(checked, { exclusive: [fields] });
}

export function countSet(value: object, fields: readonly string[]): number {
  const entries = new Map(Object.entries(value));
  return fields.filter((field) => entries.get(field) !== undefined).length;
}

/** The CEL expression that counts which of these fields are set. */
export function celCount(...fields: readonly string[]): string {
  return fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ');
}
