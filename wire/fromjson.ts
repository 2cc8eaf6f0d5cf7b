import { LateenError } from '#runtime/core/index.ts';
import { setEntry } from './decode.ts';
import type { DescriptorSet, Field, MessageType } from './descriptor.ts';
import { encodeMessage, is64 } from './encode.ts';
import { typeNameOf } from './json.ts';
import {
  hasSpecialJson,
  parseDuration,
  parseTimestamp,
  structFromPlain,
  valueFromPlain,
  wrapperTypes,
} from './wellknown.ts';

/** Deeper JSON is refused before it can exhaust the stack. */
const maxDepth = 100;

/**
 * proto3's JSON, with camelCase or original field names, to the object form.
 * Throws LateenError (`invalid`) that names the path of an unknown field or a wrong value.
 */
export function parseJson(set: DescriptorSet, type: MessageType, json: unknown): Record<string, unknown> {
  return parseMessage(set, type, json, '', 0) as Record<string, unknown>;
}

function fail(path: string, reason: string): never {
  throw new LateenError('invalid', `${path === '' ? '(root)' : path.replace(/^\./, '')}: ${reason}`);
}

function parseMessage(set: DescriptorSet, type: MessageType, json: unknown, path: string, depth: number): unknown {
  if (depth > maxDepth) fail(path, `nested deeper than ${maxDepth} messages`);
  const special = parseSpecial(set, type, json, path, depth);
  if (special !== undefined) return special;
  if (!isObject(json)) fail(path, `expected an object for ${type.fullName}`);
  return parseFields(set, type, json, path, depth);
}

function parseFields(
  set: DescriptorSet,
  type: MessageType,
  json: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
): unknown {
  const value: Record<string, unknown> = {};
  const members: string[] = [];
  for (const [key, item] of Object.entries(json)) {
    const field = type.byName.get(key) ?? type.fields.find((candidate) => candidate.protoName === key);
    const at = `${path}.${key}`;
    if (!field) fail(at, `${type.fullName} has no such field`);
    if (item === null && !acceptsNull(field)) continue;
    if (field.name in value) fail(at, 'the field is given twice');
    if (field.oneof >= 0) {
      const other = members[field.oneof];
      if (other !== undefined) fail(at, `cannot be set together with ${other}`);
      members[field.oneof] = key;
    }
    value[field.name] = parseField(set, field, item, at, depth);
  }
  return value;
}

function acceptsNull(field: Field): boolean {
  return (
    !field.repeated && (field.typeName === 'google.protobuf.Value' || field.typeName === 'google.protobuf.NullValue')
  );
}

function parseField(set: DescriptorSet, field: Field, json: unknown, path: string, depth: number): unknown {
  if (!field.repeated) return parseSingle(set, field, json, path, depth);
  const map = field.map;
  if (!map) {
    if (!Array.isArray(json)) fail(path, 'expected an array');
    return json.map((item, i) => parseSingle(set, field, item, `${path}[${i}]`, depth));
  }
  if (!isObject(json)) fail(path, 'expected an object');
  const value: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(json)) {
    setEntry(value, key, parseSingle(set, map.value, item, `${path}[${JSON.stringify(key)}]`, depth));
  }
  return value;
}

function parseSingle(set: DescriptorSet, field: Field, json: unknown, path: string, depth: number): unknown {
  switch (field.type) {
    case 'message':
      return parseMessage(set, field.message, json, path, depth + 1);
    case 'string':
      return typeof json === 'string' ? json : fail(path, 'expected a string');
    case 'bool':
      return typeof json === 'boolean' ? json : fail(path, 'expected true or false');
    case 'bytes':
      return parseBytes(json, path);
    case 'enum':
      return parseEnum(field, json, path);
    case 'double':
    case 'float':
      return parseFloatingPoint(json, path);
    default:
      return parseInteger(field, json, path);
  }
}

function parseBytes(json: unknown, path: string): Uint8Array {
  if (typeof json !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(json)) fail(path, 'expected base64');
  return new Uint8Array(Buffer.from(json, 'base64'));
}

function parseEnum(field: Field, json: unknown, path: string): string | number {
  if (json === null) return 'NULL_VALUE';
  if (typeof json === 'number' && Number.isInteger(json)) return field.enumeration.byNumber.get(json) ?? json;
  if (typeof json === 'string' && field.enumeration.byName.has(json)) return json;
  return fail(path, `expected one of ${[...field.enumeration.byName.keys()].join(', ')}`);
}

function parseFloatingPoint(json: unknown, path: string): number {
  if (typeof json === 'number') return json;
  if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
  if (typeof json === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(json)) return Number(json);
  return fail(path, 'expected a number');
}

const bounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  signed32: [-0x80000000n, 0x7fffffffn],
  unsigned32: [0n, 0xffffffffn],
  signed64: [-0x8000000000000000n, 0x7fffffffffffffffn],
  unsigned64: [0n, 0xffffffffffffffffn],
};

function parseInteger(field: Field, json: unknown, path: string): number | bigint {
  const unsigned = field.type.startsWith('u') || field.type.startsWith('fixed');
  const [min, max] = bounds[`${unsigned ? 'unsigned' : 'signed'}${is64(field.type) ? 64 : 32}`] ?? [0n, 0n];
  const exact =
    (typeof json === 'number' && Number.isInteger(json)) || (typeof json === 'string' && /^-?\d{1,20}$/.test(json))
      ? BigInt(json)
      : undefined;
  if (exact === undefined || exact < min || exact > max) fail(path, `expected an integer from ${min} to ${max}`);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

/** Undefined when the type's JSON is that of its fields. */
function parseSpecial(set: DescriptorSet, type: MessageType, json: unknown, path: string, depth: number): unknown {
  switch (type.fullName) {
    case 'google.protobuf.Any':
      return parseAny(set, json, path, depth);
    case 'google.protobuf.Duration':
      return (typeof json === 'string' && parseDuration(json)) || fail(path, 'expected a duration such as "1.5s"');
    case 'google.protobuf.Timestamp':
      return (typeof json === 'string' && parseTimestamp(json)) || fail(path, 'expected an RFC 3339 time');
    case 'google.protobuf.Struct':
      return isObject(json) ? structFromPlain(json) : fail(path, 'expected an object');
    case 'google.protobuf.Value':
      return valueFromPlain(json);
    case 'google.protobuf.ListValue':
      return Array.isArray(json)
        ? { values: json.map((item) => valueFromPlain(item)) }
        : fail(path, 'expected an array');
    case 'google.protobuf.FieldMask': {
      if (typeof json !== 'string') fail(path, 'expected a string');
      const paths = json === '' ? [] : json.split(',');
      return { paths: paths.map((part) => part.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)) };
    }
  }
  const field = wrapperTypes.has(type.fullName) ? type.fields[0] : undefined;
  return field && { value: parseSingle(set, field, json, path, depth) };
}

function parseAny(set: DescriptorSet, json: unknown, path: string, depth: number): unknown {
  if (!isObject(json)) fail(path, 'expected an object');
  const { '@type': typeUrl, ...rest } = json;
  if (typeUrl === undefined && Object.keys(rest).length === 0) return {};
  if (typeof typeUrl !== 'string') fail(path, 'expected "@type"');
  const typeName = typeNameOf(typeUrl);
  if (!set.has(typeName)) fail(`${path}.@type`, `unknown type ${typeName}`);
  const type = set.message(typeName);
  const value = parseMessage(set, type, hasSpecialJson(typeName) ? rest.value : rest, path, depth + 1);
  return { typeUrl, value: encodeMessage(type, value as object) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
