import type { FilterChainMatch } from '../types/resolved.ts';

/**
 * Takes from later matches what earlier ones already take, and drops those with nothing left: Envoy refuses a listener
 * two of whose filter chains match the same thing.
 */
export function disjoint<T extends { readonly match: FilterChainMatch }>(chains: readonly T[]): readonly T[] {
  const taken = new Set<string>();
  return chains.flatMap((chain) => {
    const match = withoutTaken(chain.match, taken);
    if (match === undefined) return [];
    for (const place of placesOf(match)) taken.add(place);
    return [match === chain.match ? chain : { ...chain, match }];
  });
}

function withoutTaken(match: FilterChainMatch, taken: ReadonlySet<string>): FilterChainMatch | undefined {
  if (!placesOf(match).some((place) => taken.has(place))) return match;
  if (match.serverNames !== undefined) {
    const serverNames = match.serverNames.filter(
      (name) => !placesOf({ ...match, serverNames: [name] }).some((place) => taken.has(place)),
    );
    return serverNames.length === 0 ? undefined : { ...match, serverNames };
  }
  const prefixRanges = (match.prefixRanges ?? []).filter(
    (range) => !placesOf({ ...match, prefixRanges: [range] }).some((place) => taken.has(place)),
  );
  return prefixRanges.length === 0 ? undefined : { ...match, prefixRanges };
}

/** Every combination of single values that a match stands for. */
function placesOf(match: FilterChainMatch): readonly string[] {
  const ranges = match.prefixRanges ?? [''];
  const names = match.serverNames ?? [''];
  const protocols = match.applicationProtocols ?? [''];
  return ranges.flatMap((range) =>
    names.flatMap((name) =>
      protocols.map((protocol) =>
        [match.destinationPort ?? '', range, name, match.transportProtocol ?? '', protocol].join('|'),
      ),
    ),
  );
}
