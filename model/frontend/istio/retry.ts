import type { HTTPRetry } from '../../specs.ts';
import { parseDuration } from '../../specs.ts';
import type { RetryPolicy } from '../../types/resolved.ts';
import type { RetryDefaults } from '../../types/settings.ts';

/** The retry policy of a route; undefined when it asks for none. Numbers among the conditions are status codes. */
export function resolveRetry(retry: HTTPRetry | undefined, defaults: RetryDefaults): RetryPolicy | undefined {
  if (retry === undefined) return defaults.attempts > 0 ? { ...defaults } : undefined;
  const attempts = retry.attempts ?? 0;
  if (attempts <= 0) return undefined;
  const perTryTimeoutMs = retry.perTryTimeout === undefined ? undefined : parseDuration(retry.perTryTimeout);
  return {
    attempts,
    ...(retry.retryOn
      ? splitConditions(retry.retryOn)
      : { retryOn: defaults.retryOn, retriableStatusCodes: defaults.retriableStatusCodes }),
    ...(perTryTimeoutMs === undefined || perTryTimeoutMs <= 0 ? {} : { perTryTimeoutMs }),
  };
}

function splitConditions(text: string): Pick<RetryPolicy, 'retryOn' | 'retriableStatusCodes'> {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const isCode = (word: string) => /^\d{3}$/.test(word);
  const codes = words.filter(isCode).map(Number);
  const conditions = words.filter((word) => !isCode(word));
  if (codes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { retryOn: conditions.join(','), retriableStatusCodes: codes };
}
