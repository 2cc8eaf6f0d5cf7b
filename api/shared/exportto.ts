import type { Diagnostic } from '../resource.ts';
import { duplicates, each, errorIf, type Path } from '../schema/findings.ts';
import { isDnsLabel } from './hosts.ts';

/**
 * Who sees a resource: namespaces, `.` for the own one, `*` for all, and for services `~` for nobody.
 * `*` and `~` stand alone; `.` and the own namespace are the same.
 */
export function checkExportTo(
  exportTo: readonly string[] | undefined,
  namespace: string | undefined,
  path: Path,
  options: { readonly nobody?: boolean } = {},
): Diagnostic[] {
  const alone = (exportTo ?? []).find((entry) => entry === '*' || entry === '~');
  return [
    ...each(exportTo, path, (entry, at) => {
      const known = entry === '.' || entry === '*' || (entry === '~' && options.nobody === true) || isDnsLabel(entry);
      return errorIf(!known, at, `"${entry}" is no namespace: a name, . or * is needed`);
    }),
    ...duplicates(
      exportTo,
      path,
      (entry) => (entry === '.' ? (namespace ?? '.') : entry),
      (entry) => `${entry} is listed twice`,
    ),
    ...errorIf(alone !== undefined && (exportTo ?? []).length > 1, path, `${alone} must stand alone`),
  ];
}
