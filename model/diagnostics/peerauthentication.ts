import type { Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { renderObjectKey } from '../keys.ts';
import { compareAge } from '../selection.ts';
import type { StatusFact } from '../types/facts.ts';
import { conflicted, type DiagnosticParts } from './parts.ts';

/** Of several policies with the same reach the oldest is in force. */
export function peerAuthenticationFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const { peerAuthentications } = parts.inputs;
  const config = reader.get(peerAuthentications, key);
  if (config === undefined) return [];
  const selector = config.spec.selector?.matchLabels ?? {};
  const [inForce] = reader
    .bucket(peerAuthentications, 'namespace', config.namespace)
    .filter((other) => sameData(other.spec.selector?.matchLabels ?? {}, selector))
    .sort(compareAge);
  if (inForce === undefined || renderObjectKey(inForce.cluster, inForce.namespace, inForce.name) === key) return [];
  return [
    conflicted('spec.selector', `the older PeerAuthentication ${inForce.name} is in force for the same workloads`),
  ];
}
