/** A gRPC stream in both directions on a connection of its own. */
import { connect, type SecureClientSessionOptions } from 'node:http2';
import { buildFrame, FrameReader, LateenError } from '#runtime/core/index.ts';
import { connectionError, onStreamEnd, openStream } from './connection.ts';
import { Pulse } from './pulse.ts';

export interface DuplexCall {
  /** `https://host:port` or, for plaintext, `http://host:port`. */
  readonly authority: string;
  readonly path: string;
  /** TLS roots, certificate and the like. */
  readonly connection: SecureClientSessionOptions;
  /** A message beyond this many bytes ends the stream. */
  readonly maximumMessage: number;
  /** Milliseconds until there must be a connection, TLS included; default 10,000. */
  readonly connectTimeout?: number;
  /** Milliseconds that the peer may take to give a sign of life after something was sent; default 10,000. */
  readonly answerTimeout?: number;
  readonly onMessage: (message: Uint8Array) => void;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

export interface Duplex {
  readonly send: (message: Uint8Array) => void;
  /** Resolves with why the stream ended; everything is released then. Never rejects. */
  readonly ended: Promise<LateenError>;
}

/** Milliseconds without traffic after which the kernel asks whether the peer is still there; not while something is under way. */
const keepAliveDelay = 30_000;

export function openDuplex(call: DuplexCall): Duplex {
  const { authority, path, connection, signal, onMessage, connectTimeout = 10_000, answerTimeout = 10_000 } = call;
  const session = connect(authority, connection);
  const pulse = new Pulse(session, answerTimeout, () =>
    finish(new LateenError('unavailable', `no sign of life within ${answerTimeout} ms`)),
  );
  session.on('connect', (_session, socket) => {
    clearTimeout(timer);
    socket.setKeepAlive(true, keepAliveDelay);
    pulse.check();
  });
  const ended = Promise.withResolvers<LateenError>();
  const finish = (reason: LateenError) => {
    clearTimeout(timer);
    pulse.stop();
    signal.removeEventListener('abort', onAbort);
    session.destroy();
    ended.resolve(reason);
  };
  const timer = setTimeout(
    () => finish(new LateenError('deadline', `no connection within ${connectTimeout} ms`)),
    connectTimeout,
  );
  const onAbort = () => finish(new LateenError('aborted', 'stream aborted'));
  signal.addEventListener('abort', onAbort, { once: true });
  session.on('error', (error) => finish(connectionError(error)));
  const stream = openStream(session, path, {});
  const reader = new FrameReader(call.maximumMessage);
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const message of reader.push(chunk)) onMessage(message);
    } catch (error) {
      finish(LateenError.from(error));
    }
  });
  onStreamEnd(stream, (error) => finish(error ?? new LateenError('unavailable', 'the server ended the stream')));
  if (signal.aborted) onAbort();
  return {
    send: (message) => {
      if (!stream.writable) return;
      stream.write(buildFrame(message));
      pulse.check();
    },
    ended: ended.promise,
  };
}
