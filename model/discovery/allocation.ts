/** Which ServiceEntries get addresses, and what stands in their way. */
import { isIP } from 'node:net';
import { labels } from '#api/constants.ts';
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { isWildcard } from '../hosts.ts';
import type { MeshInputs } from '../inputs.ts';
import type { ServiceEntrySpec } from '../specs.ts';
import type { Config } from '../types/inputs.ts';

/** What a ServiceEntry has of addresses and wants of them. */
export interface AddressDemand {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: number;
  /** Hosts that addresses are allocated for; empty when it needs none. */
  readonly hosts: readonly string[];
  readonly allocated: readonly { readonly value: string; readonly host: string }[];
  /** Single addresses that it declares itself. */
  readonly declared: readonly string[];
}

/** `addressDemands` (key ''): of every ServiceEntry that has, wants or declares some. */
export function defineAddressDemands(graph: Graph, inputs: MeshInputs): Query<readonly AddressDemand[]> {
  const demand = graph.query<AddressDemand | undefined>(
    'addressDemand',
    (reader, key) => {
      const config = reader.get(inputs.serviceEntries, key);
      if (config === undefined) return undefined;
      const { cluster, namespace, name, uid, createdAt } = config;
      const hosts = hostsToAllocate(config);
      const allocated = config.status?.addresses ?? [];
      const declared = (config.spec.addresses ?? []).filter((address) => isIP(address) !== 0);
      if (hosts.length + allocated.length + declared.length === 0) return undefined;
      return { cluster, namespace, name, uid, createdAt, hosts, allocated, declared };
    },
    { equal: sameData },
  );
  return graph.query<readonly AddressDemand[]>(
    'addressDemands',
    (reader) => reader.keys(inputs.serviceEntries).flatMap((key) => reader.read(demand, key) ?? []),
    { equal: (a, b) => a.length === b.length && a.every((one, at) => one === b[at]), permanent: true },
  );
}

/**
 * The hosts of a ServiceEntry that addresses are allocated for: it declares none itself, they would lead somewhere, and
 * nobody said no. Nobody can look up a wildcard, except that a captured DNS answers for it. Source: Istio's IP
 * auto-allocation.
 */
export function hostsToAllocate(config: Pick<Config<ServiceEntrySpec>, 'spec' | 'labels'>): readonly string[] {
  const { hosts, resolution = 'NONE', addresses = [] } = config.spec;
  if (resolution === 'NONE' || addresses.length > 0) return [];
  if (config.labels[labels.enableAutoallocateIp]?.toLowerCase() === 'false') return [];
  return [...new Set(hosts)].filter((host) => !isWildcard(host) || resolution === 'DYNAMIC_DNS');
}
