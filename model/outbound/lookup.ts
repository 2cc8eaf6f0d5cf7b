import type { ListenerKey } from '../keys.ts';
import type { Families } from '../types/proxy.ts';
import type { Lookup } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { isRestLookedUp } from './rest.ts';

/** How proxies of these families look up names. */
export function resolveLookup(families: string, settings: MeshSettings): Lookup {
  const known: Families = families === '6' || families === '46' ? families : '4';
  return { families: known, refreshMs: settings.dnsRefreshMs };
}

/** How the hosts of requests on a listener are looked up, where any are: those of services (`lookup`) or unknown ones. */
export function requestLookup(
  { lookup, families, rest }: Pick<ListenerKey, 'lookup' | 'families' | 'rest'>,
  settings: MeshSettings,
): Lookup | undefined {
  return lookup !== '' || isRestLookedUp(rest, settings) ? resolveLookup(families, settings) : undefined;
}
