import { portOf, type ServiceEndpoint } from '../discovery/endpoints.ts';
import type { Endpoint, LocalityEndpoints } from '../types/resolved.ts';

/** Endpoints of one port by locality, in the address families that the client has (both when it doesn't say). */
export function groupEndpoints(
  endpoints: readonly ServiceEndpoint[],
  portName: string,
  families: string,
  acceptsMtls: (endpoint: ServiceEndpoint, port: number) => boolean,
): readonly LocalityEndpoints[] {
  const groups = new Map<string, { readonly locality: ServiceEndpoint['locality']; readonly endpoints: Endpoint[] }>();
  for (const endpoint of endpoints) {
    const port = portOf(endpoint, portName);
    const [address, ...additionalAddresses] = endpoint.addresses.filter((candidate) => reachable(candidate, families));
    if (port === undefined || address === undefined) continue;
    const { region, zone, subzone } = endpoint.locality;
    const name = `${region}/${zone}/${subzone}`;
    const group = groups.get(name) ?? { locality: endpoint.locality, endpoints: [] };
    groups.set(name, group);
    group.endpoints.push({
      address,
      additionalAddresses,
      port,
      weight: 1,
      healthy: true,
      draining: false,
      acceptsMtls: acceptsMtls(endpoint, port),
      workload: endpoint.workload,
    });
  }
  return [...groups.keys()].sort().flatMap((name) => {
    const group = groups.get(name);
    return group === undefined ? [] : [{ ...group, priority: 0, weight: group.endpoints.length }];
  });
}

function reachable(address: string, families: string): boolean {
  return families === '' || families.includes(address.includes(':') ? '6' : '4');
}
