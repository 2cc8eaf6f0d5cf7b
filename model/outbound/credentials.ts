/** Which proxies may have which of the Secrets that DestinationRules name. */
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { secretsOfRule } from '../frontend/istio/credentials.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseLabels, parseViewKey } from '../keys.ts';
import { secretName } from '../secretnames.ts';
import { exportedTo, selects, sourceOf } from '../selection.ts';
import type { DestinationRuleSpec } from '../specs.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Config } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';

export interface CredentialQueries {
  /** By view key: the SDS names that the rules of such a proxy use, with these rules. */
  readonly viewSecretUsers: Query<ReadonlyMap<string, readonly SourceRef[]>>;
}

export function defineCredentials(graph: Graph, inputs: MeshInputs, settings: Query<MeshSettings>): CredentialQueries {
  const viewSecretUsers = graph.query<ReadonlyMap<string, readonly SourceRef[]>>(
    'viewSecretUsers',
    (reader, key) => {
      const { role, ns, labels } = parseViewKey(key);
      const users = new Map<string, readonly SourceRef[]>();
      for (const config of reader.bucket(inputs.destinationRules, 'credential', 'named')) {
        const exportTo = exportsOf(config, reader.read(settings, ''));
        if (!mayUse(config, exportTo, { role, namespace: ns, labels: parseLabels(labels) })) continue;
        for (const name of secretsOfRule(config.spec).map(secretName))
          users.set(name, [...(users.get(name) ?? []), sourceOf('DestinationRule', config)]);
      }
      return users;
    },
    { equal: sameData },
  );
  return { viewSecretUsers };
}

export const exportsOf = (
  { spec }: Config<DestinationRuleSpec>,
  { defaultDestinationRuleExportTo }: MeshSettings,
): readonly string[] => (spec.exportTo?.length ? spec.exportTo : defaultDestinationRuleExportTo);

/**
 * Gateways may have the Secrets of every rule that they see. Sidecars only those of rules that select them: else each
 * sidecar of the mesh would wait for Secrets that hardly any of them may read.
 */
function mayUse(
  { namespace, spec }: Config<DestinationRuleSpec>,
  exportTo: readonly string[],
  client: { readonly role: string; readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  const selector = spec.workloadSelector?.matchLabels;
  if (selector !== undefined) return namespace === client.namespace && selects(selector, client.labels);
  return client.role === 'router' && exportedTo(exportTo, namespace, client.namespace);
}
