/** What the calls of one HTTP/2 stream have in common. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { LateenError } from '#runtime/core/index.ts';
import { parseStatus, parseStatusMessage } from './status.ts';

export function openStream(
  session: ClientHttp2Session,
  path: string,
  metadata: Readonly<Record<string, string>>,
): ClientHttp2Stream {
  return session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    [constants.HTTP2_HEADER_TE]: 'trailers',
    ...metadata,
  });
}

/** Calls back once with how the stream ended: undefined for status OK. */
export function onStreamEnd(stream: ClientHttp2Stream, listener: (error: LateenError | undefined) => void): void {
  let status: { code: number; message: string } | undefined;
  let httpStatus = 0;
  let broken: LateenError | undefined;
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
  stream.on('error', (error) => {
    broken = connectionError(error);
  });
  stream.on('close', () => {
    if (broken !== undefined) listener(broken);
    else if (status === undefined)
      listener(new LateenError('unavailable', `stream ended without a status (HTTP ${httpStatus})`));
    else if (status.code === 0) listener(undefined);
    else listener(new LateenError(parseStatus(status.code), status.message || `gRPC status ${status.code}`));
  });
}

export function connectionError(error: Error): LateenError {
  return new LateenError('unavailable', describe(error), { cause: error });
}

/** Connection errors carry their cause in different places. */
function describe(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((inner) => describe(inner)).join('; ');
  // A stream that never was reports that it was cancelled; the connection's error says why.
  if (error.message.startsWith('The pending stream') && error.cause instanceof Error) return describe(error.cause);
  return error.message || error.name;
}
