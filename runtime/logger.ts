/** Structured logs on stdout: the message is constant, everything that varies is a field. */
import { pino } from 'pino';
import { LateenError } from './core/index.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values of a log line. An `error` field is written with its code, message and stack. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where lines go; default: this process's stdout. */
  readonly write?: (line: string) => void;
}

/** One JSON object per line: `level` as a word, `time` in RFC 3339, `scope` from the child that wrote it. */
export function createLogger(options: LoggerOptions): Logger {
  const { write } = options;
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    messageKey: 'message',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: renderError },
  };
  return wrap(write === undefined ? pino(settings) : pino(settings, { write }));
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(target: pino.Logger): Logger {
  return {
    debug: (message, fields = {}) => target.debug(fields, message),
    info: (message, fields = {}) => target.info(fields, message),
    warn: (message, fields = {}) => target.warn(fields, message),
    error: (message, fields = {}) => target.error(fields, message),
    child: (fields) => wrap(target.child(fields)),
  };
}

function renderError(thrown: unknown): LogFields | string {
  if (!(thrown instanceof Error)) return String(thrown);
  const code = thrown instanceof LateenError ? { code: thrown.code } : {};
  const cause =
    thrown.cause === undefined
      ? {}
      : { cause: thrown.cause instanceof Error ? thrown.cause.message : String(thrown.cause) };
  return { name: thrown.name, message: thrown.message, ...code, ...cause, stack: thrown.stack };
}
