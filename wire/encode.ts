import { Writer } from 'protobufjs/minimal.js';
import { LateenError } from '#runtime/core/index.ts';
import { type Field, type MapFields, type MessageType, wireTypeOf } from './descriptor.ts';

/**
 * Encodes an object in proto3's canonical order: fields by number, maps by key, defaults left out; so equal objects give
 * equal bytes. A property that is no field, a value of the wrong type and two members of one oneof are bugs of the caller:
 * they throw a LateenError (`internal`) that names the path.
 */
export function encodeMessage(type: MessageType, value: object): Uint8Array {
  const writer = keptWriter === undefined ? Writer.create() : keptWriter.reset();
  keptWriter = undefined;
  const path: (string | number)[] = [];
  try {
    writeMessage(type, value, writer, path);
  } catch (error) {
    // Not the one that was left in the middle of something.
    keptWriter = Writer.create();
    if (error instanceof LateenError) throw error;
    throw new LateenError('internal', `${type.fullName}${render(path)}: ${String(error)}`, { cause: error });
  }
  const bytes = writer.finish();
  if (bytes.length > MOST_LEFT) writer.reset();
  keptWriter = writer;
  return bytes;
}

/**
 * Writes all messages, but those that are encoded in the middle of another. What it made of the last small one it keeps: while
 * objects of their kinds are there, a collection to save memory doesn't throw away the code that was compiled for them.
 */
let keptWriter: Writer | undefined = Writer.create();

/** Of messages of up to so many bytes. */
const MOST_LEFT = 4_096;

/** A wrong value on its way up to where the path is known. */
class Mismatch extends Error {
  override toString(): string {
    return this.message;
  }
}

function render(path: readonly (string | number)[]): string {
  return path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
}

function writeMessage(type: MessageType, value: unknown, writer: Writer, path: (string | number)[]): void {
  if (!isObject(value)) throw new Mismatch(`expected an object, got ${describe(value)}`);
  const present: Field[] = [];
  let last = 0;
  let sorted = true;
  let oneofs = 0;
  for (const key of Object.keys(value)) {
    if (value[key] === undefined || value[key] === null) continue;
    const field = type.byName.get(key);
    if (!field) throw new Mismatch(`${type.fullName} has no field ${JSON.stringify(key)}`);
    if (field.oneof >= 0) {
      const bit = 1 << field.oneof;
      if (oneofs & bit) throw new Mismatch(`more than one member of the oneof ${type.oneofs[field.oneof]} is set`);
      oneofs |= bit;
    }
    if (field.number < last) sorted = false;
    last = field.number;
    present.push(field);
  }
  if (!sorted) present.sort((a, b) => a.number - b.number);
  for (const field of present) {
    path.push(field.name);
    writeField(field, value[field.name], writer, path);
    path.pop();
  }
}

function writeField(field: Field, value: unknown, writer: Writer, path: (string | number)[]): void {
  if (!field.repeated) {
    if (field.explicit || !isDefault(field, value)) writeSingle(field, value, writer, path);
    return;
  }
  const map = field.map;
  if (map) {
    writeMap(field, map, value, writer, path);
    return;
  }
  if (!Array.isArray(value)) throw new Mismatch(`expected an array, got ${describe(value)}`);
  if (value.length === 0) return;
  if (field.packed) {
    writer.uint32((field.number << 3) | 2).fork();
    for (const item of value) writeScalar(field, item, writer);
    writer.ldelim();
    return;
  }
  for (let i = 0; i < value.length; i++) {
    path.push(i);
    writeSingle(field, value[i], writer, path);
    path.pop();
  }
}

function writeMap(field: Field, map: MapFields, value: unknown, writer: Writer, path: (string | number)[]): void {
  if (!isObject(value)) throw new Mismatch(`expected an object, got ${describe(value)}`);
  for (const key of Object.keys(value).sort()) {
    const item = value[key];
    if (item === undefined || item === null) continue;
    path.push(key);
    writer.uint32((field.number << 3) | 2).fork();
    const typed = mapKey(map.key, key);
    if (!isDefault(map.key, typed)) writeSingle(map.key, typed, writer, path);
    if (map.value.explicit || !isDefault(map.value, item)) writeSingle(map.value, item, writer, path);
    writer.ldelim();
    path.pop();
  }
}

function mapKey(field: Field, key: string): unknown {
  if (field.type === 'string') return key;
  if (field.type === 'bool') return key === 'true';
  return is64(field.type) ? BigInt(key) : Number(key);
}

function writeSingle(field: Field, value: unknown, writer: Writer, path: (string | number)[]): void {
  writer.uint32(((field.number << 3) | wireTypeOf(field.type)) >>> 0);
  if (field.type === 'message') {
    writer.fork();
    writeMessage(field.message, value, writer, path);
    writer.ldelim();
  } else {
    writeScalar(field, value, writer);
  }
}

function writeScalar(field: Field, value: unknown, writer: Writer): void {
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw new Mismatch(`expected a string, got ${describe(value)}`);
      writer.string(value);
      return;
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw new Mismatch(`expected bytes, got ${describe(value)}`);
      writer.bytes(value);
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw new Mismatch(`expected a boolean, got ${describe(value)}`);
      writer.bool(value);
      return;
    case 'enum':
      writer.int32(enumNumber(field, value));
      return;
    case 'double':
    case 'float':
      if (typeof value !== 'number') throw new Mismatch(`expected a number, got ${describe(value)}`);
      writer[field.type](value);
      return;
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      writer[field.type](integer(value, -0x80000000, 0x7fffffff));
      return;
    case 'uint32':
    case 'fixed32':
      writer[field.type](integer(value, 0, 0xffffffff));
      return;
    case 'int64':
    case 'sint64':
    case 'sfixed64':
      writer[field.type](integer64(value, true));
      return;
    case 'uint64':
    case 'fixed64':
      writer[field.type](integer64(value, false));
      return;
    default:
      throw new Mismatch(`${field.type} fields are not supported`);
  }
}

export function enumNumber(field: Field, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  const number = typeof value === 'string' ? field.enumeration.byName.get(value) : undefined;
  if (number === undefined) throw new Mismatch(`${describe(value)} is no value of ${field.typeName}`);
  return number;
}

function integer(value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new Mismatch(`expected an integer from ${min} to ${max}, got ${describe(value)}`);
  }
  return value;
}

function integer64(value: unknown, signed: boolean): number | string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && (signed || value >= 0)) return value;
  if (typeof value === 'bigint' && value === (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)))
    return String(value);
  throw new Mismatch(`expected ${signed ? 'a signed' : 'an unsigned'} 64-bit integer, got ${describe(value)}`);
}

/** Whether a value is its type's default, which a field without presence leaves out. */
export function isDefault(field: Field, value: unknown): boolean {
  switch (field.type) {
    case 'string':
      return value === '';
    case 'bool':
      return value === false;
    case 'bytes':
      return value instanceof Uint8Array && value.length === 0;
    case 'enum':
      return enumNumber(field, value) === 0;
    case 'message':
      return false;
    default:
      return Object.is(value, 0) || value === 0n;
  }
}

export function is64(type: Field['type']): boolean {
  return type === 'int64' || type === 'uint64' || type === 'sint64' || type === 'fixed64' || type === 'sfixed64';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
