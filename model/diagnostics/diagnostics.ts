/** What is wrong with one user resource, in the words its author reads in its status. */
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { parseResourceKey } from '../keys.ts';
import type { StatusFact } from '../types/facts.ts';
import { destinationRuleFacts } from './destinationrule.ts';
import { gatewayFacts } from './gateway.ts';
import type { DiagnosticParts } from './parts.ts';
import { peerAuthenticationFacts } from './peerauthentication.ts';
import { serviceEntryFacts } from './serviceentry.ts';
import { sidecarFacts } from './sidecar.ts';
import { virtualServiceFacts } from './virtualservice.ts';
import { workloadEntryFacts } from './workloadentry.ts';
import { workloadGroupFacts } from './workloadgroup.ts';

/** `diagnostics`: by `Kind/cluster/namespace/name`; empty for what is absent, invalid, or of a kind without an effect yet. */
export function defineDiagnostics(graph: Graph, parts: DiagnosticParts): Query<readonly StatusFact[]> {
  return graph.query<readonly StatusFact[]>(
    'diagnostics',
    (reader, text) => {
      const { kind, objectKey } = parseResourceKey(text);
      switch (kind) {
        case 'VirtualService':
          return virtualServiceFacts(reader, parts, objectKey);
        case 'DestinationRule':
          return destinationRuleFacts(reader, parts, objectKey);
        case 'Gateway':
          return gatewayFacts(reader, parts, objectKey);
        case 'PeerAuthentication':
          return peerAuthenticationFacts(reader, parts, objectKey);
        case 'Sidecar':
          return sidecarFacts(reader, parts, objectKey);
        case 'ServiceEntry':
          return serviceEntryFacts(reader, parts, objectKey);
        case 'WorkloadEntry':
          return workloadEntryFacts(reader, parts, objectKey);
        case 'WorkloadGroup':
          return workloadGroupFacts(reader, parts, objectKey);
        default:
          return [];
      }
    },
    { equal: sameData },
  );
}
