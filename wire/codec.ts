import { decodeMessage } from './decode.ts';
import { DescriptorSet } from './descriptor.ts';
import { encodeMessage } from './encode.ts';
import { parseJson } from './fromjson.ts';
import { type JsonOptions, renderJson, typeNameOf, typeUrlPrefix } from './json.ts';

/** `google.protobuf.Any` in object form. */
export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export function typeUrl<T extends string>(typeName: T): `type.googleapis.com/${T}` {
  return `${typeUrlPrefix}${typeName}`;
}

/** The codec of one descriptor set, typed by a generated map from full type name to object form. */
export class Codec<Types extends object> {
  readonly set: DescriptorSet;

  constructor(descriptors: Uint8Array) {
    this.set = new DescriptorSet(descriptors);
  }

  /** Deterministic: equal objects give equal bytes. Throws LateenError (`internal`) naming the path of a wrong field. */
  encode<T extends keyof Types & string>(typeName: T, value: Types[T]): Uint8Array {
    return encodeMessage(this.set.message(typeName), value as object);
  }

  /** Throws LateenError (`invalid`) when the bytes are no such message. */
  decode<T extends keyof Types & string>(typeName: T, bytes: Uint8Array): Types[T] {
    return decodeMessage(this.set.message(typeName), bytes) as Types[T];
  }

  pack<T extends keyof Types & string>(typeName: T, value: Types[T]): Any {
    return { typeUrl: typeUrl(typeName), value: this.encode(typeName, value) };
  }

  /** Opens an Any whose type must be `typeName`; undefined when it holds another. */
  unpack<T extends keyof Types & string>(
    typeName: T,
    any: Partial<{ [K in keyof Any]: Any[K] | undefined }>,
  ): Types[T] | undefined {
    if (typeNameOf(any.typeUrl ?? '') !== typeName) return undefined;
    return this.decode(typeName, any.value ?? new Uint8Array());
  }

  /** proto3 JSON; an Any is opened (`@type`). */
  toJson<T extends keyof Types & string>(typeName: T, value: Types[T], options: JsonOptions = {}): unknown {
    return renderJson(this.set, this.set.message(typeName), value, options);
  }

  /** From proto3 JSON. Throws LateenError (`invalid`) naming the path of an unknown field or a wrong value. */
  fromJson<T extends keyof Types & string>(typeName: T, json: unknown): Types[T] {
    return parseJson(this.set, this.set.message(typeName), json) as Types[T];
  }
}
