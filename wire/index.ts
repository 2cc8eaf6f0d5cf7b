/**
 * Owns: the descriptors and the codec of every protobuf message we speak: Envoy 1.40's v3 API and xDS, Istio's certificate
 * service and name table, gRPC health. Messages are plain objects (camelCase, enums by name, oneofs flattened, bytes as
 * Uint8Array, 64-bit numbers as number or bigint, Any as {typeUrl, value}), typed by the generated map `MessageTypes`.
 * May import: runtime/core (protobufjs).
 * Invariants: equal objects encode to equal bytes; a wrong object never encodes; bytes and JSON from outside fail with
 * LateenError `invalid` and nothing else. Types are parsed when first used, from one file that is read when first needed.
 * `agent.ts` is the entry for the agent, with its few messages built in.
 */
import { readFileSync } from 'node:fs';
import { LateenError } from '#runtime/core/index.ts';
import { type Any, Codec } from './codec.ts';
import type { MessageTypes } from './generated/index.d.ts';
import type { JsonOptions } from './json.ts';

export { type Any, typeUrl } from './codec.ts';
export type { MessageTypes } from './generated/index.d.ts';
export { type JsonOptions, typeNameOf } from './json.ts';

export type TypeName = keyof MessageTypes;
/** A message in object form: `Message<'envoy.config.cluster.v3.Cluster'>`. */
export type Message<T extends TypeName> = MessageTypes[T];

let descriptorFile: string | URL = new URL('./generated/envoy.binpb', import.meta.url);
let codec: Codec<MessageTypes> | undefined;

/** Names the descriptor file when it does not lie beside this source, as in an image. Call it before anything else. */
export function useDescriptorFile(path: string | URL): void {
  if (codec) throw new LateenError('internal', 'the descriptors are in use already');
  descriptorFile = path;
}

function loaded(): Codec<MessageTypes> {
  codec ??= new Codec<MessageTypes>(readDescriptors());
  return codec;
}

function readDescriptors(): Uint8Array {
  try {
    return readFileSync(descriptorFile);
  } catch (error) {
    throw new LateenError('unavailable', `no descriptors at ${descriptorFile}: run "node hack/descriptors/index.ts"`, {
      cause: error,
    });
  }
}

export function encode<T extends TypeName>(typeName: T, value: Message<T>): Uint8Array {
  return loaded().encode(typeName, value);
}

export function decode<T extends TypeName>(typeName: T, bytes: Uint8Array): Message<T> {
  return loaded().decode(typeName, bytes);
}

export function pack<T extends TypeName>(typeName: T, value: Message<T>): Any {
  return loaded().pack(typeName, value);
}

/** Opens an Any whose type must be `typeName`; undefined when it holds another. */
export function unpack<T extends TypeName>(typeName: T, any: Message<'google.protobuf.Any'>): Message<T> | undefined {
  return loaded().unpack(typeName, any);
}

export function toJson<T extends TypeName>(typeName: T, value: Message<T>, options?: JsonOptions): unknown {
  return loaded().toJson(typeName, value, options);
}

export function fromJson<T extends TypeName>(typeName: T, json: unknown): Message<T> {
  return loaded().fromJson(typeName, json);
}

/** Whether a full type name, from outside, is one of ours. */
export function isTypeName(name: string): name is TypeName {
  return loaded().set.has(name);
}
