/** One gRPC call on a connection of its own: for a client that speaks rarely, nothing is worth keeping open. */
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { LateenError } from '#runtime/core/index.ts';
import { buildFrame, FrameReader } from './frame.ts';
import { parseStatus, parseStatusMessage } from './status.ts';

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
    session.on('error', (error) => fail(new LateenError('unavailable', describe(error), { cause: error })));
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
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: call.path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    [constants.HTTP2_HEADER_TE]: 'trailers',
    'grpc-timeout': `${call.deadline}m`,
    ...call.metadata,
  });
  const reader = new FrameReader(maximumMessage);
  const replies: Uint8Array[] = [];
  let status: { code: number; message: string } | undefined;
  let httpStatus = 0;
  const readStatus = (headers: IncomingHttpHeaders) => {
    const code = headers['grpc-status'];
    if (code === undefined) return;
    status = { code: Number(code), message: parseStatusMessage(String(headers['grpc-message'] ?? '')) };
  };
  stream.on('response', (headers) => {
    httpStatus = headers[':status'] ?? 0;
    readStatus(headers);
  });
  stream.on('trailers', readStatus);
  stream.on('data', (chunk: Buffer) => {
    try {
      replies.push(...reader.push(chunk));
    } catch (error) {
      fail(LateenError.from(error));
    }
  });
  stream.on('error', (error) => fail(new LateenError('unavailable', describe(error), { cause: error })));
  stream.on('close', () => {
    const [reply] = replies;
    if (status === undefined)
      fail(new LateenError('unavailable', `stream ended without a status (HTTP ${httpStatus})`));
    else if (status.code !== 0)
      fail(new LateenError(parseStatus(status.code), status.message || `gRPC status ${status.code}`));
    else if (reply === undefined) fail(new LateenError('internal', 'no message in the reply'));
    else succeed(reply);
  });
  stream.end(buildFrame(call.message));
}

/** Connection errors carry their cause in different places. */
function describe(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((inner) => describe(inner)).join('; ');
  // A stream that never was reports that it was cancelled; the connection's error says why.
  if (error.message.startsWith('The pending stream') && error.cause instanceof Error) return describe(error.cause);
  return error.message || error.name;
}
