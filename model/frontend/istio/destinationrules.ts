/** Which DestinationRule is in force for a service and a client: client namespace, then service namespace, then root. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../../equality.ts';
import { compareSpecificity, hostWithin, resolveHost } from '../../hosts.ts';
import { EXPORTED_BY_DEFAULT, type MeshInputs } from '../../inputs.ts';
import { renderObjectKey } from '../../keys.ts';
import { compareAge, exportedTo, selects } from '../../selection.ts';
import type { DestinationRuleSpec, Subset, TrafficPolicy } from '../../specs.ts';
import type { Config } from '../../types/inputs.ts';
import type { MeshSettings } from '../../types/settings.ts';

/** Rules of one namespace for one host; several with the same reach act as one, the oldest leading. */
export interface RuleEntry {
  readonly host: string;
  readonly namespace: string;
  readonly exportTo: readonly string[];
  /** Client workloads it is meant for; absent means all. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Input keys, oldest first. */
  readonly keys: readonly string[];
}

/** What the merged rules say. */
export interface MergedRule {
  /** Whether it is meant for some workloads of its namespace, which may have its Secrets. */
  readonly selects: boolean;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets: readonly Subset[];
}

export interface RuleQueries {
  /** By namespace: entries, the most specific host first. */
  readonly rulesOf: Query<readonly RuleEntry[]>;
  /** By `rule` of a cluster key. */
  readonly mergedRule: Query<MergedRule>;
  /** Entries that clients of a namespace may see differently from everybody, by namespace. */
  readonly rulesFor: Query<readonly RuleEntry[]>;
}

export function defineRules(graph: Graph, inputs: MeshInputs, settings: Query<MeshSettings>): RuleQueries {
  const rulesOf = graph.query<readonly RuleEntry[]>(
    'destinationRules.of',
    (reader, namespace) => {
      const { defaultDestinationRuleExportTo } = reader.read(settings, '');
      const configs = [...reader.bucket(inputs.destinationRules, 'namespace', namespace)].sort(compareAge);
      return mergeEntries(configs, inputs.domainSuffix, defaultDestinationRuleExportTo);
    },
    { equal: sameData },
  );

  const mergedRule = graph.query<MergedRule>(
    'destinationRules.merged',
    (reader, rule) => {
      const specs = rule
        .split(',')
        .flatMap((key) => (key === '' ? [] : (reader.get(inputs.destinationRules, key)?.spec ?? [])));
      return mergeSpecs(specs);
    },
    { equal: sameData },
  );

  const rulesFor = graph.query<readonly RuleEntry[]>(
    'destinationRules.for',
    (reader, namespace) => {
      const { defaultDestinationRuleExportTo } = reader.read(settings, '');
      const exporting = [
        ...reader.bucket(inputs.destinationRules, 'exportedTo', namespace),
        ...(defaultDestinationRuleExportTo.includes(namespace)
          ? reader.bucket(inputs.destinationRules, 'exportedTo', EXPORTED_BY_DEFAULT)
          : []),
      ];
      const foreign = new Set(exporting.map((config) => config.namespace).filter((owner) => owner !== namespace));
      const exported = [...foreign]
        .sort()
        .flatMap((owner) => reader.read(rulesOf, owner))
        .filter((entry) => !entry.exportTo.includes('*') && exportedTo(entry.exportTo, entry.namespace, namespace));
      return [...reader.read(rulesOf, namespace), ...exported];
    },
    { equal: sameData },
  );

  return { rulesOf, mergedRule, rulesFor };
}

function mergeEntries(
  configs: readonly Config<DestinationRuleSpec>[],
  domainSuffix: string,
  defaultExportTo: readonly string[],
): readonly RuleEntry[] {
  const entries = new Map<string, RuleEntry>();
  for (const config of configs) {
    const host = resolveHost(config.spec.host, config.namespace, domainSuffix);
    const exportTo = config.spec.exportTo?.length ? [...config.spec.exportTo].sort() : defaultExportTo;
    const selector = config.spec.workloadSelector?.matchLabels;
    const identity = JSON.stringify([host, exportTo, selector ?? null]);
    const key = renderObjectKey(config.cluster, config.namespace, config.name);
    const known = entries.get(identity);
    entries.set(identity, {
      host,
      namespace: config.namespace,
      exportTo,
      ...(selector === undefined ? {} : { selector }),
      keys: [...(known?.keys ?? []), key],
    });
  }
  // Sorting is stable: among equally specific ones those with a selector lead, then the oldest.
  return [...entries.values()].sort(
    (a, b) => compareSpecificity(a.host, b.host) || Number(b.selector !== undefined) - Number(a.selector !== undefined),
  );
}

/** The first policy wins; subsets add up, the first of a name wins. */
function mergeSpecs(specs: readonly DestinationRuleSpec[]): MergedRule {
  const trafficPolicy = specs.find((spec) => spec.trafficPolicy !== undefined)?.trafficPolicy;
  const subsets = new Map<string, Subset>();
  for (const spec of specs) {
    for (const subset of spec.subsets ?? []) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  return {
    // Only rules with one selector are merged.
    selects: specs[0]?.workloadSelector?.matchLabels !== undefined,
    ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
    subsets: [...subsets.values()],
  };
}

/** Who asks: a namespace and the tested labels of a client, or nobody in particular (what everybody sees alike). */
export interface RuleClient {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The `rule` of a cluster key: keys of the rules in force, or empty. */
export function chooseRule(
  reader: Reader,
  queries: Pick<RuleQueries, 'rulesOf'>,
  rootNamespace: string,
  service: { readonly namespace: string; readonly hostname: string },
  client: RuleClient | undefined,
): string {
  if (client !== undefined && client.namespace !== rootNamespace) {
    const own = reader
      .read(queries.rulesOf, client.namespace)
      .find((entry) => matches(entry, service.hostname) && selects(entry.selector ?? {}, client.labels));
    if (own !== undefined) return own.keys.join(',');
  }
  for (const namespace of new Set([service.namespace, rootNamespace])) {
    const exported = reader
      .read(queries.rulesOf, namespace)
      .find((entry) => matches(entry, service.hostname) && reaches(entry, client));
    if (exported !== undefined) return exported.keys.join(',');
  }
  return '';
}

const matches = (entry: RuleEntry, hostname: string): boolean => hostWithin(hostname, entry.host);

function reaches(entry: RuleEntry, client: RuleClient | undefined): boolean {
  if (entry.selector !== undefined) {
    return client?.namespace === entry.namespace && selects(entry.selector, client.labels);
  }
  return client === undefined
    ? entry.exportTo.includes('*')
    : exportedTo(entry.exportTo, entry.namespace, client.namespace);
}
