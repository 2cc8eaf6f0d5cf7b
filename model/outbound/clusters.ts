/** Outbound clusters: which ones a view sees, and what each of them is. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import { isLookedUp, isPassthrough, isSeen, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { findCredentials } from '../frontend/istio/credentials.ts';
import { chooseRule, type RuleClient, type RuleEntry, type RuleQueries } from '../frontend/istio/destinationrules.ts';
import { hostWithin, isWildcard } from '../hosts.ts';
import type { MeshInputs } from '../inputs.ts';
import {
  type ClusterKey,
  parseClusterKey,
  parseFields,
  parseLabels,
  parseViewKey,
  renderClusterKey,
  renderFields,
  renderSliceKey,
  sliceFields,
  type ViewKey,
} from '../keys.ts';
import { type PortSet, portsImported } from '../sidecar/hostfilter.ts';
import type { ImportQueries } from '../sidecar/imports.ts';
import { isNarrowed, narrowSlice } from '../sidecar/narrow.ts';
import { importOf, renderScopeKey } from '../sidecar/scope.ts';
import type { Composition, Slice } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';

export interface ClusterListQueries {
  /** By view key. */
  readonly viewClusters: Query<Composition>;
  /** By cluster slice key (a member of `Composition.slices`). */
  readonly clusterSlice: Query<Slice>;
  /** By `ruleViewFields`: the rule in force for each service that a client sees differently from everybody, by service id. */
  readonly ruleOverrides: Query<ReadonlyMap<string, string>>;
}

/** What of a view decides which rules it sees. */
const ruleViewFields = ['ns', 'labels'] as const;
/**
 * A service slice as one kind of proxy uses it: routers balance over the pods of headless services themselves, and have the
 * Secrets that rules name; names are looked up in the families that the proxy has.
 */
const clientFields = ['role', 'lookup'] as const;
const clusterSliceFields = [...sliceFields, ...clientFields] as const;
const serviceClusterFields = ['service', 'rule', ...clientFields] as const;
type Client = Pick<ClusterKey, (typeof clientFields)[number]>;

export interface ClusterListParts {
  readonly inputs: MeshInputs;
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly hosts: HostQueries;
  readonly rules: RuleQueries;
  readonly imports: ImportQueries;
}

export function defineClusterLists(graph: Graph, parts: ClusterListParts): ClusterListQueries {
  const { settings, services, hosts, rules } = parts;

  const serviceClusters = graph.query<readonly string[]>(
    'serviceClusters',
    (reader, key) => {
      const fields = parseFields(serviceClusterFields, key);
      const service = reader.read(services.service, fields.service);
      if (service === undefined) return [];
      const rule = reader.read(rules.mergedRule, fields.rule);
      // A cluster that looks up the name of each request has nothing to choose subsets from.
      const subsets = service.resolution === 'dynamic-dns' ? [] : rule.subsets;
      const role = isPassthrough(service) || findCredentials(rule).length > 0 ? fields.role : '';
      const lookup = isLookedUp(service) ? fields.lookup : '';
      return service.ports.flatMap((port) =>
        ['', ...subsets.map((subset) => subset.name)].map((subset) =>
          renderClusterKey({ service: service.id, port: String(port.port), subset, rule: fields.rule, role, lookup }),
        ),
      );
    },
    { equal: sameData },
  );
  const readClusters = (reader: Reader, service: string, rule: string, { role, lookup }: Client) =>
    reader.read(serviceClusters, renderFields(serviceClusterFields, { service, rule, role, lookup }));

  const clusterSlice: Query<Slice> = graph.query<Slice>(
    'clusterSlice',
    (reader, key) => {
      const { owner, filter, ...slice } = parseFields(clusterSliceFields, key);
      if (isNarrowed({ owner, filter })) {
        const whole = reader.read(clusterSlice, renderFields(clusterSliceFields, slice));
        return narrowSlice(whole, { owner, filter }, ofPorts);
      }
      const { rootNamespace } = reader.read(settings, '');
      return reader.read(services.serviceSlice, renderSliceKey(slice)).flatMap((id) => {
        const service = reader.read(services.service, id);
        if (service === undefined) return [];
        const rule = chooseRule(reader, rules, rootNamespace, service, undefined);
        return { service: id, keys: readClusters(reader, id, rule, slice) };
      });
    },
    { equal: sameData },
  );

  const ruleOverrides = graph.query<ReadonlyMap<string, string>>(
    'ruleOverrides',
    (reader, key) => {
      const view = parseFields(ruleViewFields, key);
      const client: RuleClient = { namespace: view.ns, labels: parseLabels(view.labels) };
      const { rootNamespace } = reader.read(settings, '');
      const found = new Map<string, string>();
      for (const service of servicesUnder(reader, services, reader.read(rules.rulesFor, view.ns), view.ns)) {
        const rule = chooseRule(reader, rules, rootNamespace, service, client);
        if (rule !== chooseRule(reader, rules, rootNamespace, service, undefined)) found.set(service.id, rule);
      }
      return found;
    },
    { equal: sameData },
  );

  /** What a Sidecar imports; undefined when that is everything. */
  const scopedClusters = (
    reader: Reader,
    view: ViewKey,
    changed: ReadonlyMap<string, string>,
  ): Composition | undefined => {
    const key = renderScopeKey(view);
    const scope = reader.read(parts.imports.sidecarScope, key);
    if (scope.whole) return undefined;
    const { rootNamespace } = reader.read(settings, '');
    const { slices, services: named, owners, hidden } = reader.read(parts.imports.scopeServices, key);
    const client: Client = { role: '', lookup: view.families };
    const suffix = renderFields(clientFields, client);
    const overrides = new Map<string, readonly string[]>();
    for (const [id, ports] of named) {
      const service = reader.read(services.service, id);
      if (service === undefined) continue;
      // What a Sidecar alone shows its clients has no rule among those that they see anyway.
      const asked = owners.has(service.hostname) ? { namespace: view.ns, labels: parseLabels(view.labels) } : undefined;
      const rule = changed.get(id) ?? chooseRule(reader, rules, rootNamespace, service, asked);
      overrides.set(id, ofPorts(readClusters(reader, id, rule, client), ports));
    }
    for (const id of hidden) overrides.set(id, []);
    const imports = scope.listeners.map(importOf);
    for (const [id, rule] of changed) {
      const ports = overrides.has(id) ? undefined : portsImported(imports, id);
      if (ports !== undefined) overrides.set(id, ofPorts(readClusters(reader, id, rule, client), ports));
    }
    return {
      slices: slices.map((slice) => (suffix === '' ? slice : `${slice};${suffix}`)),
      overrides,
      extra: specialClusterKeys(reader.read(settings, ''), view),
    };
  };

  const viewClusters = graph.query<Composition>(
    'viewClusters',
    (reader, key) => {
      const view = parseViewKey(key);
      const client: Client = { role: view.role === 'router' ? 'router' : '', lookup: view.families };
      const changed = reader.read(ruleOverrides, renderFields(ruleViewFields, view));
      if (view.sidecar !== '') {
        const scoped = scopedClusters(reader, view, changed);
        if (scoped !== undefined) return scoped;
      }
      const suffix = renderFields(clientFields, client);
      const slices = reader
        .read(services.visibleSlices, view.ns)
        .map((slice) => (suffix === '' ? slice : `${slice};${suffix}`));
      const overrides = new Map<string, readonly string[]>();
      for (const [service, rule] of changed) {
        overrides.set(service, readClusters(reader, service, rule, client));
      }
      // Both have the same names, so the one that is seen must stand where it comes before the other.
      for (const [id, by] of reader.read(hosts.hiddenServices, view.ns)) {
        overrides.set(id, []);
        const service = overrides.has(by) ? undefined : reader.read(services.service, by);
        if (service === undefined) continue;
        const { rootNamespace } = reader.read(settings, '');
        const rule = chooseRule(reader, rules, rootNamespace, service, undefined);
        overrides.set(by, readClusters(reader, by, rule, client));
      }
      return { slices, overrides, extra: specialClusterKeys(reader.read(settings, ''), view) };
    },
    { equal: sameData },
  );

  return { viewClusters, clusterSlice, ruleOverrides };
}

function ofPorts(keys: readonly string[], ports: PortSet): readonly string[] {
  return ports === 'all' ? keys : keys.filter((key) => ports.includes(Number(parseClusterKey(key).port)));
}

/** The clusters for what is nobody's. */
function specialClusterKeys({ outboundTrafficPolicy }: MeshSettings, view: ViewKey): readonly string[] {
  const keys = ['BlackHoleCluster', 'PassthroughCluster'].map((special) => renderClusterKey({ special }));
  if (outboundTrafficPolicy !== 'ALLOW_ANY_DYNAMIC_DNS' || view.role === 'router') return keys;
  return [...keys, renderClusterKey({ special: 'AllowAnyDynamicDNSCluster', lookup: view.families })];
}

/** Visible services that an entry's host stands for. A wildcard looks through everything that the client sees. */
function servicesUnder(
  reader: Reader,
  services: ServiceQueries,
  entries: readonly RuleEntry[],
  client: string,
): readonly MeshService[] {
  const ids = new Set<string>();
  const wildcards = entries.filter((entry) => isWildcard(entry.host));
  for (const entry of entries) {
    if (!isWildcard(entry.host)) for (const id of reader.read(services.servicesByHostname, entry.host)) ids.add(id);
  }
  if (wildcards.length > 0) {
    for (const slice of reader.read(services.visibleSlices, client)) {
      for (const id of reader.read(services.serviceSlice, slice)) {
        const hostname = id.slice(id.indexOf('/') + 1);
        if (wildcards.some((entry) => hostWithin(hostname, entry.host))) ids.add(id);
      }
    }
  }
  return [...ids].sort().flatMap((id) => {
    const service = reader.read(services.service, id);
    return service !== undefined && isSeen(reader, services, service, client) ? [service] : [];
  });
}
