/** The texts in which policies name identities, ports and paths. */
import type { Diagnostic } from '../resource.ts';
import { errorIf, type Path } from '../schema/findings.ts';

export function checkNotEmpty(text: string, path: Path): Diagnostic[] {
  return errorIf(text === '', path, 'must not be empty');
}

/** `account` or `namespace/account`, without wildcards. */
export function checkAccounts(text: string, path: Path): Diagnostic[] {
  const parts = text.split('/');
  const wrong = parts.length > 2 || parts.some((part) => part === '') || text.includes('*');
  return errorIf(wrong, path, `"${text}" must be written as account or namespace/account`);
}

/** Exact, or with one `*` at either end. */
export function checkWildcard(text: string, path: Path): Diagnostic[] {
  const stars = text.split('*').length - 1;
  const wrong = stars > 1 || (stars === 1 && !text.startsWith('*') && !text.endsWith('*'));
  return errorIf(wrong, path, `"${text}": one * is allowed, at the beginning or the end`);
}

export function checkTrustDomain(text: string, path: Path): Diagnostic[] {
  return [...checkWildcard(text, path), ...errorIf(text.includes('/'), path, 'a trust domain holds no /')];
}

export function checkPortText(text: string, path: Path): Diagnostic[] {
  return errorIf(!/^\d{1,10}$/.test(text) || Number(text) > 65_535, path, `"${text}" is no port`);
}

const literalSegment = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;

/** Text, or a template whose segments are `{*}` (one segment), `{**}` (the rest, once and last) or plain text. */
export function checkPathTemplate(path: string, at: Path): Diagnostic[] {
  const template = path.includes('{*}') || path.includes('{**}');
  const segments = path.replace(/^\/+|\/+$/g, '').split('/');
  const rest = segments.indexOf('{**}');
  const plain = segments.filter((segment) => segment !== '{*}' && segment !== '{**}');
  const afterRest = rest >= 0 && segments.slice(rest + 1).some((segment) => segment === '{*}' || segment === '{**}');
  return [
    ...errorIf(afterRest, at, '{**} must be the last operator'),
    ...errorIf(
      plain.some((segment) => /[{}]/.test(segment)),
      at,
      'braces may hold * or ** only, as a whole segment',
    ),
    ...errorIf(
      template && plain.some((segment) => !/[{}]/.test(segment) && !literalSegment.test(segment)),
      at,
      'a segment of a template must be plain text',
    ),
  ];
}
