import { RE2JS } from 're2js';
import type { Diagnostic } from '../resource.ts';
import { error, type Path } from '../schema/findings.ts';

/** Istio's limit; it keeps compiling cheap. */
const maxLength = 1024;

/** A regular expression in RE2's syntax, compiled but never run here. */
export function checkExpression(expression: string, path: Path): Diagnostic[] {
  if (expression === '') return [error(path, 'the expression is empty')];
  if (expression.length > maxLength) return [error(path, `the expression is longer than ${maxLength} characters`)];
  try {
    RE2JS.compile(expression);
    return [];
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return [error(path, `is no RE2 expression: ${reason}`)];
  }
}
