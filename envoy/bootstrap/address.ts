import type { BootstrapOptions, Json } from './options.ts';

type Families = BootstrapOptions['addressFamilies'];

/** The address that listens on everything the pod has. */
export function buildWildcardAddress(families: Families, portValue: number): Json {
  if (!families.includes('ipv6')) return { socketAddress: { address: '0.0.0.0', portValue } };
  return { socketAddress: { address: '::', portValue, ...(families.includes('ipv4') ? { ipv4Compat: true } : {}) } };
}

/** Loopback of the pod's first address family. */
export function buildLoopbackAddress(families: Families, portValue: number): Json {
  return { socketAddress: { address: families.includes('ipv4') ? '127.0.0.1' : '::1', portValue } };
}

/** Envoy's DnsLookupFamily for names that the pod must reach. */
export function resolveLookupFamily(families: Families): 'V4_ONLY' | 'V6_ONLY' | 'ALL' {
  if (!families.includes('ipv6')) return 'V4_ONLY';
  return families.includes('ipv4') ? 'ALL' : 'V6_ONLY';
}
