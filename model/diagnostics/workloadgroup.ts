import type { Reader } from '#graph/types.ts';
import type { StatusFact } from '../types/facts.ts';
import type { DiagnosticParts } from './parts.ts';
import { networkFacts } from './workloadentry.ts';

export function workloadGroupFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const template = reader.get(parts.inputs.workloadGroups, key)?.spec.template;
  if (template === undefined) return [];
  return [
    ...(template.address
      ? [{ type: 'NotHonoured', path: 'spec.template.address', message: 'each workload has its own address' } as const]
      : []),
    ...networkFacts(template, 'spec.template'),
  ];
}
