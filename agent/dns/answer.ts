/** Replies from the name table. */
import { isIPv6 } from 'node:net';
import {
  buildReply,
  emptyReplyLength,
  headerLength,
  type Query,
  recordType,
  replyLimit,
  responseCode,
} from './message.ts';
import { buildName } from './name.ts';
import type { Found } from './table.ts';

/** Seconds; short, so that a client that remembers does not miss a change for long. */
const timeToLive = 30;
const internet = 1;

/**
 * The addresses of the family asked for, in random order, behind a CNAME record when the question was an expansion by a
 * search domain; no record when it has none of that family, which says that the name exists. What does not fit is left
 * out and the reply marked as truncated: the client comes again over TCP. `random` gives 0 up to 1.
 */
export function buildAnswer(query: Query, found: Found, transport: 'udp' | 'tcp', random: () => number): Buffer {
  const { type } = query.question;
  const addresses = found.addresses.filter((address) => isIPv6(address) === (type === recordType.aaaa));
  const alias = found.canonicalName === undefined ? undefined : buildName(found.canonicalName);
  if (addresses.length === 0 || (found.canonicalName !== undefined && alias === undefined))
    return buildReply(query, { code: responseCode.noError, authoritative: true });
  const records: Buffer[] = [];
  let owner = pointer(headerLength);
  if (alias !== undefined) {
    const record = buildRecord(owner, recordType.cname, alias);
    owner = pointer(query.questionEnd + record.length - alias.length);
    records.push(record);
  }
  for (const address of shuffle(addresses, random)) records.push(buildRecord(owner, type, buildAddress(address)));
  const answers = takeFitting(records, replyLimit(query, transport) - emptyReplyLength(query));
  const truncated = answers.length < records.length;
  return buildReply(query, { code: responseCode.noError, authoritative: true, truncated, answers });
}

/** The first records that fit into so many bytes together. */
function takeFitting(records: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes;
  const cut = records.findIndex((record) => {
    left -= record.length;
    return left < 0;
  });
  return cut === -1 ? records : records.slice(0, cut);
}

/** A name by its place in the message (RFC 1035 section 4.1.4). */
function pointer(offset: number): Buffer {
  return Buffer.of(0xc0 | (offset >> 8), offset & 0xff);
}

function buildRecord(owner: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(internet, 2);
  fixed.writeUInt32BE(timeToLive, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

/** Four or sixteen bytes of an address that is known to be one. */
export function buildAddress(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...bytes) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const bytes = Buffer.alloc(16);
  groups.forEach((group, at) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2);
  });
  return bytes;
}

/** Every order is as likely as any other. */
function shuffle(addresses: readonly string[], random: () => number): readonly string[] {
  const order = [...addresses];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other] ?? '', order[at] ?? ''];
  }
  return order;
}
