import { groups } from '#api/constants.ts';
import { kinds } from '#api/index.ts';

/** Istio's resources by API group: what istiod watches, whose status it writes, and what its validation webhook checks. */
export const meshResources: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(
    Object.groupBy(
      Object.values(kinds).filter(({ group }) => group !== groups.install),
      ({ group }) => group,
    ),
  ).map(([group, members]) => [group, (members ?? []).map(({ plural }) => plural).sort()]),
);
