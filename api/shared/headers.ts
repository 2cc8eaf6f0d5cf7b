/** Header names and values as Envoy takes them. */
import type { Diagnostic } from '../resource.ts';
import { error, errorIf, type Path } from '../schema/findings.ts';

const token = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/;
const pseudoHeaders = new Set([':method', ':scheme', ':authority', ':path', ':status']);

export const isHeaderName = (name: string): boolean => token.test(name);

/** A header that a match may name: also a pseudo header, or a claim as `@request.auth.claims.x`. */
export function checkMatchedHeader(name: string, path: Path): Diagnostic[] {
  const known = pseudoHeaders.has(name) || isClaim(name) || isHeaderName(name);
  return errorIf(!known, path, `"${name}" is no header name`);
}

export const isClaim = (name: string): boolean => /^@request\.auth\.claims(\..|\[.+\]$)/i.test(name);

/** `host` and `:authority` name the same thing. */
export const isAuthority = (name: string): boolean => [':authority', 'host'].includes(name.toLowerCase());

/** A header that may be changed; `authority` tells whether the host may be. */
export function checkChangedHeader(name: string, path: Path, authority: boolean): Diagnostic[] {
  if (name === '') return [error(path, 'the header name is empty')];
  if (isAuthority(name)) return errorIf(!authority, path, `"${name}" cannot be changed here`);
  return errorIf(name.startsWith(':'), path, `"${name}" cannot be changed`);
}

/** A value with Envoy's command operators: each `%` is doubled, or begins or ends an operator such as `%REQ(x)%`. */
export function checkHeaderValue(value: string, path: Path): Diagnostic[] {
  if (hasControlCharacter(value)) return [error(path, 'holds a control character')];
  return errorIf(!isFormat(value), path, 'a % must be doubled, or enclose a command operator');
}

/** Runs of text, doubled percent signs, and operators with optional arguments in parentheses. */
const formatPart = /[^%]+|%%|%[^%(]*(?:\((?:[^\\)]|\\.)*\)[^%]*)?%/y;

/** Whether Envoy can read the text as one with command operators; which operators there are is its own affair. */
function isFormat(value: string): boolean {
  formatPart.lastIndex = 0;
  while (formatPart.lastIndex < value.length) if (!formatPart.test(value)) return false;
  return true;
}

function hasControlCharacter(value: string): boolean {
  return [...value].some((character) => {
    const code = character.codePointAt(0) ?? 0;
    return (code < 0x20 && code !== 0x09) || code === 0x7f;
  });
}
