/** Endpoints of one port, grouped by locality and by how much the client prefers them. */
import { isIP } from 'node:net';
import { portOf, type ServiceEndpoint } from '../discovery/endpoints.ts';
import type { Endpoint, LocalityEndpoints } from '../types/resolved.ts';

export interface Grouping {
  readonly port: string;
  /** Address families that the client has; both when it doesn't say. */
  readonly families: string;
  readonly acceptsMtls: (endpoint: ServiceEndpoint, port: number) => boolean;
  /** Rank of an endpoint; lower ones are used first. Ranks may have gaps. */
  readonly rank: (endpoint: ServiceEndpoint) => number;
  readonly health: (endpoint: ServiceEndpoint) => Pick<Endpoint, 'healthy' | 'draining'>;
}

/** Nearly every endpoint has it. */
const NONE: readonly string[] = [];

interface Group {
  readonly locality: ServiceEndpoint['locality'];
  readonly rank: number;
  readonly endpoints: Endpoint[];
}

/** Ranks become priorities without gaps, as Envoy wants them; so do weights become ones whose sum it takes. */
export function groupEndpoints(
  endpoints: readonly ServiceEndpoint[],
  grouping: Grouping,
): readonly LocalityEndpoints[] {
  const groups = new Map<string, Group>();
  for (const endpoint of endpoints) {
    const port = portOf(endpoint, grouping.port);
    const [address, ...others] = endpoint.addresses.filter((candidate) => reachable(candidate, grouping.families));
    if (port === undefined || address === undefined) continue;
    const { region, zone, subzone } = endpoint.locality;
    const rank = grouping.rank(endpoint);
    const name = `${region}/${zone}/${subzone}/${rank}`;
    const group = groups.get(name) ?? { locality: endpoint.locality, rank, endpoints: [] };
    groups.set(name, group);
    group.endpoints.push({
      address,
      additionalAddresses: others.length === 0 ? NONE : others,
      port,
      weight: endpoint.weight ?? 1,
      ...grouping.health(endpoint),
      acceptsMtls: grouping.acceptsMtls(endpoint, port),
      workload: endpoint.workload,
    });
  }
  const ranks = [...new Set([...groups.values()].map(({ rank }) => rank))].sort((a, b) => a - b);
  const localities = [...groups.keys()].sort().flatMap((name): readonly LocalityEndpoints[] => {
    const group = groups.get(name);
    if (group === undefined) return [];
    const { locality, rank, endpoints: members } = group;
    return [{ locality, endpoints: members, priority: ranks.indexOf(rank), weight: sumWeights(members) }];
  });
  return sumWeights(localities) > MAX_TOTAL ? scaleDown(localities) : localities;
}

/** Envoy refuses endpoints whose weights, or localities of one priority whose weights, add up to more than 32 bits hold. */
const MAX_TOTAL = 0xffff_ffff;

/** The same shares of a smaller sum; nobody's becomes nothing. */
function scaleDown(localities: readonly LocalityEndpoints[]): readonly LocalityEndpoints[] {
  const count = localities.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  const factor = (MAX_TOTAL - count) / sumWeights(localities);
  return localities.map((locality) => {
    const endpoints = locality.endpoints.map((endpoint) => ({
      ...endpoint,
      weight: Math.max(1, Math.floor(endpoint.weight * factor)),
    }));
    return { ...locality, endpoints, weight: sumWeights(endpoints) };
  });
}

function sumWeights(members: readonly { readonly weight: number }[]): number {
  return members.reduce((sum, { weight }) => sum + weight, 0);
}

/** Names and sockets belong to no family. */
function reachable(address: string, families: string): boolean {
  const family = isIP(address);
  return families === '' || family === 0 || families.includes(String(family));
}
