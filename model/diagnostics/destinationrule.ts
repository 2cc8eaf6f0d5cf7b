import type { Reader } from '#graph/types.ts';
import type { RuleEntry } from '../frontend/istio/destinationrules.ts';
import { hostWithin, isWildcard, resolveHost } from '../hosts.ts';
import type { StatusFact } from '../types/facts.ts';
import { conflicted, type DiagnosticParts, unresolved } from './parts.ts';

export function destinationRuleFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const { inputs, services, rules } = parts;
  const config = reader.get(inputs.destinationRules, key);
  if (config === undefined) return [];
  const host = resolveHost(config.spec.host, config.namespace, inputs.domainSuffix);
  const found = isWildcard(host)
    ? reader.buckets(inputs.services, 'hostname').some((hostname) => hostWithin(hostname, host))
    : reader.read(services.servicesByHostname, host).length > 0;
  const entry = reader.read(rules.rulesOf, config.namespace).find((candidate) => candidate.keys.includes(key));
  return [
    ...(found ? [] : [unresolved('spec.host', `${host} is no service of the mesh`)]),
    ...(entry === undefined ? [] : mergeFacts(reader, parts, key, entry)),
  ];
}

/** What older rules for the same host already say. */
function mergeFacts(reader: Reader, parts: DiagnosticParts, key: string, entry: RuleEntry): readonly StatusFact[] {
  const specOf = (other: string) => reader.get(parts.inputs.destinationRules, other)?.spec;
  const own = specOf(key);
  const older = entry.keys.slice(0, entry.keys.indexOf(key));
  const nameOf = (other: string) => other.split('/').slice(1).join('/');
  const facts: StatusFact[] = [];
  const policy = older.find((other) => specOf(other)?.trafficPolicy !== undefined);
  if (own?.trafficPolicy !== undefined && policy !== undefined) {
    facts.push(
      conflicted('spec.trafficPolicy', `the older DestinationRule ${nameOf(policy)} sets the policy of ${entry.host}`),
    );
  }
  for (const [at, subset] of (own?.subsets ?? []).entries()) {
    const taken = older.find((other) => specOf(other)?.subsets?.some((candidate) => candidate.name === subset.name));
    if (taken === undefined) continue;
    facts.push(
      conflicted(
        `spec.subsets[${at}].name`,
        `the older DestinationRule ${nameOf(taken)} declares subset ${subset.name}`,
      ),
    );
  }
  return facts;
}
