import type { Diagnostic } from '../../resource.ts';
import { errorIf, type Path } from '../../schema/findings.ts';

/**
 * Localities as region/zone/subzone, maybe ending in `*`: none may have empty parts or lie within an earlier one.
 * A wildcard after what it covers is the rest, and allowed.
 */
export function checkLocalities(localities: readonly string[], path: Path): Diagnostic[] {
  const places = new Set<string>();
  const around = new Set<string>();
  return localities.flatMap((locality) => {
    const prefixes = prefixesOf(locality);
    const place = prefixes.at(-1) ?? '';
    const covered = places.has('') || prefixes.some((prefix) => places.has(prefix));
    const covers = !locality.endsWith('*') && around.has(place);
    places.add(place);
    for (const prefix of prefixes) around.add(prefix);
    return [
      ...errorIf(!isLocality(locality), path, `"${locality}" is no locality: region/zone/subzone, * at the end only`),
      ...errorIf(covered || covers, path, `the locality ${locality} overlaps with an earlier one`),
    ];
  });
}

function isLocality(locality: string): boolean {
  const star = locality.indexOf('*');
  if (star >= 0 && star !== locality.length - 1) return false;
  return locality.split('/', 3).every((part) => part !== '');
}

/** `us`, `us/a` and `us/a/1` of `us/a/1`; what is behind the third part belongs to it. */
function prefixesOf(locality: string): string[] {
  const [region = '', zone, ...rest] = locality.replace(/\/?\*$/, '').split('/');
  const parts = [region, ...(zone === undefined ? [] : [zone]), ...(rest.length === 0 ? [] : [rest.join('/')])];
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
