import { type ErrorCode, LateenError } from '#runtime/core/index.ts';
import type { KubeStatus } from './objects.ts';

/** A refusal or failure of the API server, with its own words. `httpStatus` is 0 when no answer came. */
export class KubeError extends LateenError {
  readonly httpStatus: number;
  readonly status: KubeStatus;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { httpStatus?: number; status?: KubeStatus; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(code, message, { cause: options.cause });
    this.name = 'KubeError';
    this.httpStatus = options.httpStatus ?? 0;
    this.status = options.status ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The server's reason in one word, e.g. `AlreadyExists`, `Expired`. */
  get reason(): string {
    return this.status.reason ?? '';
  }
}

const codes: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'invalid',
  409: 'conflict',
  410: 'unavailable',
  413: 'invalid',
  415: 'invalid',
  422: 'invalid',
  429: 'unavailable',
};

/** The error for an answer outside 2xx. The body may be anything: proxies in between answer too. */
export function buildHttpError(what: string, httpStatus: number, body: string, retryAfter?: string): KubeError {
  const status = parseStatus(body);
  const seconds = status.details?.retryAfterSeconds ?? Number(retryAfter);
  return new KubeError(
    codes[httpStatus] ?? (httpStatus >= 500 ? 'unavailable' : 'internal'),
    describe(what, httpStatus, status),
    {
      httpStatus,
      status,
      retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
    },
  );
}

/** The error for no answer at all: refused, reset, timed out, aborted. */
export function buildTransportError(what: string, thrown: unknown): KubeError {
  if (thrown instanceof KubeError) return thrown;
  const cause = LateenError.from(thrown, 'unavailable');
  const code = readErrorCode(thrown).endsWith('_TIMEOUT') ? 'deadline' : cause.code;
  return new KubeError(code, `${what}: ${cause.message || readErrorCode(thrown)}`, { cause: thrown });
}

/** Whether the resourceVersion that was asked for is too old to continue from. */
export function isExpired(error: unknown): boolean {
  return (
    error instanceof KubeError && (error.httpStatus === 410 || error.reason === 'Expired' || error.reason === 'Gone')
  );
}

function parseStatus(body: string): KubeStatus {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status')
      return parsed as KubeStatus;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  return { message: body.slice(0, 200).trim() };
}

function describe(what: string, httpStatus: number, status: KubeStatus): string {
  return `${what}: ${httpStatus}${status.reason === undefined ? '' : ` ${status.reason}`}${status.message ? `: ${status.message}` : ''}`;
}

function readErrorCode(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
}
