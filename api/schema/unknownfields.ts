/** Fields of a value that its schema does not know: the API server prunes them without a word. */
import * as z from 'zod';
import { asSchema } from './zodtype.ts';

/** Paths of unknown fields, in document order. Objects and maps that keep foreign fields are not looked into. */
export function unknownFields(schema: z.ZodType, value: unknown, path: readonly PropertyKey[] = []): PropertyKey[][] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return unknownFields(asSchema(schema.unwrap()), value, path);
  }
  if (schema instanceof z.ZodPipe) return unknownFields(asSchema(schema.in), value, path);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item, index) => unknownFields(asSchema(schema.element), item, [...path, index]));
  }
  if (!isObject(value)) return [];
  const fields = Object.entries(value);
  if (schema instanceof z.ZodRecord) {
    return fields.flatMap(([key, item]) => unknownFields(asSchema(schema.valueType), item, [...path, key]));
  }
  if (!(schema instanceof z.ZodObject)) return [];
  const loose = schema.def.catchall instanceof z.ZodUnknown;
  return fields.flatMap(([key, item]) => {
    const field = Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined;
    if (field === undefined && loose) return [];
    return field === undefined ? [[...path, key]] : unknownFields(asSchema(field), item, [...path, key]);
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
