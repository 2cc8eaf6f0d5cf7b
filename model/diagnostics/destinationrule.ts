import type { Reader } from '#graph/types.ts';
import { findCredentials } from '../frontend/istio/credentials.ts';
import type { RuleEntry } from '../frontend/istio/destinationrules.ts';
import { hostWithin, isWildcard, resolveHost } from '../hosts.ts';
import { rootsNameOf } from '../secretnames.ts';
import type { DestinationRuleSpec } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import type { Config } from '../types/inputs.ts';
import { conflicted, type DiagnosticParts, unresolved } from './parts.ts';
import { certificateAndKey, secretFact, type WantedSecret } from './secrets.ts';

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
    ...credentialFacts(reader, parts, key, config),
    ...(entry === undefined ? [] : mergeFacts(reader, parts, key, entry)),
  ];
}

/** Secrets must be in the namespace of the proxies that use them, not in that of the rule. */
function credentialFacts(
  reader: Reader,
  parts: DiagnosticParts,
  key: string,
  { spec }: Config<DestinationRuleSpec>,
): readonly StatusFact[] {
  const places = reader.read(parts.secrets.rulePlaces, key);
  const selects = spec.workloadSelector?.matchLabels !== undefined;
  return findCredentials(spec).flatMap(({ path, name, tls }) => {
    if (places.length === 0)
      return [
        unresolved(path, 'no gateway sees the rule, and without workloadSelector no sidecar may have its Secret'),
      ];
    const roots = { kind: 'roots', lack: 'the roots that servers are checked against' } as const;
    const wanted: readonly WantedSecret[] = [
      ...(tls.mode === 'MUTUAL' ? [{ path, name, ...certificateAndKey }] : []),
      ...(tls.insecureSkipVerify ? [] : [{ path, name: rootsNameOf(name), ...roots }]),
    ];
    const where = `where the ${selects ? 'workloads run' : 'gateway runs'}`;
    return places.flatMap((place) =>
      wanted.flatMap((secret) => secretFact(reader, parts.secrets, place, secret, where)),
    );
  });
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
