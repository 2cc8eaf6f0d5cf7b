import type { Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { classOf, planServers, splitServerHost } from '../frontend/istio/gatewayservers.ts';
import { clientCaOf, credentialsOf } from '../gateway/servertls.ts';
import { isPartialWildcard } from '../hosts.ts';
import { isReservedAtRouter } from '../ownports.ts';
import { compareAge } from '../selection.ts';
import type { GatewaySpec, Server } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import type { Config } from '../types/inputs.ts';
import { conflicted, type DiagnosticParts, notHonoured, unresolved } from './parts.ts';
import { certificateAndKey, secretFact, type WantedSecret } from './secrets.ts';

export function gatewayFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.gateways, key);
  if (config === undefined) return [];
  const places = reader.read(parts.secrets.gatewayPlaces, key);
  const selector = config.spec.selector ?? {};
  const unselected = places.length === 0 && Object.keys(selector).length > 0;
  return [
    ...(unselected ? [unresolved('spec.selector', 'no pod carries these labels')] : []),
    ...(config.spec.servers ?? []).flatMap((server, at) => secretFacts(reader, parts, places, server, at)),
    ...(config.spec.servers ?? []).flatMap(limitFacts),
    ...conflictFacts(reader, parts, key, config),
  ];
}

/** Secrets must be in the namespace of the routers, not in that of the Gateway. */
function secretFacts(
  reader: Reader,
  parts: DiagnosticParts,
  places: readonly string[],
  server: Server,
  at: number,
): readonly StatusFact[] {
  const tls = `spec.servers[${at}].tls`;
  const single = Boolean(server.tls?.credentialName);
  const clientCa = clientCaOf(server);
  const wanted: readonly WantedSecret[] = [
    ...credentialsOf(server).map((name, index) => ({
      path: single ? `${tls}.credentialName` : `${tls}.credentialNames[${index}]`,
      name,
      ...certificateAndKey,
    })),
    ...(clientCa === undefined
      ? []
      : [
          {
            path: server.tls?.caCertCredentialName
              ? `${tls}.caCertCredentialName`
              : `${tls}.${single ? 'credentialName' : 'credentialNames[0]'}`,
            name: clientCa,
            kind: 'roots',
            lack: 'the roots that clients are checked against',
          } as const,
        ]),
  ];
  return places.flatMap((place) =>
    wanted.flatMap((secret) => secretFact(reader, parts.secrets, place, secret, 'where the gateway runs')),
  );
}

function limitFacts(server: Server, at: number): readonly StatusFact[] {
  const path = `spec.servers[${at}]`;
  const names = server.hosts.flatMap((text, index) =>
    classOf(server) === 'tls' && isPartialWildcard(splitServerHost(text, '').host)
      ? [notHonoured(`${path}.hosts[${index}]`, 'TLS servers are told apart by whole labels')]
      : [],
  );
  return server.bind?.startsWith('unix:')
    ? [...names, notHonoured(`${path}.bind`, 'Unix sockets are not served')]
    : names;
}

const isUsuallyReserved = (port: number) => isReservedAtRouter(port);

/** Among Gateways with the same selector, ports as they are written. */
function conflictFacts(
  reader: Reader,
  parts: DiagnosticParts,
  key: string,
  config: Config<GatewaySpec>,
): readonly StatusFact[] {
  const { gateways } = parts.inputs;
  const rivals = reader
    .keys(gateways)
    .flatMap((other) => reader.get(gateways, other) ?? [])
    .filter((other) => sameData(other.spec.selector ?? {}, config.spec.selector ?? {}))
    .sort(compareAge);
  return planServers(rivals, (port) => [port], isUsuallyReserved)
    .conflicts.filter((conflict) => conflict.gatewayKey === key)
    .map(({ index, host, message }) =>
      conflicted(`spec.servers[${index}]${host === undefined ? '.port' : '.hosts'}`, message),
    );
}
