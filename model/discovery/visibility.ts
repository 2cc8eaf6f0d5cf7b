/** How far the mesh lets the hosts of ServiceEntries be seen, whatever their exportTo says: MeshConfig.serviceEntryVisibility. */
import type { Graph, Query } from '#graph/types.ts';
import type { MeshInputs } from '../inputs.ts';
import { matchesLabels } from '../selection.ts';
import type { EntryVisibility, MeshSettings } from '../types/settings.ts';

/** `entryVisibility`: by `cluster/namespace`, of the ServiceEntries in it. The first policy whose rules all match decides. */
export function defineEntryVisibility(
  graph: Graph,
  inputs: MeshInputs,
  settings: Query<MeshSettings>,
): Query<EntryVisibility> {
  return graph.query<EntryVisibility>('entryVisibility', (reader, key) => {
    const { entryVisibility } = reader.read(settings, '');
    if (entryVisibility === undefined) return 'PUBLIC';
    const labels = reader.get(inputs.namespaces, key)?.labels ?? {};
    const policy = entryVisibility.policies.find(({ namespaces }) =>
      namespaces.every((selector) => selector !== undefined && matchesLabels(selector, labels)),
    );
    return policy?.visibility ?? entryVisibility.byDefault;
  });
}

/** An export list within what the mesh allows; it only ever becomes narrower. */
export function capExports(
  exportTo: readonly string[],
  namespace: string,
  visibility: EntryVisibility,
): readonly string[] {
  if (visibility === 'PUBLIC') return exportTo;
  const reachesOwn = exportTo.some((target) => target === '*' || target === '.' || target === namespace);
  return visibility === 'NAMESPACE' && reachesOwn ? ['.'] : ['~'];
}
