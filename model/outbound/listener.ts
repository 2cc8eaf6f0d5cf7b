/** One outbound listener. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { isTls, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { connectionRoutes } from '../frontend/istio/connectionroute.ts';
import { chooseVirtualService, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { type ListenerKey, parseLabels, parseListenerKey } from '../keys.ts';
import { sourceOf } from '../selection.ts';
import type { ClusterName, FilterChain, Listener } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { disjoint } from './disjoint.ts';
import { addressesFor } from './listeners.ts';
import { findClusterFor } from './virtualhost.ts';

export interface ListenerParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
}

/** What `http_inspector` finds in plain HTTP. */
export const plainHttp = ['http/1.0', 'http/1.1', 'h2c'] as const;

/** `listener`: by listener key; undefined when its service or port is gone. */
export function defineListeners(graph: Graph, parts: ListenerParts): Query<Listener | undefined> {
  return graph.query<Listener | undefined>(
    'listener',
    (reader, text) => {
      const key = parseListenerKey(text);
      const settings = reader.read(parts.virtualServices.settings, '');
      if (key.kind === 'virtualOutbound') return virtualOutbound(key, settings);
      if (key.kind === 'http') return httpListener(key, settings);
      return serviceListener(reader, parts, key, settings);
    },
    { equal: sameData },
  );
}

/** Any address of the families in use; the first is the main one. */
export function anyAddress(families: string, port: number): Listener['addresses'] {
  if (families === '6') return [{ address: '::', port }];
  const main = { address: '0.0.0.0', port };
  return families === '46' ? [main, { address: '::', port }] : [main];
}

const special = (name: 'PassthroughCluster' | 'BlackHoleCluster'): ClusterName => ({ direction: 'special', name });

/** Where traffic to unknown destinations goes. */
function restCluster(settings: MeshSettings): ClusterName {
  return special(settings.outboundTrafficPolicy === 'REGISTRY_ONLY' ? 'BlackHoleCluster' : 'PassthroughCluster');
}

export function tcpChain(name: string, cluster: ClusterName, match: FilterChain['match'] = {}): FilterChain {
  const statPrefix = cluster.direction === 'special' ? cluster.name : name;
  return { name, match, handler: { kind: 'tcp', statPrefix, clusters: [{ cluster, weight: 1 }] }, sources: [] };
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
    httpInspector: false,
    detectionTimeoutMs: 0,
    // What addresses the listener itself would go round in circles.
    filterChains: [tcpChain('virtualOutbound-blackhole', special('BlackHoleCluster'), { destinationPort: port })],
    defaultFilterChain: tcpChain('virtualOutbound-catchall-tcp', restCluster(settings)),
    sources: [],
  };
}

/** The listener that all HTTP services of one port number share; what isn't HTTP passes by. */
function httpListener(key: ListenerKey, settings: MeshSettings): Listener {
  const port = Number(key.port);
  return {
    ...reached(settings, key),
    name: `${key.families === '6' ? '::' : '0.0.0.0'}_${key.port}`,
    addresses: anyAddress(key.families, port),
    tlsInspector: true,
    httpInspector: true,
    filterChains: [httpChain(key.port, key.port)],
    defaultFilterChain: tcpChain('PassthroughFilterChain', restCluster(settings)),
    sources: [],
  };
}

/** What listeners behind `virtualOutbound` have in common. */
function reached(settings: MeshSettings, key: ListenerKey) {
  return {
    direction: 'outbound',
    bindToPort: key.mode === 'NONE',
    useOriginalDst: false,
    transparent: false,
    detectionTimeoutMs: settings.protocolDetectionTimeoutMs,
  } as const;
}

function httpChain(name: string, rds: string): FilterChain {
  return {
    name,
    match: { transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
    handler: {
      kind: 'http',
      routes: { rds },
      statPrefix: `outbound_0.0.0.0_${name}`,
      role: 'sidecar-outbound',
      useRemoteAddress: false,
      forwardClientCert: 'SANITIZE_SET',
    },
    sources: [],
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
  const chains = connectionChains(reader, parts, key, service);
  const detected = port.protocol === 'Auto';
  const http = detected ? [httpChain(`${service.hostname}:${port.port}`, `${service.hostname}:${port.port}`)] : [];
  return {
    ...reached(settings, key),
    name: `${first}_${port.port}`,
    addresses: addresses.map((address) => ({ address, port: port.port })),
    tlsInspector: detected || isTls(port.protocol) || chains.some((chain) => chain.match.serverNames !== undefined),
    httpInspector: detected,
    filterChains: [...http, ...chains.slice(0, -1)],
    ...lastChain(chains),
    sources: chains.flatMap((chain) => chain.sources).slice(0, 1),
  };
}

function lastChain(chains: readonly FilterChain[]): { readonly defaultFilterChain?: FilterChain } {
  const last = chains.at(-1);
  return last === undefined ? {} : { defaultFilterChain: last };
}

/** Chains of the VirtualService that routes the host, the one that takes everything else last. */
function connectionChains(
  reader: Reader,
  parts: ListenerParts,
  key: ListenerKey,
  service: MeshService,
): readonly FilterChain[] {
  const port = Number(key.port);
  const cluster: ClusterName = { direction: 'outbound', port, subset: '', hostname: service.hostname };
  const fallback: FilterChain = tcpChain(`outbound|${port}||${service.hostname}`, cluster);
  const client = key.client === '' ? undefined : key.client;
  const config = chooseVirtualService(reader, parts.virtualServices, service.hostname, client);
  if (config === undefined) return [fallback];
  const routes = connectionRoutes(config, {
    scope: { port, gateways: ['mesh'], namespace: key.client, labels: parseLabels(key.labels) },
    findCluster: findClusterFor(
      reader,
      parts.services,
      parts.virtualServices.inputs.domainSuffix,
      config.namespace,
      port,
    ),
  });
  const chains = disjoint(routes).map(
    (route, at): FilterChain => ({
      name: `${fallback.name}/${at}`,
      match: route.match,
      handler: { kind: 'tcp', statPrefix: fallback.name, clusters: route.clusters },
      sources: [sourceOf('VirtualService', config)],
    }),
  );
  const last = chains.findIndex((chain) => Object.keys(chain.match).length === 0);
  return last === -1 ? [...chains, fallback] : chains.slice(0, last + 1);
}
