/**
 * What kind of failure it is, in words shared by every folder:
 * `invalid` the input is wrong; `not-found`, `conflict`, `unauthenticated`, `forbidden` as in HTTP;
 * `unavailable` try again later; `exhausted` has as much as it may have; `deadline` took too long; `aborted` asked to stop; `internal` a bug or an unknown cause.
 */
export type ErrorCode =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'unauthenticated'
  | 'forbidden'
  | 'unavailable'
  | 'exhausted'
  | 'deadline'
  | 'aborted'
  | 'internal';

/** The one exception class of the project. User mistakes are values, not exceptions. */
export class LateenError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LateenError';
    this.code = code;
  }

  /** Turns anything caught into a LateenError, keeping the original as its cause. */
  static from(thrown: unknown, code: ErrorCode = 'internal'): LateenError {
    if (thrown instanceof LateenError) return thrown;
    if (thrown instanceof Error) {
      return new LateenError(thrown.name === 'AbortError' ? 'aborted' : code, thrown.message, { cause: thrown });
    }
    return new LateenError(code, String(thrown), { cause: thrown });
  }
}

/** A reconcile that fails with this is recorded and not retried until its input changes. */
export class TerminalError extends LateenError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('invalid', message, options);
    this.name = 'TerminalError';
  }
}
