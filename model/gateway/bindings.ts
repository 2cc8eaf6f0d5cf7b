/** Which VirtualServices a Gateway's server serves, and under which hosts. */
import type { Reader } from '#graph/types.ts';
import { type PlacedServer, splitServerHost } from '../frontend/istio/gatewayservers.ts';
import { exportsOf, type VirtualServiceConfig, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { intersectHosts } from '../hosts.ts';
import { hostsOf } from '../inputs.ts';
import { compareAge, exportedTo } from '../selection.ts';

export interface Binding {
  readonly config: VirtualServiceConfig;
  /** Hosts that both sides name, the narrower form of each. */
  readonly hosts: readonly string[];
}

/** Oldest first. `client`: the router's namespace, to which the resources must be exported. */
export function boundVirtualServices(
  reader: Reader,
  queries: VirtualServiceQueries,
  server: PlacedServer,
  client: string,
): readonly Binding[] {
  const own = server.gateway.slice(0, server.gateway.indexOf('/'));
  const served = server.hosts.map((host) => splitServerHost(host, own));
  return [...reader.bucket(queries.inputs.virtualServices, 'gateway', server.gateway)]
    .filter((config) => exportedTo(exportsOf(reader, queries.settings, config), config.namespace, client))
    .sort(compareAge)
    .map((config) => ({ config, hosts: matchHosts(config, served, queries.inputs.domainSuffix) }))
    .filter((binding) => binding.hosts.length > 0);
}

function matchHosts(
  config: VirtualServiceConfig,
  served: readonly { readonly namespace: string; readonly host: string }[],
  domainSuffix: string,
): readonly string[] {
  const found = new Set<string>();
  for (const host of hostsOf(config, domainSuffix)) {
    for (const server of served) {
      if (server.namespace !== '*' && server.namespace !== config.namespace) continue;
      const both = intersectHosts(host, server.host);
      if (both !== undefined) found.add(both);
    }
  }
  return [...found].sort();
}
