/** What happens to traffic whose destination nothing in the view knows. */
import type { ClusterName } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';

/** `''` as the mesh says, a mode, or `port/subset/hostname` of an egress proxy; part of keys. */
export type OutboundRest = string;

export type SpecialName = Extract<ClusterName, { direction: 'special' }>['name'];

export const special = (name: SpecialName): ClusterName => ({ direction: 'special', name });

export function isBlocked(rest: OutboundRest, settings: MeshSettings): boolean {
  return (rest === '' ? settings.outboundTrafficPolicy : rest) === 'REGISTRY_ONLY';
}

/** Whether HTTP to unknown hosts goes where a lookup of the host leads, and not where the client aimed. */
export function isRestLookedUp(rest: OutboundRest, settings: MeshSettings): boolean {
  return (rest === '' ? settings.outboundTrafficPolicy : rest) === 'ALLOW_ANY_DYNAMIC_DNS';
}

/** The cluster that takes connections. */
export function restCluster(rest: OutboundRest, settings: MeshSettings): ClusterName {
  if (isBlocked(rest, settings)) return special('BlackHoleCluster');
  return parseEgressProxy(rest) ?? special('PassthroughCluster');
}

export function parseEgressProxy(rest: OutboundRest): Extract<ClusterName, { direction: 'outbound' }> | undefined {
  const [port = '', subset = '', hostname] = rest.split('/');
  return hostname === undefined ? undefined : { direction: 'outbound', port: Number(port), subset, hostname };
}

/** The cluster that takes requests. */
export function restHttpCluster(rest: OutboundRest, settings: MeshSettings): ClusterName {
  return isRestLookedUp(rest, settings) ? special('AllowAnyDynamicDNSCluster') : restCluster(rest, settings);
}
