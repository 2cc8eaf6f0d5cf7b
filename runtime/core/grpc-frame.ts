/** gRPC's message framing over HTTP/2: one byte of flags, four bytes of length, the message. */
import { LateenError } from './errors.ts';

const headerLength = 5;

/** What stands before a message of so many bytes that is not compressed. */
export function buildFrameHead(length: number): Buffer {
  const head = Buffer.allocUnsafe(headerLength);
  head.writeUInt8(0, 0);
  head.writeUInt32BE(length, 1);
  return head;
}

export function buildFrame(message: Uint8Array): Buffer {
  return Buffer.concat([buildFrameHead(message.length), message]);
}

/** Puts messages together from the chunks of one stream; a message beyond `limit` bytes or a compressed one is an error. */
export class FrameReader {
  readonly #limit: number;
  /** Joined only when a message is complete: a big one comes in many chunks. */
  #chunks: Buffer[] = [];
  #buffered = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that are complete with this chunk, in order. They are views into what was received. */
  push(chunk: Buffer): readonly Uint8Array[] {
    if (this.#buffered === 0 && chunk.length <= this.#limit && isOneMessage(chunk))
      return [chunk.subarray(headerLength)];
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const messages: Uint8Array[] = [];
    for (let length = this.#nextLength(); length !== undefined; length = this.#nextLength()) {
      const end = headerLength + length;
      if (this.#buffered < end) break;
      const joined = this.#join();
      messages.push(joined.subarray(headerLength, end));
      this.#chunks = end < joined.length ? [joined.subarray(end)] : [];
      this.#buffered -= end;
    }
    return messages;
  }

  /** Of the message that comes next; undefined while its header is not there. */
  #nextLength(): number | undefined {
    if (this.#buffered < headerLength) return undefined;
    const [first] = this.#chunks;
    const head = first !== undefined && first.length >= headerLength ? first : this.#join();
    if (head.readUInt8(0) !== 0) throw new LateenError('invalid', 'compressed gRPC message');
    const length = head.readUInt32BE(1);
    if (length > this.#limit) throw new LateenError('invalid', `gRPC message of ${length} bytes is over the limit`);
    return length;
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    const joined = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

/** What nearly every chunk of a stream of small messages is. */
function isOneMessage(chunk: Buffer): boolean {
  return chunk.length >= headerLength && chunk[0] === 0 && chunk.readUInt32BE(1) === chunk.length - headerLength;
}
