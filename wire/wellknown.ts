import { LateenError } from '#runtime/core/index.ts';

/** The well-known types whose JSON is not that of their fields (proto3's JSON mapping). */

export interface SecondsNanos {
  readonly seconds?: number | bigint | undefined;
  readonly nanos?: number | undefined;
}

export const wrapperTypes: ReadonlySet<string> = new Set(
  ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map(
    (name) => `google.protobuf.${name}Value`,
  ),
);

/** Types that stand under `value` beside `@type` when packed in an Any. */
export function hasSpecialJson(typeName: string): boolean {
  return (
    wrapperTypes.has(typeName) ||
    ['Any', 'Duration', 'Timestamp', 'Struct', 'Value', 'ListValue', 'FieldMask'].some(
      (name) => typeName === `google.protobuf.${name}`,
    )
  );
}

/** 0, 3, 6 or 9 digits, as many as are needed. */
function renderFraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(000){1,2}$/, '')}`;
}

export function renderDuration({ seconds = 0, nanos = 0 }: SecondsNanos): string {
  const sign = Number(seconds) < 0 || nanos < 0 ? '-' : '';
  return `${sign}${String(seconds).replace('-', '')}${renderFraction(Math.abs(nanos))}s`;
}

export function renderTimestamp({ seconds = 0, nanos = 0 }: SecondsNanos): string {
  const date = new Date(Number(seconds) * 1000).toISOString();
  return `${date.slice(0, 19)}${renderFraction(nanos)}Z`;
}

/** Undefined when the text is no duration, e.g. `1.5s`. */
export function parseDuration(text: string): SecondsNanos | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (!match) return undefined;
  const sign = match[1] === '-' ? -1 : 1;
  const seconds = Number(match[2]);
  const nanos = Number((match[3] ?? '').padEnd(9, '0'));
  if (seconds > 315_576_000_000) return undefined;
  return { ...(seconds && { seconds: sign * seconds }), ...(nanos && { nanos: sign * nanos }) };
}

/** Undefined when the text is no RFC 3339 time. */
export function parseTimestamp(text: string): SecondsNanos | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const milliseconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) return undefined;
  const nanos = Number((match[2] ?? '').padEnd(9, '0'));
  return { ...(milliseconds && { seconds: milliseconds / 1000 }), ...(nanos && { nanos }) };
}

type Value = Readonly<Record<string, unknown>>;

/** A `google.protobuf.Value` in object form to plain JSON. */
export function plainFromValue(value: Value): unknown {
  if ('structValue' in value) return plainFromStruct(value.structValue as Value);
  if ('listValue' in value) return (((value.listValue as Value).values ?? []) as Value[]).map(plainFromValue);
  return value.stringValue ?? value.numberValue ?? value.boolValue ?? null;
}

export function plainFromStruct(struct: Value): Record<string, unknown> {
  const fields = Object.entries((struct.fields ?? {}) as Record<string, Value>);
  return Object.fromEntries(fields.map(([key, value]) => [key, plainFromValue(value)]));
}

/** Two messages a level; see the bound on nesting in decode.ts. */
const maxPlainDepth = 48;

/** Plain JSON to a `google.protobuf.Value` in object form. Throws LateenError (`invalid`) for what JSON cannot hold. */
export function valueFromPlain(plain: unknown, depth = 0): Value {
  if (depth > maxPlainDepth) throw new LateenError('invalid', `nested deeper than ${maxPlainDepth} levels`);
  switch (typeof plain) {
    case 'string':
      return { stringValue: plain };
    case 'number':
      return { numberValue: plain };
    case 'boolean':
      return { boolValue: plain };
    case 'object':
      if (plain === null) return { nullValue: 'NULL_VALUE' };
      if (Array.isArray(plain)) return { listValue: { values: plain.map((item) => valueFromPlain(item, depth + 1)) } };
      return { structValue: structFromPlain(plain, depth) };
    default:
      throw new LateenError('invalid', `${typeof plain} has no JSON form`);
  }
}

export function structFromPlain(plain: object, depth = 0): Value {
  const fields = Object.entries(plain).filter(([, value]) => value !== undefined);
  return { fields: Object.fromEntries(fields.map(([key, value]) => [key, valueFromPlain(value, depth + 1)])) };
}
