/** DER (X.690) writing: the few types that a certificate request is made of. */

function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), encodeLength(body.length), body]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export const der = {
  sequence: (...contents: readonly Uint8Array[]) => element(0x30, ...contents),
  set: (...contents: readonly Uint8Array[]) => element(0x31, ...contents),
  /** A small non-negative integer. */
  integer: (value: number) => element(0x02, Buffer.from([value & 0x7f])),
  boolean: (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0])),
  octetString: (content: Uint8Array) => element(0x04, content),
  /** Whole bytes: no unused bits. */
  bitString: (content: Uint8Array) => element(0x03, Buffer.from([0]), content),
  oid: (dotted: string) => element(0x06, encodeOid(dotted)),
  /** Context-specific, constructed. */
  context: (tag: number, ...contents: readonly Uint8Array[]) => element(0xa0 | tag, ...contents),
  /** Context-specific, primitive, as in GeneralName. */
  contextText: (tag: number, text: string) => element(0x80 | tag, Buffer.from(text, 'ascii')),
};

function encodeOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let value = arc >>> 7; value > 0; value >>>= 7) groups.unshift((value & 0x7f) | 0x80);
    return groups;
  });
  return Buffer.from(bytes);
}
