import { Writer } from 'protobufjs/minimal.js';
import type { DescriptorSet } from '#wire/descriptor.ts';

/** A FileDescriptorSet of the given types and all that they refer to. */
export function buildSubset(set: DescriptorSet, roots: readonly string[]): Uint8Array {
  const messages = new Set(set.names('message'));
  const outermost = (name: string): string => {
    const scope = name.slice(0, Math.max(0, name.lastIndexOf('.')));
    return messages.has(scope) ? outermost(scope) : name;
  };
  const wanted = new Set<string>();
  const seen = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    wanted.add(outermost(name));
    if (!messages.has(name)) return;
    for (const field of set.message(name).fields) if (field.typeName !== '') visit(field.typeName);
  };
  for (const root of roots) visit(root);

  const writer = Writer.create();
  for (const name of [...wanted].sort()) {
    const { bytes, proto3 } = set.serialized(name);
    // FileDescriptorProto: package = 2, message_type = 4, enum_type = 5, syntax = 12.
    writer.uint32((1 << 3) | 2).fork();
    writer.uint32((2 << 3) | 2).string(name.slice(0, name.lastIndexOf('.')));
    writer.uint32(((messages.has(name) ? 4 : 5) << 3) | 2).bytes(bytes);
    if (proto3) writer.uint32((12 << 3) | 2).string('proto3');
    writer.ldelim();
  }
  return writer.finish();
}
