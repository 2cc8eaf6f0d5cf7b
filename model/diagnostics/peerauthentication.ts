import type { Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { renderObjectKey } from '../keys.ts';
import { renderStandIn } from '../security/peerauthentication.ts';
import { compareAge } from '../selection.ts';
import type { StatusFact } from '../types/facts.ts';
import { conflicted, type DiagnosticParts } from './parts.ts';

/** Of several policies with the same reach the oldest is in force, an invalid one that nothing stands in for among them. */
export function peerAuthenticationFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const { peerAuthentications, invalidConfigs } = parts.inputs;
  const config = reader.get(peerAuthentications, key);
  if (config === undefined) return [];
  const selector = config.spec.selector?.matchLabels ?? {};
  const invalid = reader
    .bucket(invalidConfigs, 'kind', `PeerAuthentication/${config.namespace}`)
    .filter((other) => !other.lastValidInForce);
  const [inForce] = [
    ...reader
      .bucket(peerAuthentications, 'namespace', config.namespace)
      .filter((other) => sameData(other.spec.selector?.matchLabels ?? {}, selector)),
    ...invalid.filter((other) => !other.selectorInDoubt && sameData(other.selector ?? {}, selector)),
  ].sort(compareAge);
  if (inForce !== undefined && renderObjectKey(inForce.cluster, inForce.namespace, inForce.name) !== key) {
    const reach = 'is in force for the same workloads';
    const why = 'errors' in inForce ? ` and invalid: ${renderStandIn(inForce)}` : '';
    return [conflicted('spec.selector', `the older PeerAuthentication ${inForce.name} ${reach}${why}`)];
  }
  if (Object.keys(selector).length > 0) return [];
  return invalid
    .filter((other) => other.selectorInDoubt)
    .map((other) => conflicted('spec', `PeerAuthentication ${other.name} is invalid: ${renderStandIn(other)}`));
}
