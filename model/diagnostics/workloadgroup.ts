import type { Reader } from '#graph/types.ts';
import type { StatusFact } from '../types/facts.ts';
import { type DiagnosticParts, notHonoured } from './parts.ts';
import { networkFacts } from './workloadentry.ts';

export function workloadGroupFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const template = reader.get(parts.inputs.workloadGroups, key)?.spec.template;
  if (template === undefined) return [];
  return [
    ...(template.address ? [notHonoured('spec.template.address', 'each workload has its own address')] : []),
    ...networkFacts(template, 'spec.template'),
  ];
}
