/**
 * Domain names: from the wire (RFC 1035 section 3.1) to text and back. As text a name is lower case, its labels joined by
 * dots, without the dot at the end; the root is the empty text.
 */

export interface WireName {
  readonly name: string;
  /** Where the bytes behind the name begin. */
  readonly end: number;
}

const longestLabel = 63;
/** Bytes on the wire, lengths and the end included. */
const longestName = 255;
const dot = 0x2e;

/**
 * The name at `start` of a question. Undefined when it is cut off, too long, or compressed: the name of the first question
 * has nothing before it to point to.
 */
export function readName(message: Buffer, start: number): WireName | undefined {
  let name = '';
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > longestLabel) return undefined;
    at += 1;
    if (length === 0) return { name: name.toLowerCase(), end: at };
    if (at + length >= message.length || at + length - start >= longestName) return undefined;
    const label = message.subarray(at, at + length);
    name += `${name === '' ? '' : '.'}${renderLabel(label)}`;
    at += length;
  }
}

/** Where the bytes behind a name of any form begin; undefined when it is cut off. Pointers are not followed. */
export function skipName(message: Buffer, start: number): number | undefined {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined;
    if (length > longestLabel) return undefined;
    at += 1 + length;
  }
}

/** The wire form; undefined for what is no name. */
export function buildName(name: string): Buffer | undefined {
  const labels = name === '' ? [] : name.split('.');
  const parts: Buffer[] = [];
  for (const label of labels) {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > longestLabel) return undefined;
    parts.push(Buffer.of(bytes.length), bytes);
  }
  const wire = Buffer.concat([...parts, Buffer.of(0)]);
  return wire.length > longestName ? undefined : wire;
}

/** A dot inside a label is written so that it can not be taken for one between labels. */
function renderLabel(label: Buffer): string {
  const text = label.toString('latin1');
  return label.includes(dot) ? text.replaceAll('.', '\\.') : text;
}
