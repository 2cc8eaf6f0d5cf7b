/**
 * DNS messages as the proxy needs them: the one question of a query, replies of our own, and what ties a server's response
 * to the query it answers. Everything else passes through as bytes. (RFC 1035 section 4, RFC 6891 for EDNS.)
 */
import { readName, skipName } from './name.ts';

export const recordType = { a: 1, cname: 5, aaaa: 28, opt: 41, ixfr: 251, axfr: 252 } as const;
export const responseCode = { noError: 0, formatError: 1, serverFailure: 2, notImplemented: 4 } as const;
export type ResponseCode = (typeof responseCode)[keyof typeof responseCode];

export const headerLength = 12;
/** What a client takes over UDP when it does not say (RFC 1035), and what we say of ourselves. */
const plainUdpLength = 512;
const ownUdpLength = 1232;
export const longestMessage = 65_535;
const internet = 1;

const flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursive: 0x0100,
  available: 0x0080,
} as const;
const opcodeOf = (flags: number): number => (flags >> 11) & 0xf;
const codeOf = (flags: number): number => flags & 0xf;

/** More records than this beside the question are not read: a query has one or two. */
const mostRecords = 8;

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface Query {
  readonly id: number;
  readonly question: Question;
  /** Where the question ends in `bytes`. */
  readonly questionEnd: number;
  readonly recursionDesired: boolean;
  /** What the client says in its OPT record, if it has one. */
  readonly edns: { readonly udpLength: number; readonly dnssec: boolean } | undefined;
  /** As it came. */
  readonly bytes: Buffer;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** To be answered with this and nothing more. */
  | { readonly kind: 'refused'; readonly reply: Buffer }
  /** No answer: it is no query, and answering what is none can go on for ever. */
  | { readonly kind: 'dropped' };

/** Never throws, whatever the bytes are. A reply to what is refused is never longer than what it answers. */
export function parseQuery(bytes: Buffer): ParsedQuery {
  if (bytes.length < headerLength) return { kind: 'dropped' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) !== 0) return { kind: 'dropped' };
  const refuse = (code: ResponseCode): ParsedQuery => ({ kind: 'refused', reply: buildBareReply(bytes, code) });
  if (opcodeOf(flags) !== 0) return refuse(responseCode.notImplemented);
  const name = bytes.readUInt16BE(4) === 1 ? readName(bytes, headerLength) : undefined;
  if (name === undefined || name.end + 4 > bytes.length) return refuse(responseCode.formatError);
  const questionEnd = name.end + 4;
  const question = { name: name.name, type: bytes.readUInt16BE(name.end), class: bytes.readUInt16BE(name.end + 2) };
  // A zone transfer is many messages long and no matter of name resolution.
  if (question.type === recordType.axfr || question.type === recordType.ixfr)
    return refuse(responseCode.notImplemented);
  const records = readRecords(bytes, questionEnd);
  if (records === undefined) return refuse(responseCode.formatError);
  const { edns } = records;
  const recursionDesired = (flags & flag.recursive) !== 0;
  return { kind: 'query', query: { id: bytes.readUInt16BE(0), question, questionEnd, recursionDesired, edns, bytes } };
}

/** Whether its addresses are asked for, which is all that the name table answers. */
export function asksForAddresses({ type, class: family }: Question): boolean {
  return family === internet && (type === recordType.a || type === recordType.aaaa);
}

/** The most bytes that the client takes in one reply. */
export function replyLimit(query: Query, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return longestMessage;
  return Math.max(plainUdpLength, query.edns?.udpLength ?? 0);
}

/** The same query under another id. */
export function buildForwarded(query: Query, id: number): Buffer {
  const bytes = Buffer.from(query.bytes);
  bytes.writeUInt16BE(id, 0);
  return bytes;
}

/** Whether a server's message answers the query that was sent under this id. Names are compared without regard to case. */
export function answersQuery(response: Buffer, query: Query, id: number): boolean {
  if (response.length < headerLength || response.readUInt16BE(0) !== id) return false;
  const flags = response.readUInt16BE(2);
  if ((flags & flag.response) === 0 || opcodeOf(flags) !== 0) return false;
  const questions = response.readUInt16BE(4);
  // A server that could not read the question, or would not, may leave it out.
  if (questions === 0) return codeOf(flags) !== responseCode.noError;
  const name = questions === 1 ? readName(response, headerLength) : undefined;
  if (name === undefined || name.end + 4 > response.length) return false;
  return (
    name.name === query.question.name &&
    response.readUInt16BE(name.end) === query.question.type &&
    response.readUInt16BE(name.end + 2) === query.question.class
  );
}

/** A server's response as the client gets it: under the client's id, cut to the question when it is longer than the client takes. */
export function buildRelayed(response: Buffer, query: Query, limit: number): Buffer {
  if (response.length > limit) return buildReply(query, { code: responseCode.noError, truncated: true });
  const bytes = Buffer.from(response);
  bytes.writeUInt16BE(query.id, 0);
  return bytes;
}

export interface ReplyContent {
  readonly code: ResponseCode;
  readonly authoritative?: boolean;
  readonly truncated?: boolean;
  /** Encoded resource records. */
  readonly answers?: readonly Buffer[];
}

/** Question, answers and, where the client speaks EDNS, an OPT record. */
export function buildReply(query: Query, content: ReplyContent): Buffer {
  const { bytes, questionEnd, edns } = query;
  const answers = content.answers ?? [];
  const head = Buffer.from(bytes.subarray(0, questionEnd));
  head.writeUInt16BE(
    flag.response |
      flag.available |
      (content.authoritative === true ? flag.authoritative : 0) |
      (content.truncated === true ? flag.truncated : 0) |
      (query.recursionDesired ? flag.recursive : 0) |
      content.code,
    2,
  );
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(edns === undefined ? 0 : 1, 10);
  return Buffer.concat(edns === undefined ? [head, ...answers] : [head, ...answers, buildOption(edns.dnssec)]);
}

/** Bytes that a reply without answers has. */
export function emptyReplyLength({ questionEnd, edns }: Query): number {
  return questionEnd + (edns === undefined ? 0 : optionLength);
}

const optionLength = 11;

/** An empty OPT record: the root's name, our UDP size in the place of the class, the flags in the place of the TTL. */
function buildOption(dnssec: boolean): Buffer {
  const option = Buffer.alloc(optionLength);
  option.writeUInt16BE(recordType.opt, 1);
  option.writeUInt16BE(ownUdpLength, 3);
  if (dnssec) option.writeUInt16BE(0x8000, 7);
  return option;
}

/** A header alone: to what has no question that could be repeated. */
function buildBareReply(bytes: Buffer, code: ResponseCode): Buffer {
  const reply = Buffer.alloc(headerLength);
  bytes.copy(reply, 0, 0, 2);
  const flags = bytes.readUInt16BE(2);
  reply.writeUInt16BE(flag.response | (flags & (0x7800 | flag.recursive)) | code, 2);
  return reply;
}

/** Looks through the records behind the question for the OPT record; undefined when they are cut off or too many. */
function readRecords(bytes: Buffer, start: number): { readonly edns: Query['edns'] } | undefined {
  const count = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  if (count > mostRecords) return undefined;
  let edns: Query['edns'];
  let at = start;
  for (let record = 0; record < count; record += 1) {
    const fixed = skipName(bytes, at);
    if (fixed === undefined || fixed + 10 > bytes.length) return undefined;
    if (bytes.readUInt16BE(fixed) === recordType.opt) {
      edns = { udpLength: bytes.readUInt16BE(fixed + 2), dnssec: (bytes.readUInt16BE(fixed + 6) & 0x8000) !== 0 };
    }
    at = fixed + 10 + bytes.readUInt16BE(fixed + 8);
    if (at > bytes.length) return undefined;
  }
  return { edns };
}
