/**
 * Writes responses without copying them. grpc-js puts every message into a buffer of its own, behind the head of its frame:
 * 3 MB for each proxy that connects, of bytes that are the same for hundreds of them. The HTTP/2 stream below takes a
 * message in parts just as well, and the parts go to the socket as they are.
 */
import { Duplex } from 'node:stream';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { EncodedResponse } from './response.ts';

/** Messages of up to so many bytes are copied: a write of its own for each part costs more. */
const SMALL_BYTES = 4_000;

/** A byte that says "not compressed" and four of length, before each message of gRPC. */
const HEAD_BYTES = 5;

/** Other messages than encoded responses are left alone. */
export const shareResponseBytes: ServerInterceptor = (_method, call) => {
  const stream = http2StreamOf(call);
  return stream === undefined ? new ServerInterceptingCall(call) : new SharingCall(call, stream);
};

type NextCall = Parameters<ServerInterceptor>[1];

/** As much of an HTTP/2 stream as is used. */
type Http2Stream = Duplex & { readonly headersSent: boolean };

/** grpc-js keeps it to itself; where it can't be found, messages are copied. A pipeline test holds grpc-js to it. */
function http2StreamOf(call: NextCall): Http2Stream | undefined {
  const { stream } = call as { stream?: unknown };
  return stream instanceof Duplex && 'headersSent' in stream ? (stream as Http2Stream) : undefined;
}

class SharingCall extends ServerInterceptingCall {
  readonly #stream: Http2Stream;

  constructor(call: NextCall, stream: Http2Stream) {
    super(call);
    this.#stream = stream;
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const stream = this.#stream;
    if (!(message instanceof EncodedResponse)) {
      super.sendMessage(message, callback);
      return;
    }
    // Cancelled; the call hears of it by itself.
    if (stream.destroyed) return;
    if (!stream.headersSent) this.sendMetadata(new Metadata());
    const written = (error?: Error | null) => {
      if (error) this.sendStatus({ code: status.INTERNAL, details: 'internal error' });
      else callback();
    };
    if (message.size <= SMALL_BYTES) {
      stream.write(frame(message, message.parts), written);
      return;
    }
    stream.cork();
    stream.write(frame(message, []));
    message.parts.forEach((part, at) => {
      stream.write(part, at === message.parts.length - 1 ? written : undefined);
    });
    stream.uncork();
  }
}

/** The head of a message with these of its parts behind it. */
function frame({ size }: EncodedResponse, parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, HEAD_BYTES));
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  let at = HEAD_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
