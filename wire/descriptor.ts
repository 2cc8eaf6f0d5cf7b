import { Reader } from 'protobufjs/minimal.js';
import { LateenError } from '#runtime/core/index.ts';

const scalarTypes = [
  'none',
  'double',
  'float',
  'int64',
  'uint64',
  'int32',
  'fixed64',
  'fixed32',
  'bool',
  'string',
  'group',
  'message',
  'bytes',
  'uint32',
  'enum',
  'sfixed32',
  'sfixed64',
  'sint32',
  'sint64',
] as const;

export type FieldType = (typeof scalarTypes)[number];

/** The wire type of a field's single (not packed) value. */
export function wireTypeOf(type: FieldType): 0 | 1 | 2 | 5 {
  switch (type) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return 1;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return 5;
    case 'string':
    case 'bytes':
    case 'message':
      return 2;
    default:
      return 0;
  }
}

export class Field {
  /** The lowerCamelCase name: key of the object form and of JSON. */
  name = '';
  protoName = '';
  number = 0;
  type: FieldType = 'none';
  repeated = false;
  packed = false;
  deprecated = false;
  /** Absence is distinct from the default value: messages, oneof members, `optional`. */
  explicit = false;
  /** Index of the oneof it belongs to, -1 for none. */
  oneof = -1;
  typeName = '';
  readonly #set: DescriptorSet;
  #message: MessageType | undefined;
  #enumeration: EnumType | undefined;
  #map: MapFields | null | undefined;

  constructor(set: DescriptorSet) {
    this.#set = set;
  }

  get message(): MessageType {
    this.#message ??= this.#set.message(this.typeName);
    return this.#message;
  }

  get enumeration(): EnumType {
    this.#enumeration ??= this.#set.enumeration(this.typeName);
    return this.#enumeration;
  }

  /** For a map field, its key and value fields. */
  get map(): MapFields | undefined {
    if (this.#map === undefined) {
      const [key, value] = this.repeated && this.type === 'message' && this.message.mapEntry ? this.message.fields : [];
      this.#map = key && value ? { key, value } : null;
    }
    return this.#map ?? undefined;
  }
}

export interface MapFields {
  readonly key: Field;
  readonly value: Field;
}

export class MessageType {
  readonly fullName: string;
  /** In the order of their numbers. */
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
  readonly byNumber: ReadonlyMap<number, Field>;
  /** Names of the oneofs; `Field.oneof` indexes it. */
  readonly oneofs: readonly string[];
  readonly mapEntry: boolean;

  constructor(fullName: string, fields: readonly Field[], oneofs: readonly string[], mapEntry: boolean) {
    this.fullName = fullName;
    this.fields = [...fields].sort((a, b) => a.number - b.number);
    this.byName = new Map(fields.map((field) => [field.name, field]));
    this.byNumber = new Map(fields.map((field) => [field.number, field]));
    this.oneofs = oneofs;
    this.mapEntry = mapEntry;
  }
}

export class EnumType {
  readonly fullName: string;
  readonly byName: ReadonlyMap<string, number>;
  readonly byNumber: ReadonlyMap<number, string>;

  constructor(fullName: string, values: readonly (readonly [string, number])[]) {
    this.fullName = fullName;
    this.byName = new Map(values);
    // The first name of a number is its canonical one.
    this.byNumber = new Map(values.map(([name, number]) => [number, name] as const).reverse());
  }
}

interface Span {
  readonly kind: 'message' | 'enum';
  readonly start: number;
  readonly end: number;
  readonly proto3: boolean;
}

/**
 * A FileDescriptorSet, indexed by full type name when constructed (a scan of tags) and parsed type by type when asked for.
 * Imports are not followed: names are global.
 */
export class DescriptorSet {
  readonly #bytes: Uint8Array;
  readonly #spans = new Map<string, Span>();
  readonly #messages = new Map<string, MessageType>();
  readonly #enums = new Map<string, EnumType>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const reader = Reader.create(bytes);
    each(reader, reader.len, (number) => {
      if (number !== 1) return false;
      this.#indexFile(reader, reader.uint32() + reader.pos);
      return true;
    });
  }

  has(fullName: string): boolean {
    return this.#spans.get(fullName)?.kind === 'message';
  }

  /** Full names of all messages or enums, sorted. */
  names(kind: 'message' | 'enum'): string[] {
    return [...this.#spans]
      .filter(([, span]) => span.kind === kind)
      .map(([name]) => name)
      .sort();
  }

  /** The serialized descriptor of a type and the syntax of its file; for making smaller sets. */
  serialized(fullName: string): { bytes: Uint8Array; proto3: boolean } {
    const { start, end, proto3 } = this.#span(fullName);
    return { bytes: this.#bytes.subarray(start, end), proto3 };
  }

  message(fullName: string): MessageType {
    let type = this.#messages.get(fullName);
    if (!type) {
      const span = this.#span(fullName, 'message');
      type = this.#parseMessage(fullName, span);
      this.#messages.set(fullName, type);
    }
    return type;
  }

  enumeration(fullName: string): EnumType {
    let type = this.#enums.get(fullName);
    if (!type) {
      type = parseEnum(fullName, this.#reader(this.#span(fullName, 'enum')));
      this.#enums.set(fullName, type);
    }
    return type;
  }

  #span(fullName: string, kind?: Span['kind']): Span {
    const span = this.#spans.get(fullName);
    if (!span || (kind && span.kind !== kind)) {
      throw new LateenError('invalid', `unknown ${kind ?? 'type'} ${fullName}`);
    }
    return span;
  }

  #reader(span: Span): Reader {
    return Reader.create(this.#bytes.subarray(span.start, span.end));
  }

  #indexFile(reader: Reader, end: number): void {
    let scope = '';
    let proto3 = false;
    const found: { kind: Span['kind']; start: number; end: number }[] = [];
    each(reader, end, (number) => {
      if (number === 2) scope = reader.string();
      else if (number === 12) proto3 = reader.string() === 'proto3';
      else if (number === 4 || number === 5) found.push(skipSpan(reader, number === 4 ? 'message' : 'enum'));
      else return false;
      return true;
    });
    for (const span of found) this.#indexType(scope, { ...span, proto3 });
  }

  #indexType(scope: string, span: Span): void {
    const reader = Reader.create(this.#bytes);
    reader.pos = span.start;
    let name = '';
    const found: { kind: Span['kind']; start: number; end: number }[] = [];
    each(reader, span.end, (number) => {
      if (number === 1) name = reader.string();
      else if (span.kind === 'message' && (number === 3 || number === 4)) {
        found.push(skipSpan(reader, number === 3 ? 'message' : 'enum'));
      } else return false;
      return true;
    });
    const fullName = scope === '' ? name : `${scope}.${name}`;
    this.#spans.set(fullName, span);
    for (const nested of found) this.#indexType(fullName, { ...nested, proto3: span.proto3 });
  }

  #parseMessage(fullName: string, span: Span): MessageType {
    const reader = this.#reader(span);
    const fields: Field[] = [];
    const oneofs: string[] = [];
    let mapEntry = false;
    each(reader, reader.len, (number) => {
      if (number === 2) fields.push(this.#parseField(reader, reader.uint32() + reader.pos, span.proto3));
      else if (number === 8) oneofs.push(parseName(reader, reader.uint32() + reader.pos));
      else if (number === 7) {
        each(reader, reader.uint32() + reader.pos, (option) => {
          if (option !== 7) return false;
          mapEntry = reader.bool();
          return true;
        });
      } else return false;
      return true;
    });
    return new MessageType(fullName, fields, oneofs, mapEntry);
  }

  #parseField(reader: Reader, end: number, proto3: boolean): Field {
    const field = new Field(this);
    let proto3Optional = false;
    let packed: boolean | undefined;
    each(reader, end, (number) => {
      if (number === 1) field.protoName = reader.string();
      else if (number === 3) field.number = reader.int32();
      else if (number === 4) field.repeated = reader.int32() === 3;
      else if (number === 5) field.type = scalarTypes[reader.int32()] ?? 'none';
      else if (number === 6) field.typeName = reader.string().replace(/^\./, '');
      else if (number === 9) field.oneof = reader.int32();
      else if (number === 10) field.name = reader.string();
      else if (number === 17) proto3Optional = reader.bool();
      else if (number === 8) {
        each(reader, reader.uint32() + reader.pos, (option) => {
          if (option === 2) packed = reader.bool();
          else if (option === 3) field.deprecated = reader.bool();
          else return false;
          return true;
        });
      } else return false;
      return true;
    });
    field.explicit = !field.repeated && (!proto3 || field.oneof >= 0 || field.type === 'message');
    field.packed = field.repeated && wireTypeOf(field.type) !== 2 && (packed ?? proto3);
    // The oneof that `optional` makes for itself is no choice between members.
    if (proto3Optional) field.oneof = -1;
    return field;
  }
}

function parseEnum(fullName: string, reader: Reader): EnumType {
  const values: [string, number][] = [];
  each(reader, reader.len, (number) => {
    if (number !== 2) return false;
    const value: [string, number] = ['', 0];
    each(reader, reader.uint32() + reader.pos, (part) => {
      if (part === 1) value[0] = reader.string();
      else if (part === 2) value[1] = reader.int32();
      else return false;
      return true;
    });
    values.push(value);
    return true;
  });
  return new EnumType(fullName, values);
}

function parseName(reader: Reader, end: number): string {
  let name = '';
  each(reader, end, (number) => {
    if (number !== 1) return false;
    name = reader.string();
    return true;
  });
  return name;
}

function skipSpan(reader: Reader, kind: Span['kind']): { kind: Span['kind']; start: number; end: number } {
  const length = reader.uint32();
  const start = reader.pos;
  reader.skip(length);
  return { kind, start, end: start + length };
}

/** Calls `read` with each field number up to `end`; a field that it does not read is skipped. */
function each(reader: Reader, end: number, read: (number: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!read(tag >>> 3)) reader.skipType(tag & 7);
  }
}
