import { LateenError } from '#runtime/core/index.ts';
import { decodeMessage, setEntry } from './decode.ts';
import type { DescriptorSet, Field, MessageType } from './descriptor.ts';
import { enumNumber, is64, isDefault } from './encode.ts';
import {
  hasSpecialJson,
  plainFromStruct,
  plainFromValue,
  renderDuration,
  renderTimestamp,
  type SecondsNanos,
  wrapperTypes,
} from './wellknown.ts';

export interface JsonOptions {
  /** Field names as written in the .proto files (`connect_timeout`), as Envoy's admin interface prints them. */
  readonly protoNames?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

export const typeUrlPrefix = 'type.googleapis.com/';

/** `type.googleapis.com/a.B` or any other prefix to `a.B`. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/**
 * The object form to proto3's JSON. An Any of a type that the set lacks, or whose bytes don't decode,
 * is shown as `{"@type", "value": base64}`.
 */
export function renderJson(set: DescriptorSet, type: MessageType, value: unknown, options: JsonOptions): unknown {
  const fields = value as Fields;
  switch (type.fullName) {
    case 'google.protobuf.Any':
      return renderAny(set, fields, options);
    case 'google.protobuf.Duration':
      return renderDuration(fields as SecondsNanos);
    case 'google.protobuf.Timestamp':
      return renderTimestamp(fields as SecondsNanos);
    case 'google.protobuf.Struct':
      return plainFromStruct(fields);
    case 'google.protobuf.Value':
      return plainFromValue(fields);
    case 'google.protobuf.ListValue':
      return plainFromValue({ listValue: fields });
    case 'google.protobuf.FieldMask':
      return ((fields.paths ?? []) as string[])
        .map((path) => path.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()))
        .join(',');
  }
  if (wrapperTypes.has(type.fullName)) {
    const field = type.fields[0];
    if (field) return renderSingle(set, field, fields.value ?? zero(field), options);
  }
  const json: Record<string, unknown> = {};
  for (const field of type.fields) {
    const item = fields[field.name];
    if (item === undefined || item === null) continue;
    if (!field.repeated && !field.explicit && isDefault(field, item)) continue;
    if (Array.isArray(item) && item.length === 0) continue;
    json[options.protoNames ? field.protoName : field.name] = renderField(set, field, item, options);
  }
  return json;
}

function renderField(set: DescriptorSet, field: Field, item: unknown, options: JsonOptions): unknown {
  if (!field.repeated) return renderSingle(set, field, item, options);
  const map = field.map;
  if (!map) return (item as unknown[]).map((element) => renderSingle(set, field, element, options));
  const json: Record<string, unknown> = {};
  const entries = item as Fields;
  for (const key of Object.keys(entries).sort())
    setEntry(json, key, renderSingle(set, map.value, entries[key], options));
  return json;
}

function renderSingle(set: DescriptorSet, field: Field, item: unknown, options: JsonOptions): unknown {
  if (field.type === 'message') return renderJson(set, field.message, item, options);
  if (field.type === 'bytes') return Buffer.from(item as Uint8Array).toString('base64');
  if (is64(field.type)) return String(item);
  if (field.type === 'enum') {
    if (field.typeName === 'google.protobuf.NullValue') return null;
    const number = enumNumber(field, item);
    return field.enumeration.byNumber.get(number) ?? number;
  }
  return typeof item === 'number' && !Number.isFinite(item) ? String(item) : item;
}

function zero(field: Field): unknown {
  if (field.type === 'string') return '';
  if (field.type === 'bool') return false;
  return field.type === 'bytes' ? new Uint8Array() : 0;
}

function renderAny(set: DescriptorSet, any: Fields, options: JsonOptions): unknown {
  const typeUrl = String(any.typeUrl ?? '');
  const bytes = any.value instanceof Uint8Array ? any.value : new Uint8Array();
  if (typeUrl === '') return {};
  const opened = openAny(set, typeNameOf(typeUrl), bytes);
  if (!opened) return { '@type': typeUrl, value: Buffer.from(bytes).toString('base64') };
  const json = renderJson(set, opened.type, opened.value, options);
  return hasSpecialJson(opened.type.fullName)
    ? { '@type': typeUrl, value: json }
    : { '@type': typeUrl, ...(json as object) };
}

function openAny(
  set: DescriptorSet,
  typeName: string,
  bytes: Uint8Array,
): { type: MessageType; value: unknown } | undefined {
  if (!set.has(typeName)) return undefined;
  const type = set.message(typeName);
  try {
    return { type, value: decodeMessage(type, bytes) };
  } catch (error) {
    if (error instanceof LateenError && error.code === 'invalid') return undefined;
    throw error;
  }
}
