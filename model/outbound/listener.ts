/** One outbound listener. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import { isTls, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import type { VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { type ListenerKey, parseListenerKey } from '../keys.ts';
import { boundListener } from '../sidecar/boundlistener.ts';
import type { MemberQueries } from '../sidecar/members.ts';
import { sidecarSources } from '../sidecar/sidecars.ts';
import type { FilterChain, Listener } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { connectionChains, httpChain, ownMatch, splitChains, tcpChain } from './chains.ts';
import { disjoint } from './disjoint.ts';
import { requestLookup, resolveLookup } from './lookup.ts';
import { anyAddress, placeOf, reached, tableNameOf } from './place.ts';
import type { PortQueries } from './ports.ts';
import { addressesFor } from './reach.ts';
import { isRestLookedUp, restCluster, special } from './rest.ts';
import { restHost } from './resthost.ts';
import { sharedChains } from './sharedchains.ts';

export interface ListenerParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly members: MemberQueries;
  readonly hosts: HostQueries;
  readonly ports: PortQueries;
}

/** `listener`: by listener key; undefined when its service or port is gone. */
export function defineListeners(graph: Graph, parts: ListenerParts): Query<Listener | undefined> {
  return graph.query<Listener | undefined>(
    'listener',
    (reader, text) => {
      const key = parseListenerKey(text);
      const settings = reader.read(parts.virtualServices.settings, '');
      if (key.kind === 'virtualOutbound') return virtualOutbound(key, settings);
      if (key.kind === 'http') return httpListener(reader, parts, key, settings);
      if (key.kind === 'shared') return sharedListener(reader, parts, key, settings);
      if (key.kind === 'bound') return boundListener(reader, parts, key, settings);
      return serviceListener(reader, parts, key, settings);
    },
    { equal: sameData },
  );
}

function virtualOutbound(key: ListenerKey, settings: MeshSettings): Listener {
  const port = settings.proxyListenPort;
  return {
    name: 'virtualOutbound',
    addresses: anyAddress(key.families, port),
    direction: 'outbound',
    bindToPort: true,
    useOriginalDst: true,
    transparent: key.mode === 'TPROXY',
    tlsInspector: false,
    httpInspector: isRestLookedUp(key.rest, settings),
    detectionTimeoutMs: boundedDetectionMs(settings),
    // What addresses the listener itself would go round in circles.
    filterChains: [
      tcpChain('virtualOutbound-blackhole', special('BlackHoleCluster'), { destinationPort: port }),
      ...unknownHostChains('virtualOutbound-catchall-tcp-http', 'virtualOutbound', key, settings),
    ],
    defaultFilterChain: tcpChain('virtualOutbound-catchall-tcp', restCluster(key.rest, settings)),
    sources: [],
  };
}

const DETECTION_MS = 5_000;

/**
 * How long connections may be looked at to find out whether they are HTTP, where nobody said that there is any. It must
 * end: a client that waits for its server to speak first would wait for ever.
 */
const boundedDetectionMs = (settings: MeshSettings): number => settings.protocolDetectionTimeoutMs || DETECTION_MS;

/** HTTP to hosts that nothing knows, where it is the host that counts. */
function unknownHostChains(
  name: string,
  place: string,
  key: ListenerKey,
  settings: MeshSettings,
): readonly FilterChain[] {
  if (!isRestLookedUp(key.rest, settings)) return [];
  const table = { name: 'allow_any_dynamic_dns', virtualHosts: [restHost(key.rest, settings)] };
  const lookup = resolveLookup(key.families, settings);
  return [httpChain(name, table, `${place}_allow_any_dynamic_dns`, { lookup })];
}

/** The listener that all HTTP services of one port number share; on any address, what isn't HTTP passes by. */
function httpListener(reader: Reader, parts: ListenerParts, key: ListenerKey, settings: MeshSettings): Listener {
  const place = placeOf(key);
  const rds = tableNameOf(key);
  const lookup = requestLookup(key, settings);
  const chain = httpChain(rds, rds, key.bind === '' ? `0.0.0.0_${key.port}` : place.name, { lookup });
  const sources = sidecarSources(reader, parts.virtualServices.inputs, key.sidecar);
  const listener = { ...reached(settings, key), ...place, sources };
  if (key.bind !== '') {
    return { ...listener, tlsInspector: false, httpInspector: false, filterChains: [{ ...chain, match: {} }] };
  }
  return {
    ...listener,
    tlsInspector: true,
    httpInspector: true,
    filterChains: [chain],
    defaultFilterChain: tcpChain('PassthroughFilterChain', restCluster(key.rest, settings)),
  };
}

/** The listener that services of one port share, HTTP or not: by host, by server name, by blocks of addresses. */
function sharedListener(reader: Reader, parts: ListenerParts, key: ListenerKey, settings: MeshSettings): Listener {
  const place = `0.0.0.0_${key.port}`;
  const lookup = requestLookup(key, settings);
  const http = key.http === '' ? [] : [httpChain(key.port, key.port, place, { lookup })];
  const services = [...http, ...sharedChains(reader, parts, key)];
  // A service without addresses has all that is left, and the table of HTTP services knows what to do with other hosts.
  const hasRest = key.http === '' && services.every(({ match }) => Object.keys(match).length > 0);
  const unknown = hasRest ? unknownHostChains('PassthroughFilterChain-http', place, key, settings) : [];
  const chains = disjoint([...services, ...unknown]);
  return {
    ...reached(settings, key),
    ...placeOf(key),
    ...(unknown.length > 0 ? { detectionTimeoutMs: boundedDetectionMs(settings) } : {}),
    tlsInspector: chains.some(({ match }) => match.serverNames !== undefined || match.transportProtocol !== undefined),
    httpInspector: chains.some((chain) => chain.handler.kind === 'http'),
    defaultFilterChain: tcpChain('PassthroughFilterChain', restCluster(key.rest, settings)),
    ...splitChains(chains),
    sources: sidecarSources(reader, parts.virtualServices.inputs, key.sidecar),
  };
}

function serviceListener(
  reader: Reader,
  parts: ListenerParts,
  key: ListenerKey,
  settings: MeshSettings,
): Listener | undefined {
  const service = reader.read(parts.services.service, key.service);
  const port = service?.ports.find((candidate) => String(candidate.port) === key.port);
  if (service === undefined || port === undefined) return undefined;
  const addresses = key.bind === '' ? addressesFor(service, key) : [key.bind];
  const [first] = addresses;
  if (first === undefined) return undefined;
  const chains = connectionChains(reader, parts, service, port, key, ownMatch(service, port));
  if (chains.length === 0) return undefined;
  const detected = key.kind === 'auto';
  const table = `${service.hostname}:${port.port}`;
  const http = detected ? [httpChain(table, table, `0.0.0.0_${table}`)] : [];
  return {
    ...reached(settings, key),
    name: `${first}_${port.port}`,
    addresses: addresses.map((address) => ({ address, port: port.port })),
    tlsInspector: detected || isTls(port.protocol) || chains.some((chain) => chain.match.serverNames !== undefined),
    httpInspector: detected,
    ...splitChains([...http, ...chains]),
    sources: chains.flatMap((chain) => chain.sources).slice(0, 1),
  };
}
