import type { Diagnostic } from '../../resource.ts';
import { errorIf, type Path } from '../../schema/findings.ts';

/**
 * Localities as region/zone/subzone, maybe ending in `*`: none may have empty parts or lie within an earlier one.
 * A wildcard after what it covers is the rest, and allowed.
 */
export function checkLocalities(localities: readonly string[], path: Path): Diagnostic[] {
  return localities.flatMap((locality, index) => {
    const earlier = localities.slice(0, index);
    const overlap = earlier.find(
      (other) => covers(other, locality) || (covers(locality, other) && !locality.endsWith('*')),
    );
    return [
      ...errorIf(!isLocality(locality), path, `"${locality}" is no locality: region/zone/subzone, * at the end only`),
      ...errorIf(overlap !== undefined, path, `the localities ${overlap} and ${locality} overlap`),
    ];
  });
}

function isLocality(locality: string): boolean {
  const star = locality.indexOf('*');
  if (star >= 0 && star !== locality.length - 1) return false;
  return locality.split('/', 3).every((part) => part !== '');
}

/** Whether every place in `inner` is in `outer`. */
function covers(outer: string, inner: string): boolean {
  if (outer === '*') return true;
  const innerParts = fixedParts(inner);
  return fixedParts(outer).every((part, index) => part === innerParts[index]);
}

function fixedParts(locality: string): string[] {
  return locality.replace(/\/?\*$/, '').split('/');
}
