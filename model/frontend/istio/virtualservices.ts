/** Which VirtualService routes a host for sidecars. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../../equality.ts';
import { compareSpecificity, hostWithin, isWildcard } from '../../hosts.ts';
import type { MeshInputs } from '../../inputs.ts';
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
 * The resource in force for a host: the most specific of its hosts counts, then what is exported to few before what
 * is public, then age. Without a client: what everybody sees.
 */
export function chooseVirtualService(
  reader: Reader,
  queries: VirtualServiceQueries,
  hostname: string,
  client: string | undefined,
): VirtualServiceConfig | undefined {
  const wide = reader
    .read(queries.wildcards, '')
    .filter((wildcard) => wildcard !== hostname && hostWithin(hostname, wildcard));
  for (const host of [hostname, ...wide]) {
    const [chosen] = claimants(reader, queries, host, client);
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

/** `by` of a key where a Sidecar keeps its clients from seeing any VirtualService of a host. */
export const NO_ROUTE = 'none';

/** The resource that a key names in `by`, or else the one in force for its client. */
export function readVirtualService(
  reader: Reader,
  queries: VirtualServiceQueries,
  hostname: string,
  key: { readonly by: string; readonly client: string },
): VirtualServiceConfig | undefined {
  if (key.by === NO_ROUTE) return undefined;
  if (key.by !== '') return reader.get(queries.inputs.virtualServices, key.by);
  return chooseVirtualService(reader, queries, hostname, key.client === '' ? undefined : key.client);
}

/** All that claim exactly this host for a client, the one in force first. */
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
