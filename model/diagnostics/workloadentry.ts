import type { Reader } from '#graph/types.ts';
import type { StatusFact } from '../types/facts.ts';
import type { DiagnosticParts } from './parts.ts';

/** Without an address it would be reached through a gateway of its network. */
export function workloadEntryFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.workloadEntries, key);
  if (config === undefined || config.spec.address) return [];
  return [{ type: 'NotHonoured', path: 'spec.address', message: 'a workload without an address is not reached' }];
}
