/**
 * protobuf JSON accepts a field under its proto name too (`access_log_file` is `accessLogFile`), and null for a field
 * that is not set.
 */
import * as z from 'zod';
import { asSchema } from './zodtype.ts';

/** The value with every field that the schema knows under its camelCase name, and without nulls among those. */
export function readProtoJson(schema: z.ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return readProtoJson(asSchema(schema.unwrap()), value);
  }
  if (schema instanceof z.ZodPipe) return readProtoJson(asSchema(schema.in), value);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => readProtoJson(asSchema(schema.element), item));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (schema instanceof z.ZodRecord) {
    return mapFields(value, (key, field) => [[key, readProtoJson(asSchema(schema.valueType), field)]]);
  }
  if (!(schema instanceof z.ZodObject)) return value;
  return mapFields(value, (key, field) => {
    const name = Object.hasOwn(schema.shape, key) ? key : camelCase(key);
    const inner = Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined;
    if (inner === undefined) return [[key, field]];
    return field === null ? [] : [[name, readProtoJson(asSchema(inner), field)]];
  });
}

function mapFields(value: object, map: (key: string, field: unknown) => [string, unknown][]): object {
  return Object.fromEntries(Object.entries(value).flatMap(([key, field]) => map(key, field)));
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
