/**
 * The agent's log: one line per event on standard output, a constant message and fields beside it, in Istio's tab-separated
 * form or as JSON. Callers never pass keys, tokens or certificates as fields.
 */
import type { Clock } from '#runtime/core/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: LogLevel | 'none';
  readonly json: boolean;
  readonly clock: Clock;
  readonly write: (line: string) => void;
}

const severity = { debug: 0, info: 1, warn: 2, error: 3, none: 4 } as const;

export function createLogger(options: LogOptions): Logger {
  const threshold = severity[options.level];
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (severity[level] < threshold) return;
    const time = new Date(options.clock.now()).toISOString();
    options.write(
      `${options.json ? renderJson(time, level, message, fields) : renderText(time, level, message, fields)}\n`,
    );
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function renderJson(time: string, level: LogLevel, message: string, fields: LogFields | undefined): string {
  return JSON.stringify({ level, time, msg: message, ...fields });
}

function renderText(time: string, level: LogLevel, message: string, fields: LogFields = {}): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => `${key}=${typeof value === 'string' && /[\s"]/.test(value) ? JSON.stringify(value) : value}`,
    );
  return [time, level, message, ...shown].join('\t');
}

/** Reads Istio's `--log_output_level`, e.g. `info` or `default:info,ads:debug`; only the default scope counts here. */
export function parseLogLevel(text: string): LogLevel | 'none' | undefined {
  const levels = new Map(
    text.split(',').map((part) => {
      const [scope = '', level] = part.trim().split(':');
      return level === undefined ? (['default', scope] as const) : ([scope, level] as const);
    }),
  );
  const level = levels.get('default') ?? levels.get('all') ?? 'info';
  if (level === 'debug' || level === 'info' || level === 'warn' || level === 'error' || level === 'none') return level;
  return level === 'fatal' ? 'error' : undefined;
}
