import type { Query, Reader } from '#graph/types.ts';
import type { Composition, Slice } from './types/resolved.ts';

/** All keys of a composition, in the order slices, overrides of services that no slice names, extra. */
export function readCompositionKeys(
  reader: Pick<Reader, 'read'>,
  slices: Query<Slice>,
  composition: Composition,
): readonly string[] {
  const keys: string[] = [];
  const seen = new Set<string>();
  for (const slice of composition.slices) {
    for (const member of reader.read(slices, slice)) {
      const override = composition.overrides.get(member.service);
      if (override === undefined) keys.push(...member.keys);
      else if (!seen.has(member.service)) {
        seen.add(member.service);
        keys.push(...override);
      }
    }
  }
  for (const [service, override] of composition.overrides) if (!seen.has(service)) keys.push(...override);
  keys.push(...composition.extra);
  return keys;
}
