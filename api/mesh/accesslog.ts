/** Formats of access logs. Every listener of the mesh has the same: where Envoy cannot read it, it refuses them all. */
import type { Diagnostic } from '../resource.ts';
import { type LogOperator, logOperators } from './logoperators.ts';
import type { MeshConfig } from './meshconfig.ts';

const path = 'accessLogFormat';

export function checkAccessLog({ accessLogFormat: format = '', accessLogEncoding }: MeshConfig): Diagnostic[] {
  const fields = accessLogEncoding === 'JSON' && format !== '' ? parseFields(format) : format;
  if (fields === undefined)
    return [{ path, message: 'is no JSON object: the usual fields are logged', severity: 'warning' }];
  const faults = new Set(textsOf(fields).flatMap(findFaults));
  return [...faults].map((message) => ({ path, message, severity: 'error' }));
}

/** Undefined for what is no JSON object. */
function parseFields(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** Text, a doubled percent sign, or an operator: its name, its argument and the length. */
const part = /[^%]+|%%|%([A-Z0-9_]+)(?:\((.*?)\))?(?::([0-9]+))?%/y;

function findFaults(format: string): readonly string[] {
  const faults: string[] = [];
  part.lastIndex = 0;
  while (part.lastIndex < format.length) {
    const [whole, name, argument = '', length] = part.exec(format) ?? [];
    if (whole === undefined) return [...faults, 'a % must be doubled, or enclose a command operator'];
    const fault = name === undefined ? undefined : findFault(logOperators.get(name), argument, length !== undefined);
    if (fault !== undefined) faults.push(`${whole} ${fault}`);
  }
  return faults;
}

function findFault(operator: LogOperator | undefined, argument: string, isCut: boolean): string | undefined {
  if (operator === undefined) return 'is no operator that Envoy knows';
  if (operator.argument === 'required' && argument === '') return 'needs an argument in parentheses';
  if (operator.argument === 'none' && argument !== '') return 'takes no argument';
  if (isCut && !operator.length) return 'takes no length';
  return argument === '' || operator.isArgument(argument) ? undefined : 'has an argument that Envoy cannot read';
}
