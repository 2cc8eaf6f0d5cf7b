import type * as z from 'zod';
import type { Diagnostic } from '../resource.ts';
import { each, error, errorIf, type Path } from '../schema/findings.ts';
import type { Immutable } from '../schema/vocabulary.ts';
import { checkBlock } from '../shared/addresses.ts';
import type { Condition } from './authorizationpolicy.ts';
import { checkAccounts, checkNotEmpty, checkPortText, checkWildcard } from './valuechecks.ts';

type ValueCheck = (text: string, path: Path) => readonly Diagnostic[];

const anyText: ValueCheck = () => [];

/** Attributes by their whole name, with what their values must be. */
const attributes: ReadonlyMap<string, ValueCheck> = new Map([
  ['source.ip', checkBlock],
  ['remote.ip', checkBlock],
  ['source.namespace', anyText],
  ['source.serviceAccount', checkAccounts],
  ['source.principal', anyText],
  ['source.trustDomain', checkWildcard],
  ['request.auth.principal', anyText],
  ['request.auth.audiences', anyText],
  ['request.auth.presenter', anyText],
  ['destination.ip', checkBlock],
  ['destination.port', checkPortText],
  ['connection.sni', anyText],
]);

/** Attributes that are followed by a name in brackets. */
const keyed = ['request.headers', 'request.auth.claims', 'experimental.envoy.filters.'];

const unknownToProvider = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];

export function checkCondition(
  condition: Immutable<z.output<typeof Condition>>,
  path: Path,
  action: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM',
): Diagnostic[] {
  const { key, values = [], notValues = [] } = condition;
  if (key === '') return [error([...path, 'key'], 'must not be empty')];
  if (values.length + notValues.length === 0) return [error(path, 'one of values and notValues is required')];
  const unsupported = unknownToProvider.includes(key) || key.startsWith('request.auth.');
  const check = findCheck(key);
  if (check === undefined) return [error([...path, 'key'], `"${key}" is no attribute`)];
  const checkValue: ValueCheck = (text, at) => (text === '' ? checkNotEmpty(text, at) : check(text, at));
  return [
    ...errorIf(action === 'CUSTOM' && unsupported, [...path, 'key'], `${key} is not supported with CUSTOM`),
    ...each(values, [...path, 'values'], checkValue),
    ...each(notValues, [...path, 'notValues'], checkValue),
  ];
}

function findCheck(key: string): ValueCheck | undefined {
  const named = keyed.some((prefix) => key.startsWith(prefix)) && /^[^[]+\[.+\]$/s.test(key);
  return named ? anyText : attributes.get(key);
}
