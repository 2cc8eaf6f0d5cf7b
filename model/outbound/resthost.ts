import { matchAll } from '../frontend/istio/httpmatch.ts';
import type { Route, VirtualHost } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { isBlocked, isRestLookedUp, type OutboundRest, restHttpCluster } from './rest.ts';

/** What no other host claims: passes through, or is refused where only what is known is allowed. */
export function restHost(rest: OutboundRest, settings: MeshSettings): VirtualHost {
  if (isBlocked(rest, settings)) return hostOf('block_all', { kind: 'direct-response', status: 502 });
  const cluster = restHttpCluster(rest, settings);
  const name = isRestLookedUp(rest, settings) ? 'allow_any_dynamic_dns' : 'allow_any';
  return hostOf(name, { kind: 'forward', clusters: [{ cluster, weight: 1 }], timeoutMs: 0 });
}

function hostOf(name: string, action: Route['action']): VirtualHost {
  const route: Route = { name, match: matchAll, action, sources: [] };
  return { name, domains: ['*'], routes: [route], requireTls: false, sources: [] };
}
