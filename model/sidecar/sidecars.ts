/** Which Sidecar is in force for a workload. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import { compareAge, selects, sourceOf } from '../selection.ts';
import type { SourceRef } from '../types/identity.ts';

/** Whom a Sidecar is for; without labels, everybody in its namespace. */
export interface SidecarClaim {
  readonly key: string;
  readonly selector: Readonly<Record<string, string>>;
}

/** `sidecarClaims`: by namespace, in the order in which they are asked: those with a selector first, then by age. */
export function defineSidecarClaims(graph: Graph, inputs: MeshInputs): Query<readonly SidecarClaim[]> {
  return graph.query<readonly SidecarClaim[]>(
    'sidecarClaims',
    (reader, namespace) => {
      const claims = [...reader.bucket(inputs.sidecars, 'namespace', namespace)].sort(compareAge).map((config) => ({
        key: renderObjectKey(config.cluster, config.namespace, config.name),
        selector: config.spec.workloadSelector?.labels ?? {},
      }));
      return [...claims.filter((claim) => !isForAll(claim)), ...claims.filter(isForAll)];
    },
    { equal: sameData },
  );
}

export const isForAll = (claim: SidecarClaim): boolean => Object.keys(claim.selector).length === 0;

/** The key of the Sidecar in force: of the workload's namespace, else the one for everybody in the root namespace, else ''. */
export function chooseSidecar(
  reader: Reader,
  claims: Query<readonly SidecarClaim[]>,
  rootNamespace: string,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): string {
  const own = reader.read(claims, workload.namespace).find(({ selector }) => selects(selector, workload.labels));
  return (own ?? reader.read(claims, rootNamespace).find(isForAll))?.key ?? '';
}

/** The Sidecar of a key as what a value comes from; nothing without one. */
export function sidecarSources(reader: Reader, inputs: MeshInputs, key: string): readonly SourceRef[] {
  const config = key === '' ? undefined : reader.get(inputs.sidecars, key);
  return config === undefined ? [] : [sourceOf('Sidecar', config)];
}
