/**
 * Messages of a call go to and come from its HTTP/2 stream directly. grpc-js puts each response into a buffer of its own,
 * behind the head of its frame: 3 MB for each proxy that connects, of bytes that are the same for hundreds of them. The
 * stream takes a message in parts just as well, and the parts go to the socket as they are. And each request passes two
 * queues, two promises and a pause of the stream on its way through grpc-js, which is more than all else that an
 * acknowledgement costs.
 */
import { Duplex } from 'node:stream';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { FrameReader, LateenError } from '#runtime/core/index.ts';
import { EncodedResponse } from './response.ts';

/**
 * So many bytes are handed at once to a connection that is encrypted. Node keeps a buffer for each as large as the largest
 * write: with 500 proxies half a gigabyte. Below this the processor pays: a record of TLS holds half as much.
 */
const SLICE_BYTES = 32 << 10;

/** No request may have more bytes. */
export const MOST_REQUEST_BYTES = 16 << 20;

/** Other messages than encoded responses are left alone, and requests until somebody takes them. */
export const shareResponseBytes: ServerInterceptor = (_method, call) => {
  const stream = http2StreamOf(call);
  return stream === undefined ? new ServerInterceptingCall(call) : new SharingCall(call, stream);
};

/** A call below what grpc-js makes of it. */
export interface DirectCall {
  /**
   * From now on messages go to `take` and no longer to the call, which still tells of its end. Whoever asks for it is the
   * first to read. False: they are compressed, which is left to grpc-js.
   */
  takeMessages(take: (message: Uint8Array) => void): boolean;
  /**
   * Writes a small message, behind all that were written before; `written` is called once it has drained. False: it is
   * not small, or waits behind one that is still on its way in slices, and is to be written to the call.
   */
  writeSmall(message: EncodedResponse, written: () => void): boolean;
  /** `moved` is called as parts of messages drain that have not drained as a whole. */
  onMoved(moved: () => void): void;
  /** Closes the connection, with all that is on its way to the peer. False: that can't be done from here. */
  disconnect(): boolean;
}

/** Undefined where the call's HTTP/2 stream can't be found. */
export function directCallOf(call: object): DirectCall | undefined {
  const { call: next } = call as { call?: unknown };
  return next instanceof SharingCall ? next : undefined;
}

type NextCall = Parameters<ServerInterceptor>[1];

/** As much of an HTTP/2 stream as is used. */
type Http2Stream = Duplex & {
  readonly headersSent: boolean;
  readonly session?: { readonly encrypted?: boolean; destroy(): void };
};

/** grpc-js keeps it to itself; where it can't be found, messages are copied. A pipeline test holds grpc-js to it. */
function http2StreamOf(call: NextCall): Http2Stream | undefined {
  const { stream } = call as { stream?: unknown };
  return stream instanceof Duplex && 'headersSent' in stream ? (stream as Http2Stream) : undefined;
}

class SharingCall extends ServerInterceptingCall implements DirectCall {
  readonly #stream: Http2Stream;
  readonly #compressed: boolean;
  /** Messages that the call was given to write, and that have not gone. */
  #onTheirWay = 0;
  #moved: (() => void) | undefined;

  constructor(call: NextCall, stream: Http2Stream) {
    super(call);
    this.#stream = stream;
    this.#compressed = (call as { incomingEncoding?: unknown }).incomingEncoding !== 'identity';
  }

  takeMessages(take: (message: Uint8Array) => void): boolean {
    const stream = this.#stream;
    if (this.#compressed || stream.listenerCount('data') !== 1) return false;
    const reader = new FrameReader(MOST_REQUEST_BYTES);
    stream.removeAllListeners('data');
    stream.on('data', (chunk: Buffer) => {
      let messages: readonly Uint8Array[];
      try {
        messages = reader.push(chunk);
      } catch (thrown) {
        // What comes behind bytes that are no message is none either.
        stream.removeAllListeners('data').resume();
        this.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: LateenError.from(thrown).message });
        return;
      }
      for (const message of messages) take(message);
    });
    return true;
  }

  writeSmall(message: EncodedResponse, written: () => void): boolean {
    if (!message.isSmall || this.#onTheirWay > 0) return false;
    this.#write(message, written);
    return true;
  }

  onMoved(moved: () => void): void {
    this.#moved = moved;
  }

  disconnect(): boolean {
    const { session } = this.#stream;
    session?.destroy();
    return session !== undefined;
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (!(message instanceof EncodedResponse)) {
      super.sendMessage(message, callback);
      return;
    }
    this.#onTheirWay += 1;
    this.#write(message, () => {
      this.#onTheirWay -= 1;
      callback();
    });
  }

  #write(message: EncodedResponse, callback: () => void): void {
    const stream = this.#stream;
    // Cancelled; the call hears of it by itself.
    if (stream.destroyed) return;
    if (!stream.headersSent) this.sendMetadata(new Metadata());
    const written: Written = (error) => {
      if (error) this.sendStatus({ code: status.INTERNAL, details: 'internal error' });
      else callback();
    };
    if (message.isSmall) {
      stream.write(message.frame(), written);
      return;
    }
    const slices = stream.session?.encrypted ? cutSlices(message.parts, SLICE_BYTES) : [message.parts];
    writeSlices(stream, [[message.head(), ...(slices[0] ?? [])], ...slices.slice(1)], written, this.#moved);
  }
}

type Written = (error?: Error | null) => void;

/** Writes one slice after the other, each once the one before has gone. The status waits: grpc-js ends a call behind its messages. */
function writeSlices(
  stream: Http2Stream,
  slices: readonly (readonly Buffer[])[],
  written: Written,
  moved: (() => void) | undefined,
  at = 0,
): void {
  const slice = slices[at] ?? [];
  const gone: Written = (error) => {
    if (error || at === slices.length - 1) {
      written(error);
      return;
    }
    moved?.();
    writeSlices(stream, slices, written, moved, at + 1);
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
