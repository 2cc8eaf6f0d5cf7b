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

/**
 * So many bytes are handed at once to a connection that is encrypted. Node keeps a buffer for each as large as the largest
 * write: with 500 proxies half a gigabyte. Below this the processor pays: a record of TLS holds half as much.
 */
const SLICE_BYTES = 32 << 10;

/** A byte that says "not compressed" and four of length, before each message of gRPC. */
const HEAD_BYTES = 5;

/** Other messages than encoded responses are left alone. */
export const shareResponseBytes: ServerInterceptor = (_method, call) => {
  const stream = http2StreamOf(call);
  return stream === undefined ? new ServerInterceptingCall(call) : new SharingCall(call, stream);
};

type NextCall = Parameters<ServerInterceptor>[1];

/** As much of an HTTP/2 stream as is used. */
type Http2Stream = Duplex & { readonly headersSent: boolean; readonly session?: { readonly encrypted?: boolean } };

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
    const written: Written = (error) => {
      if (error) this.sendStatus({ code: status.INTERNAL, details: 'internal error' });
      else callback();
    };
    if (message.size <= SMALL_BYTES) {
      stream.write(frame(message, message.parts), written);
      return;
    }
    const slices = stream.session?.encrypted ? cutSlices(message.parts, SLICE_BYTES) : [message.parts];
    writeSlices(stream, [[frame(message, []), ...(slices[0] ?? [])], ...slices.slice(1)], written);
  }
}

type Written = (error?: Error | null) => void;

/** Writes one slice after the other, each once the one before has gone. The status waits: grpc-js ends a call behind its messages. */
function writeSlices(stream: Http2Stream, slices: readonly (readonly Buffer[])[], written: Written, at = 0): void {
  const slice = slices[at] ?? [];
  const gone: Written = (error) => {
    if (error || at === slices.length - 1) written(error);
    else writeSlices(stream, slices, written, at + 1);
  };
  stream.cork();
  slice.forEach((part, index) => {
    stream.write(part, index === slice.length - 1 ? gone : undefined);
  });
  stream.uncork();
}

/** The same bytes in groups of up to so many. */
function cutSlices(parts: readonly Buffer[], most: number): readonly (readonly Buffer[])[] {
  const slices: Buffer[][] = [];
  let room = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      if (room === 0) {
        slices.push([]);
        room = most;
      }
      const piece = part.subarray(from, from + room);
      slices.at(-1)?.push(piece);
      from += piece.length;
      room -= piece.length;
    }
  }
  return slices;
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
