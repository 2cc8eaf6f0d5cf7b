/** zod's issues in the words and paths that a user reads. */
import type * as z from 'zod';
import type { Diagnostic } from '../resource.ts';

const plainKey = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `['spec', 'http', 0, 'match']` as `spec.http[0].match`; keys that are no identifiers in brackets and quotes. */
export function renderPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (plainKey.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`;
    else text += `[${JSON.stringify(String(part))}]`;
  }
  return text;
}

/** One diagnostic per issue; `prefix` is where the checked value sits in the resource. */
export function diagnose(error: z.ZodError, value: unknown, prefix: readonly PropertyKey[] = []): Diagnostic[] {
  return error.issues.map((issue) => ({
    path: renderPath([...prefix, ...issue.path]),
    message: describe(issue, valueAt(value, issue.path)),
    severity: 'error',
  }));
}

function describe(issue: z.core.$ZodIssue, actual: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return actual === undefined ? 'is required' : `must be ${withArticle(issue.expected)}, not ${nameOf(actual)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}, not ${nameOf(actual)}`;
    case 'invalid_union':
      return `must be an integer or a string, not ${nameOf(actual)}`;
    case 'too_small':
      return `must ${measure(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${measure(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_format':
      return 'pattern' in issue ? `must match ${issue.pattern}` : issue.message;
    default:
      return issue.message;
  }
}

function measure(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'string') return `be ${bound} ${limit} characters long`;
  if (origin === 'array') return `have ${bound} ${limit} items`;
  return `be ${bound} ${limit}`;
}

function withArticle(type: string): string {
  const words: Readonly<Record<string, string>> = {
    int: 'an integer',
    array: 'a list',
    record: 'an object',
    nan: 'a number',
  };
  return words[type] ?? (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);
}

/** The value itself when it is short, else its type: messages end up in a status. */
function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'null' : 'an object';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `a ${typeof value}` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}
