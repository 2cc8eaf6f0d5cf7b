import type { Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { classOf, planServers, splitServerHost } from '../frontend/istio/gatewayservers.ts';
import { clientCaOf, credentialOf, secretName } from '../gateway/servertls.ts';
import { isPartialWildcard } from '../hosts.ts';
import { compareAge } from '../selection.ts';
import type { GatewaySpec, Server } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import type { Config } from '../types/inputs.ts';
import { conflicted, type DiagnosticParts, expiredRef, invalidRef, notHonoured, unresolved } from './parts.ts';

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
  const wanted = [
    { field: 'credentialName', name: credentialOf(server), kind: 'certificate', lack: 'a certificate and its key' },
    {
      field: 'credentialName',
      name: clientCaOf(server),
      kind: 'roots',
      lack: 'the roots that clients are checked against',
    },
  ] as const;
  return places.flatMap((place) =>
    wanted.flatMap(({ field, name, kind, lack }) => {
      if (name === undefined) return [];
      const key = `${place}/${secretName(name)}`;
      const path = `spec.servers[${at}].tls.${field}`;
      const namespace = place.slice(place.indexOf('/') + 1);
      const held = reader.read(parts.secrets.gatewaySecret, key)?.kind === kind;
      const { problem, expiredAt } = reader.read(parts.secrets.gatewaySecretTrouble, key);
      if (problem !== undefined) {
        const consequence = held ? 'the last valid version stays in force' : 'it is not in force';
        return [invalidRef(path, `Secret ${name} in namespace ${namespace}: ${problem} (${consequence})`)];
      }
      if (!held)
        return [
          unresolved(path, `there is no Secret ${name} with ${lack} in namespace ${namespace}, where the gateway runs`),
        ];
      if (expiredAt === undefined) return [];
      const when = new Date(expiredAt).toISOString();
      return [expiredRef(path, `Secret ${name} in namespace ${namespace}: its certificate chain expired at ${when}`)];
    }),
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
  return planServers(rivals, (port) => [port])
    .conflicts.filter((conflict) => conflict.gatewayKey === key)
    .map(({ index, host, message }) =>
      conflicted(`spec.servers[${index}]${host === undefined ? '.port' : '.hosts'}`, message),
    );
}
