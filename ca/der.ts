/** DER (X.690) over node-forge's generic codec, in Buffers instead of binary strings. */
import asn1, { type Asn1 } from 'node-forge/lib/asn1.js';
import { LateenError } from '#runtime/core/index.ts';

export type { Asn1 };

const maxDepth = 24;

const tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  utf8String: 12,
  sequence: 16,
  set: 17,
  utcTime: 23,
  generalizedTime: 24,
} as const;

export type UniversalTag = keyof typeof tags;

const universal = 0x00;
const contextSpecific = 0x80;

/** Throws LateenError (`invalid`) for anything but exactly one value in DER: no BER forms, no trailing bytes. */
export function parseDer(bytes: Uint8Array): Asn1 {
  let node: Asn1;
  try {
    const text = Buffer.from(bytes).toString('latin1');
    node = asn1.fromDer(text, { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth });
    if (asn1.toDer(node).getBytes() !== text) throw new Error('the encoding is not canonical');
  } catch (error) {
    throw new LateenError('invalid', `not DER: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return node;
}

export function renderDer(node: Asn1): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1');
}

function is(node: Asn1 | undefined, tag: UniversalTag): node is Asn1 {
  return node !== undefined && Number(node.tagClass) === universal && Number(node.type) === tags[tag];
}

/** The children of a constructed value of this type. Throws LateenError (`invalid`) when it is something else. */
export function readChildren(node: Asn1 | undefined, tag: 'sequence' | 'set', what: string): readonly Asn1[] {
  if (!is(node, tag) || !Array.isArray(node.value)) throw new LateenError('invalid', `${what} is not a ${tag}`);
  return node.value;
}

/** The contents of a primitive value of this type. Throws LateenError (`invalid`) when it is something else. */
export function readContents(node: Asn1 | undefined, tag: UniversalTag, what: string): Buffer {
  if (!is(node, tag) || typeof node.value !== 'string') throw new LateenError('invalid', `${what} is not a ${tag}`);
  return Buffer.from(node.value, 'latin1');
}

/** Throws LateenError (`invalid`) when bits are left over in the last byte. */
export function readBits(node: Asn1 | undefined, what: string): Buffer {
  const contents = readContents(node, 'bitString', what);
  if (contents[0] !== 0) throw new LateenError('invalid', `${what} does not consist of whole bytes`);
  return contents.subarray(1);
}

export function readOid(node: Asn1 | undefined, what: string): string {
  const contents = readContents(node, 'oid', what);
  if (contents.length === 0) throw new LateenError('invalid', `${what} is empty`);
  return asn1.derToOid(contents.toString('latin1'));
}

/** The number of a context-specific tag, undefined for another class. */
export function contextTagOf(node: Asn1): number | undefined {
  return Number(node.tagClass) === contextSpecific ? Number(node.type) : undefined;
}

function primitive(tag: UniversalTag, contents: Uint8Array | string): Asn1 {
  return asn1.create(
    universal,
    tags[tag],
    false,
    typeof contents === 'string' ? contents : Buffer.from(contents).toString('latin1'),
  );
}

/** Builders; `raw` takes what is DER already. */
export const der = {
  sequence: (...children: readonly Asn1[]) => asn1.create(universal, tags.sequence, true, [...children]),
  set: (...children: readonly Asn1[]) => asn1.create(universal, tags.set, true, [...children]),
  boolean: (value: boolean) => primitive('boolean', value ? '\xff' : '\x00'),
  /** Big-endian two's complement. */
  integer: (bytes: Uint8Array) => primitive('integer', bytes),
  null: () => primitive('null', ''),
  oid: (dotted: string) => primitive('oid', asn1.oidToDer(dotted).getBytes()),
  utf8String: (text: string) => primitive('utf8String', Buffer.from(text, 'utf8')),
  octetString: (contents: Uint8Array) => primitive('octetString', contents),
  bitString: (contents: Uint8Array, unused = 0) =>
    primitive('bitString', Buffer.concat([Buffer.from([unused]), contents])),
  /** RFC 5280 4.1.2.5: UTCTime through 2049. */
  time: (milliseconds: number) => {
    const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\..*/g, '');
    return digits < '2050' ? primitive('utcTime', `${digits.slice(2)}Z`) : primitive('generalizedTime', `${digits}Z`);
  },
  explicit: (tag: number, child: Asn1) => asn1.create(contextSpecific, tag, true, [child]),
  implicit: (tag: number, contents: Uint8Array) =>
    asn1.create(contextSpecific, tag, false, Buffer.from(contents).toString('latin1')),
  raw: (bytes: Uint8Array) => parseDer(bytes),
};
