/** Messages over TCP: two bytes of length before each (RFC 1035 section 4.2.2). */
import { LateenError } from '#runtime/core/index.ts';
import { longestMessage } from './message.ts';

export function buildFrame(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(2 + message.length);
  frame.writeUInt16BE(message.length, 0);
  frame.set(message, 2);
  return frame;
}

/** Puts messages together from the chunks of one connection; holds one message and one chunk at most. */
export class FrameReader {
  readonly #limit: number;
  #buffered: Buffer = Buffer.alloc(0);

  /** A message beyond `limit` bytes is an error. */
  constructor(limit = longestMessage) {
    this.#limit = limit;
  }

  /** The messages that are complete with this chunk, in order. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    const messages: Buffer[] = [];
    while (this.#buffered.length >= 2) {
      const length = this.#buffered.readUInt16BE(0);
      if (length > this.#limit) throw new LateenError('invalid', `DNS message of ${length} bytes is over the limit`);
      const end = 2 + length;
      if (this.#buffered.length < end) break;
      messages.push(Buffer.from(this.#buffered.subarray(2, end)));
      this.#buffered = this.#buffered.subarray(end);
    }
    return messages;
  }
}
