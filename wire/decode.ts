import { Reader } from 'protobufjs/minimal.js';
import { LateenError } from '#runtime/core/index.ts';
import { type Field, type MapFields, type MessageType, wireTypeOf } from './descriptor.ts';

/** Protobuf's usual bound on nesting; bytes from a peer must not exhaust the stack. */
const maxDepth = 100;

/** Decodes bytes into the object form: absent fields are absent, unknown fields are dropped. Throws LateenError (`invalid`). */
export function decodeMessage(type: MessageType, bytes: Uint8Array): Record<string, unknown> {
  const reader = open(bytes);
  try {
    return readMessage(type, reader, reader.len, 0, undefined);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LateenError('invalid', `not a ${type.fullName}: ${reason}`, { cause: error });
  }
}

/**
 * All buffers are read by one reader: it need not be made for each message, and while an object of its kind is there, a
 * collection to save memory doesn't throw away the code that was compiled for it.
 */
const bufferReader = Reader.create(Buffer.alloc(0));

function open(bytes: Uint8Array): Reader {
  if (!Buffer.isBuffer(bytes)) return Reader.create(bytes);
  bufferReader.buf = bytes;
  bufferReader.pos = 0;
  bufferReader.len = bytes.length;
  return bufferReader;
}

/**
 * @param before what earlier pieces of the same message said: this one is read into it, so that a message in a million pieces
 * costs no more than one
 */
function readMessage(
  type: MessageType,
  reader: Reader,
  end: number,
  depth: number,
  before: Record<string, unknown> | undefined,
): Record<string, unknown> {
  if (depth > maxDepth) throw new RangeError(`nested deeper than ${maxDepth} messages`);
  if (end > reader.len) throw new RangeError('a length reaches beyond the end');
  const value = before ?? {};
  const members = before === undefined ? [] : findMembers(type, before);
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = type.byNumber.get(tag >>> 3);
    if (!field || !readField(field, tag & 7, value, reader, depth)) {
      reader.skipType(tag & 7);
    } else if (field.oneof >= 0) {
      // The last member of a oneof wins.
      const previous = members[field.oneof];
      if (previous && previous !== field) delete value[previous.name];
      members[field.oneof] = field;
    }
  }
  if (reader.pos !== end) throw new RangeError('a field reaches beyond its message');
  return value;
}

/** By oneof, the member that is set. */
function findMembers(type: MessageType, value: Readonly<Record<string, unknown>>): Field[] {
  const members: Field[] = [];
  for (const field of type.fields)
    if (field.oneof >= 0 && value[field.name] !== undefined) members[field.oneof] = field;
  return members;
}

/** Returns false when the wire type is not one of the field's. */
function readField(
  field: Field,
  wireType: number,
  value: Record<string, unknown>,
  reader: Reader,
  depth: number,
): boolean {
  const single = wireTypeOf(field.type);
  if (!field.repeated) {
    if (wireType !== single) return false;
    // A message that comes in several pieces is merged.
    const before = field.type === 'message' ? (value[field.name] as Record<string, unknown> | undefined) : undefined;
    value[field.name] = readSingle(field, reader, depth, before);
    return true;
  }
  const map = field.map;
  if (map) {
    if (wireType !== 2) return false;
    value[field.name] ??= {};
    readEntry(map, value[field.name] as object, reader, depth);
    return true;
  }
  const packed = wireType === 2 && single !== 2;
  if (!packed && wireType !== single) return false;
  value[field.name] ??= [];
  const items = value[field.name] as unknown[];
  if (packed) {
    const end = reader.uint32() + reader.pos;
    if (end > reader.len) throw new RangeError('a length reaches beyond the end');
    while (reader.pos < end) items.push(readSingle(field, reader, depth));
  } else {
    items.push(readSingle(field, reader, depth));
  }
  return true;
}

function readEntry(map: MapFields, target: object, reader: Reader, depth: number): void {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError('a length reaches beyond the end');
  let key: unknown = defaultOf(map.key);
  let item: unknown;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = tag >>> 3 === 1 ? map.key : tag >>> 3 === 2 ? map.value : undefined;
    if (!field || wireTypeOf(field.type) !== (tag & 7)) reader.skipType(tag & 7);
    else if (field === map.key) key = readSingle(field, reader, depth);
    else item = readSingle(field, reader, depth);
  }
  setEntry(target, String(key), item ?? defaultOf(map.value));
}

/** Sets a key given by a peer: as data, also when it is called `__proto__`. */
export function setEntry(target: object, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else (target as Record<string, unknown>)[key] = value;
}

function readSingle(field: Field, reader: Reader, depth: number, before?: Record<string, unknown>): unknown {
  switch (field.type) {
    case 'message': {
      const end = reader.uint32() + reader.pos;
      return readMessage(field.message, reader, end, depth + 1, before);
    }
    case 'enum': {
      const number = reader.int32();
      return field.enumeration.byNumber.get(number) ?? number;
    }
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return numberOrBigint(reader[field.type]());
    case 'none':
    case 'group':
      throw new TypeError(`${field.type} fields are not supported`);
    default:
      return reader[field.type]();
  }
}

/** A 64-bit value as a number where that is exact, else as a bigint. */
function numberOrBigint(long: { low: number; high: number; unsigned: boolean } | number): number | bigint {
  if (typeof long === 'number') return long;
  const high = long.unsigned ? long.high >>> 0 : long.high;
  const low = long.low >>> 0;
  const number = high * 2 ** 32 + low;
  return Number.isSafeInteger(number) ? number : (BigInt(high) << 32n) | BigInt(low);
}

export function defaultOf(field: Field): unknown {
  switch (field.type) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'bytes':
      return new Uint8Array();
    case 'message':
      return {};
    case 'enum':
      return field.enumeration.byNumber.get(0) ?? 0;
    default:
      return 0;
  }
}
