/** gRPC's message framing over HTTP/2: one byte of flags, four bytes of length, the message. */
import { LateenError } from '#runtime/core/index.ts';

const headerLength = 5;

export function buildFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerLength + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headerLength);
  return frame;
}

/** Puts messages together from the chunks of one stream; a message beyond `limit` bytes or a compressed one is an error. */
export class FrameReader {
  readonly #limit: number;
  #buffered: Buffer = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that are complete with this chunk, in order. */
  push(chunk: Buffer): readonly Uint8Array[] {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    const messages: Uint8Array[] = [];
    while (this.#buffered.length >= headerLength) {
      if (this.#buffered.readUInt8(0) !== 0) throw new LateenError('invalid', 'compressed gRPC message');
      const length = this.#buffered.readUInt32BE(1);
      if (length > this.#limit) throw new LateenError('invalid', `gRPC message of ${length} bytes is over the limit`);
      if (this.#buffered.length < headerLength + length) break;
      messages.push(Uint8Array.prototype.slice.call(this.#buffered, headerLength, headerLength + length));
      this.#buffered = this.#buffered.subarray(headerLength + length);
    }
    return messages;
  }
}
