/** Which WorkloadEntry a proxy outside of Kubernetes stands behind. */
import type { Reader } from '#graph/types.ts';
import type { MeshInputs } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { WorkloadEntry } from './entryendpoints.ts';

/**
 * By its own addresses, in the network that it says it is in, under the service account of the entry. Of several the first
 * by name counts, for every replica alike.
 */
export function readOwnEntry(reader: Reader, inputs: MeshInputs, facts: ProxyFacts): WorkloadEntry | undefined {
  for (const address of facts.ipAddresses) {
    const [entry] = reader
      .bucket(inputs.workloadEntries, 'address', renderObjectKey(facts.clusterId, facts.namespace, address))
      .filter(({ spec }) => (spec.network ?? '') === facts.network)
      .filter(({ spec }) => !spec.serviceAccount || spec.serviceAccount === facts.serviceAccount)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (entry !== undefined) return entry;
  }
  return undefined;
}
