/** Assembling a message of parts that are encoded already. */

/**
 * A message's bytes followed by one length-delimited field per part. Fields of a message may stand in any order, so a
 * big message is put together by copying, without encoding its parts again.
 */
export function appendFields(head: Uint8Array, field: number, parts: readonly Uint8Array[]): Uint8Array {
  const tag = (field << 3) | 2;
  let size = head.length;
  for (const part of parts) size += varintSize(tag) + varintSize(part.length) + part.length;
  const bytes = Buffer.allocUnsafeSlow(size);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    at = writeVarint(bytes, at, tag);
    at = writeVarint(bytes, at, part.length);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size += 1;
  return size;
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}
