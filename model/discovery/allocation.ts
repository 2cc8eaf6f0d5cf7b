import { labels } from '#api/constants.ts';
import { isWildcard } from '../hosts.ts';
import type { ServiceEntrySpec } from '../specs.ts';
import type { Config } from '../types/inputs.ts';

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
