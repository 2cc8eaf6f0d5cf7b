/** A listener that itself listens for several services on one address and port, or on a socket. */
import type { Reader } from '#graph/types.ts';
import { isHttp } from '../discovery/services.ts';
import type { ListenerKey } from '../keys.ts';
import { connectionChains, httpChain, splitChains } from '../outbound/chains.ts';
import type { ListenerParts } from '../outbound/listener.ts';
import { requestLookup } from '../outbound/lookup.ts';
import { placeOf, reached, tableNameOf } from '../outbound/place.ts';
import type { Protocol } from '../types/inputs.ts';
import type { Listener } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type Member, readMembers } from './members.ts';
import { readEgress, renderEgressKey } from './scope.ts';
import { sidecarSources } from './sidecars.ts';

/**
 * HTTP is told apart by looking at it where there is HTTP at all. All other connections look alike: they go to the first
 * service that isn't HTTP. Undefined while there is no such service.
 */
export function boundListener(
  reader: Reader,
  parts: ListenerParts,
  key: ListenerKey,
  settings: MeshSettings,
): Listener | undefined {
  const view = { ns: key.client, sidecar: key.sidecar, labels: key.labels };
  const index = Number(key.egress);
  const listener = readEgress(reader, parts.members.sidecarScope, renderEgressKey(view, index));
  const members = readMembers(reader, parts.services, parts.members, view, index).flatMap((member) =>
    portsAt(member, key, listener?.port?.protocol),
  );
  const first = members.find(({ protocol }) => !isHttp(protocol));
  if (first === undefined) return undefined;
  const chains = connectionChains(reader, parts, first.service, first.port, first.client);
  const place = placeOf(key);
  const rds = tableNameOf(key);
  const hasHttp = members.some(({ protocol }) => isHttp(protocol) || protocol === 'Auto');
  return {
    ...reached(settings, key),
    ...place,
    tlsInspector: hasHttp || chains.some((chain) => chain.match.serverNames !== undefined),
    httpInspector: hasHttp,
    ...splitChains([
      ...(hasHttp ? [httpChain(rds, rds, place.name, { lookup: requestLookup(key, settings) })] : []),
      ...chains,
    ]),
    sources: [...sidecarSources(reader, parts.virtualServices.inputs, key.sidecar), ...(chains[0]?.sources ?? [])],
  };
}

/** The listener's own protocol goes before that of the service. */
function portsAt({ service, ports, client }: Member, key: ListenerKey, own: Protocol | undefined) {
  const [only] = ports;
  const served =
    key.port === '0' ? (only === undefined ? [] : [only]) : ports.filter(({ port }) => String(port) === key.port);
  return served.map(({ port, protocol }) => ({ service, client, port, protocol: own ?? protocol }));
}
