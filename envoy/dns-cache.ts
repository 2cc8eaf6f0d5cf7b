import type { Lookup } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { buildDuration } from './values.ts';

/** In all the families that the proxy has; where it has both, every address counts. */
export const lookupFamilies = { '4': 'V4_ONLY', '6': 'V6_ONLY', '46': 'ALL' } as const satisfies Record<
  Lookup['families'],
  string
>;

/**
 * The cache of names that requests bring along, shared by clusters and the filters in front of them that look names up.
 * Envoy refuses two descriptions of a cache with one name, so the name says what the settings are.
 */
export function buildDnsCache(
  lookup: Lookup,
): Message<'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig'> {
  return {
    name: `dynamic_dns_${lookup.families}_${lookup.refreshMs}ms`,
    dnsLookupFamily: lookupFamilies[lookup.families],
    dnsRefreshRate: buildDuration(lookup.refreshMs),
  };
}
