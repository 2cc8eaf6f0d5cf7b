import type { Diagnostic } from '../resource.ts';
import { eachEntry, errorIf, type Path, warningIf } from '../schema/findings.ts';

const name = '(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const dnsLabel = '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?';
const keyPattern = new RegExp(`^(?:(${dnsLabel}(?:\\.${dnsLabel})*)/)?(${name})$`);
const valuePattern = new RegExp(`^(?:${name})?$`);

/** Labels as Kubernetes allows them, values of any length. */
export function checkLabels(labels: Readonly<Record<string, string>> | undefined, path: Path): Diagnostic[] {
  return eachEntry(labels, path, (key, value, at) => [
    ...errorIf(!isLabelKey(key), at, `"${key}" is no label key`),
    ...errorIf(!valuePattern.test(value), at, `"${value}" is no label value`),
  ]);
}

function isLabelKey(key: string): boolean {
  if (key.length > 317) return false;
  const parts = keyPattern.exec(key);
  return parts !== null && (parts[1] ?? '').length <= 253 && (parts[2] ?? '').length <= 63;
}

/** A selector without labels selects everything, which is seldom meant. */
export function checkSelector(
  labels: Readonly<Record<string, string>> | undefined,
  present: boolean,
  path: Path,
): Diagnostic[] {
  const empty = present && Object.keys(labels ?? {}).length === 0;
  const noKey = Object.keys(labels ?? {}).some((key) => key === '' || key.includes('*'));
  return [
    ...errorIf(noKey, path, 'a label key must not be empty or hold a wildcard'),
    ...warningIf(empty, path, 'has no labels and selects every workload of the namespace'),
  ];
}
