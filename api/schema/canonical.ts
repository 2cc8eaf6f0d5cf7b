/** protobuf JSON accepts a field under its proto name too: `access_log_file` is `accessLogFile`. */
import { z } from 'zod';

/** The value with every field that the schema knows under its camelCase name; nothing else is touched. */
export function canonicalNames(schema: z.ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return canonicalNames(asSchema(schema.unwrap()), value);
  }
  if (schema instanceof z.ZodPipe) return canonicalNames(asSchema(schema.in), value);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => canonicalNames(asSchema(schema.element), item));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (schema instanceof z.ZodRecord) {
    return mapFields(value, (key, field) => [key, canonicalNames(asSchema(schema.valueType), field)]);
  }
  if (!(schema instanceof z.ZodObject)) return value;
  const known = new Map(Object.entries(schema.shape));
  return mapFields(value, (key, field) => {
    const name = known.has(key) ? key : camelCase(key);
    const inner = known.get(name);
    return inner === undefined ? [key, field] : [name, canonicalNames(asSchema(inner), field)];
  });
}

function mapFields(value: object, map: (key: string, field: unknown) => [string, unknown]): object {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => map(key, field)));
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function asSchema(inner: unknown): z.ZodType {
  if (inner instanceof z.ZodType) return inner;
  throw new TypeError('expected a zod schema');
}
