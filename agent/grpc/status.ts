/** gRPC status codes and what they mean here. */
import type { ErrorCode } from '#runtime/core/index.ts';

export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export function parseStatus(code: number): ErrorCode {
  switch (code) {
    case grpcStatus.invalidArgument:
      return 'invalid';
    case grpcStatus.deadlineExceeded:
      return 'deadline';
    case grpcStatus.notFound:
      return 'not-found';
    case grpcStatus.permissionDenied:
      return 'forbidden';
    case grpcStatus.unimplemented:
    case grpcStatus.internal:
      return 'internal';
    case grpcStatus.unauthenticated:
      return 'unauthenticated';
    default:
      return 'unavailable';
  }
}

/** `grpc-message` is percent-encoded; a broken encoding is shown as it came. */
export function parseStatusMessage(header: string): string {
  return /%(?![0-9a-fA-F]{2})/.test(header) ? header : Buffer.from(unescape(header), 'latin1').toString('utf8');
}
