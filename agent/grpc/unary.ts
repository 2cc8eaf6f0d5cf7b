/** One gRPC call on a connection of its own: for a client that speaks rarely, nothing is worth keeping open. */
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2';
import { buildFrame, FrameReader, LateenError } from '#runtime/core/index.ts';
import { connectionError, onStreamEnd, openStream } from './connection.ts';

export interface UnaryCall {
  /** `https://host:port` or, for plaintext, `http://host:port`. */
  readonly authority: string;
  /** e.g. `/grpc.health.v1.Health/Check`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly metadata?: Readonly<Record<string, string>>;
  /** TLS roots and the like, or `createConnection`. */
  readonly connection?: SecureClientSessionOptions;
  /** Milliseconds for the whole call, connecting included. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

const maximumMessage = 4 * 1024 * 1024;

/** Resolves with the reply's bytes; rejects with a LateenError whose code tells whether a retry may help. */
export function callUnary(call: UnaryCall): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (call.signal?.aborted) {
      reject(new LateenError('aborted', 'call aborted'));
      return;
    }
    const session = connect(call.authority, call.connection);
    const finish = (outcome: () => void) => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
      session.destroy();
      outcome();
    };
    const fail = (error: LateenError) => finish(() => reject(error));
    const timer = setTimeout(
      () => fail(new LateenError('deadline', `no answer within ${call.deadline} ms`)),
      call.deadline,
    );
    const onAbort = () => fail(new LateenError('aborted', 'call aborted'));
    call.signal?.addEventListener('abort', onAbort, { once: true });
    session.on('error', (error) => fail(connectionError(error)));
    try {
      send(session, call, (reply) => finish(() => resolve(reply)), fail);
    } catch (error) {
      // Metadata that is no valid header, for example.
      fail(LateenError.from(error, 'invalid'));
    }
  });
}

function send(
  session: ClientHttp2Session,
  call: UnaryCall,
  succeed: (reply: Uint8Array) => void,
  fail: (error: LateenError) => void,
): void {
  const stream = openStream(session, call.path, { 'grpc-timeout': `${call.deadline}m`, ...call.metadata });
  const reader = new FrameReader(maximumMessage);
  const replies: Uint8Array[] = [];
  stream.on('data', (chunk: Buffer) => {
    try {
      replies.push(...reader.push(chunk));
    } catch (error) {
      fail(LateenError.from(error));
    }
  });
  onStreamEnd(stream, (error) => {
    const [reply] = replies;
    if (error !== undefined) fail(error);
    else if (reply === undefined) fail(new LateenError('internal', 'no message in the reply'));
    else succeed(reply);
  });
  stream.end(buildFrame(call.message));
}
