import type { Reader } from '#graph/types.ts';
import type { WorkloadTemplate } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import { type DiagnosticParts, notHonoured } from './parts.ts';

export function workloadEntryFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const spec = reader.get(parts.inputs.workloadEntries, key)?.spec;
  if (spec === undefined) return [];
  return spec.address
    ? networkFacts(spec, 'spec')
    : [notHonoured('spec.address', 'a workload without an address is not reached')];
}

/** Clients of another network would go through its gateway; until they do, they try the address itself. */
export function networkFacts({ network }: WorkloadTemplate, path: string): readonly StatusFact[] {
  if (!network) return [];
  const message = 'reached directly from other networks: gateways of networks have no effect yet';
  return [notHonoured(`${path}.network`, message)];
}
