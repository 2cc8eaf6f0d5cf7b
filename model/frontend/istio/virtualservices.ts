/** Which VirtualServices route a host for sidecars. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../../equality.ts';
import { compareSpecificity, hostWithin, isWildcard } from '../../hosts.ts';
import type { MeshInputs } from '../../inputs.ts';
import { renderObjectKey } from '../../keys.ts';
import { compareAge, exportedTo, isPublic } from '../../selection.ts';
import type { VirtualServiceSpec } from '../../specs.ts';
import type { Config } from '../../types/inputs.ts';
import type { MeshSettings } from '../../types/settings.ts';

export type VirtualServiceConfig = Config<VirtualServiceSpec>;

export interface VirtualServiceQueries {
  readonly settings: Query<MeshSettings>;
  readonly inputs: MeshInputs;
  /** Key '': wildcard hosts in use, the most specific first. */
  readonly wildcards: Query<readonly string[]>;
}

export function defineVirtualServices(
  graph: Graph,
  inputs: MeshInputs,
  settings: Query<MeshSettings>,
): VirtualServiceQueries {
  const wildcards = graph.query<readonly string[]>(
    'virtualServices.wildcards',
    (reader) => reader.buckets(inputs.virtualServices, 'host').filter(isWildcard).sort(compareSpecificity),
    { equal: sameData },
  );
  return { settings, inputs, wildcards };
}

export function exportsOf(
  reader: Reader,
  settings: Query<MeshSettings>,
  config: VirtualServiceConfig,
): readonly string[] {
  const own = config.spec.exportTo ?? [];
  return own.length > 0 ? own : reader.read(settings, '').defaultVirtualServiceExportTo;
}

/**
 * The resources that may route a host, in the order in which they are asked: the most specific of their hosts counts, then
 * what is exported to few before what is public, then age. Without a client: what everybody sees. One after the other, so
 * that a reader depends on no more of them than it needs.
 */
export function* findVirtualServices(
  reader: Reader,
  queries: VirtualServiceQueries,
  hostname: string,
  client: string | undefined,
): Iterable<VirtualServiceConfig> {
  const seen = new Set<string>();
  const wide = reader
    .read(queries.wildcards, '')
    .filter((wildcard) => wildcard !== hostname && hostWithin(hostname, wildcard));
  for (const host of [hostname, ...wide]) {
    for (const config of claimants(reader, queries, host, client)) {
      const key = keyOf(config);
      if (!seen.has(key)) yield config;
      seen.add(key);
    }
  }
}

/** `by` of a key where a Sidecar keeps its clients from seeing any VirtualService of a host. */
export const NO_ROUTE = 'none';

/** `by` of a key: the keys of VirtualServices in the order in which they are asked. */
export const renderBy = (configs: Iterable<VirtualServiceConfig>): string => [...configs].map(keyOf).join(',');

const keyOf = ({ cluster, namespace, name }: VirtualServiceConfig): string => renderObjectKey(cluster, namespace, name);

/** The resources that a key names in `by`, or else those that its client sees, in the order in which they are asked. */
export function* readVirtualServices(
  reader: Reader,
  queries: VirtualServiceQueries,
  hostname: string,
  key: { readonly by: string; readonly client: string },
): Iterable<VirtualServiceConfig> {
  if (key.by === NO_ROUTE) return;
  if (key.by === '') yield* findVirtualServices(reader, queries, hostname, key.client === '' ? undefined : key.client);
  for (const name of key.by === '' ? [] : key.by.split(',')) {
    const config = reader.get(queries.inputs.virtualServices, name);
    if (config !== undefined) yield config;
  }
}

/** All that claim exactly this host for a client, the one that is asked first in front. */
export function claimants(
  reader: Reader,
  queries: VirtualServiceQueries,
  host: string,
  client: string | undefined,
): readonly VirtualServiceConfig[] {
  const reach = (config: VirtualServiceConfig): number => {
    const exportTo = exportsOf(reader, queries.settings, config);
    if (isPublic(exportTo)) return 1;
    return client !== undefined && exportedTo(exportTo, config.namespace, client) ? 0 : 2;
  };
  return reader
    .bucket(queries.inputs.virtualServices, 'host', host)
    .map((config) => ({ config, reach: reach(config) }))
    .filter((candidate) => candidate.reach < 2)
    .sort((a, b) => a.reach - b.reach || compareAge(a.config, b.config))
    .map((candidate) => candidate.config);
}
