/** A listener that itself listens for several services on one address and port, or on a socket. */
import type { Reader } from '#graph/types.ts';
import { isHttp, isTls, type MeshService } from '../discovery/services.ts';
import { isPartialWildcard } from '../hosts.ts';
import type { ListenerKey } from '../keys.ts';
import { connectionChains, httpChain, splitChains } from '../outbound/chains.ts';
import { disjoint } from '../outbound/disjoint.ts';
import type { ListenerParts } from '../outbound/listener.ts';
import { requestLookup } from '../outbound/lookup.ts';
import { placeOf, reached, tableNameOf } from '../outbound/place.ts';
import type { Protocol } from '../types/inputs.ts';
import type { FilterChainMatch, Listener } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type Member, readMembers } from './members.ts';
import { readEgress, renderEgressKey } from './scope.ts';
import { sidecarSources } from './sidecars.ts';

/**
 * HTTP is told apart by looking at it where there is HTTP at all, TLS to hosts of ServiceEntries by the name of the server.
 * All other connections look alike: they go to the first service that is none of these. Undefined while there is nothing
 * but HTTP.
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
  const others = members.filter(({ protocol }) => !isHttp(protocol));
  if (others.length === 0) return undefined;
  const named = others.filter(isNamed);
  const first = others.find((member) => !named.includes(member));
  const chains = disjoint([
    ...named.flatMap((member) =>
      connectionChains(
        reader,
        parts,
        member.service,
        member,
        { ...member.client, families: key.families },
        serverOf(member.service),
      ),
    ),
    ...(first === undefined ? [] : connectionChains(reader, parts, first.service, first, first.client)),
  ]);
  const hasHttp = members.some(({ protocol }) => isHttp(protocol) || protocol === 'Auto');
  if (chains.length === 0 && !hasHttp) return undefined;
  const place = placeOf(key);
  const rds = tableNameOf(key);
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

/** Envoy tells servers apart by whole labels. */
const isNamed = ({ service, protocol }: ReturnType<typeof portsAt>[number]): boolean =>
  service.registry === 'External' && isTls(protocol) && !isPartialWildcard(service.hostname);

const serverOf = ({ hostname }: MeshService): FilterChainMatch => ({ serverNames: [hostname] });

/** The listener's own protocol goes before that of the service. */
function portsAt({ service, ports, client }: Member, key: ListenerKey, own: Protocol | undefined) {
  const [only] = ports;
  const served =
    key.port === '0' ? (only === undefined ? [] : [only]) : ports.filter(({ port }) => String(port) === key.port);
  return served.map(({ port, protocol }) => ({ service, client, port, protocol: own ?? protocol }));
}
