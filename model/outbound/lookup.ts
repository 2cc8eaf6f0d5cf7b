import type { Families } from '../types/proxy.ts';
import type { Lookup } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';

/** How proxies of these families look up names. */
export function resolveLookup(families: string, settings: MeshSettings): Lookup {
  const known: Families = families === '6' || families === '46' ? families : '4';
  return { families: known, refreshMs: settings.dnsRefreshMs };
}
