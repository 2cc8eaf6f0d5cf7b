/** The inbound side of a workload class: its listeners and clusters. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { matchAll } from '../frontend/istio/httpmatch.ts';
import { type ClassKey, parseClassKey } from '../keys.ts';
import { tcpChain } from '../outbound/chains.ts';
import { anyAddress } from '../outbound/place.ts';
import {
  type MtlsMode,
  type NamespacePolicies,
  portMode,
  type WorkloadPolicy,
} from '../security/peerauthentication.ts';
import { sidecarSources } from '../sidecar/sidecars.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Cluster, ClusterName, FilterChain, Listener, RouteTable } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type ChainShape, shapeChains, shapeServerTls } from './chains.ts';
import { buildInboundClusters, type InboundClusterParts } from './clusters.ts';
import { resolveInspection } from './inspection.ts';
import { type ServedPort, servedPorts } from './served.ts';

export interface InboundParts extends InboundClusterParts {
  readonly peerPolicies: Query<NamespacePolicies>;
}

export interface InboundQueries {
  /** By class key: `virtualInbound`, where connections are redirected to it, and listeners that listen by themselves. */
  readonly inboundListeners: Query<readonly Listener[]>;
  /** By class key. */
  readonly inboundClusters: Query<readonly Cluster[]>;
}

export function defineInbound(graph: Graph, parts: InboundParts): InboundQueries {
  const inboundListeners = graph.query<readonly Listener[]>(
    'inboundListeners',
    (reader, key) => buildListeners(reader, parts, parseClassKey(key)),
    { equal: sameData },
  );
  const inboundClusters = graph.query<readonly Cluster[]>(
    'inboundClusters',
    (reader, key) => buildInboundClusters(reader, parts, parseClassKey(key)),
    { equal: sameData },
  );
  return { inboundListeners, inboundClusters };
}

function buildListeners(reader: Reader, parts: InboundParts, key: ClassKey): readonly Listener[] {
  const settings = reader.read(parts.settings, '');
  const policies = reader.read(parts.peerPolicies, key.ns);
  const policy = policies.workloads.find((candidate) => candidate.key === key.policies);
  const sources = [
    ...sidecarSources(reader, parts.inputs, key.sidecar),
    ...(policy === undefined ? [] : [policy.source]),
    ...policies.sources,
  ];
  const served = servedPorts(reader, parts, key);
  const chainsOf = (target: ServedPort) =>
    shapesOf(target, portMode(policies, policy, target.port)).map((shape) => servedChain(target, shape, sources));
  const bound = served.flatMap((target) =>
    target.bind === undefined ? [] : [ownListener(target, target.bind, chainsOf(target), key, settings, sources)],
  );
  if (key.mode === 'NONE') return bound;
  const caught = served.filter((target) => target.bind === undefined);
  const port = settings.proxyInboundListenPort;
  const blackHole: ClusterName = { direction: 'special', name: 'BlackHoleCluster' };
  const filterChains = [
    tcpChain('virtualInbound-blackhole', blackHole, { destinationPort: port }),
    ...passthroughChains(policies, policy, [port, ...caught.map((target) => target.port)], sources),
    ...caught.flatMap(chainsOf),
  ];
  const virtualInbound: Listener = {
    name: 'virtualInbound',
    addresses: anyAddress(key.families, port),
    direction: 'inbound',
    bindToPort: true,
    useOriginalDst: false,
    redirected: true,
    transparent: key.mode === 'TPROXY',
    ...resolveInspection(filterChains),
    detectionTimeoutMs: settings.protocolDetectionTimeoutMs,
    filterChains,
    sources,
  };
  return [virtualInbound, ...bound];
}

/** TLS of the user's own ends here only where the mesh's does not. */
function shapesOf({ tls, protocol }: ServedPort, mode: MtlsMode): readonly ChainShape[] {
  return tls !== undefined && mode === 'DISABLE' ? shapeServerTls(protocol, tls) : shapeChains(mode, protocol);
}

/** A listener that listens by itself. Its name differs from that of an outbound listener on the same port. */
function ownListener(
  { port }: ServedPort,
  bind: string,
  filterChains: readonly FilterChain[],
  key: ClassKey,
  settings: MeshSettings,
  sources: readonly SourceRef[],
): Listener {
  const addresses = bind === '' ? ownAddresses(key, port) : [{ address: bind, port }];
  return {
    name: `inbound_${addresses[0]?.address}_${port}`,
    addresses,
    direction: 'inbound',
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    ...resolveInspection(filterChains),
    detectionTimeoutMs: settings.protocolDetectionTimeoutMs,
    filterChains,
    sources,
  };
}

/** Without redirection nothing else of the proxy's is on any address. */
function ownAddresses({ addresses, families, mode }: ClassKey, port: number): Listener['addresses'] {
  if (mode === 'NONE' || addresses === '') return anyAddress(families, port);
  return addresses.split(',').map((address) => ({ address, port }));
}

const passthrough: ClusterName = { direction: 'special', name: 'InboundPassthroughCluster' };

/**
 * Ports that no service names: the workload's mode, and one of their own where the policy says so.
 * @param known ports that have chains already
 */
function passthroughChains(
  policies: NamespacePolicies,
  policy: WorkloadPolicy | undefined,
  known: readonly number[],
  sources: readonly SourceRef[],
): readonly FilterChain[] {
  const named = Object.keys(policy?.ports ?? {})
    .map(Number)
    .filter((port) => !known.includes(port))
    .sort((a, b) => a - b);
  const build = (shape: ChainShape, port?: number): FilterChain => ({
    name: chainName(port === undefined ? 'virtualInbound-catchall' : `virtualInbound-${port}`, shape),
    match: port === undefined ? shape.match : { destinationPort: port, ...shape.match },
    ...(shape.mtls ? { tls: { kind: 'mesh-mtls', alpn: alpnOf(shape) } } : {}),
    handler: shape.http
      ? httpHandler('inbound_0.0.0.0_0', {
          name: 'InboundPassthroughCluster',
          virtualHosts: [anyHost('inbound|http|0', passthrough)],
        })
      : { kind: 'tcp', statPrefix: 'InboundPassthroughCluster', clusters: [{ cluster: passthrough, weight: 1 }] },
    sources,
  });
  const mode = policy?.mode ?? policies.mode;
  return [
    ...named.flatMap((port) =>
      shapeChains(portMode(policies, policy, port), 'Auto').map((shape) => build(shape, port)),
    ),
    ...shapeChains(mode, 'Auto').map((shape) => build(shape)),
  ];
}

function servedChain(target: ServedPort, shape: ChainShape, sources: readonly SourceRef[]): FilterChain {
  const cluster: ClusterName = { direction: 'inbound', port: target.port };
  const name = `inbound|${target.port}||`;
  return {
    name: chainName(`0.0.0.0_${target.port}`, shape),
    match: { destinationPort: target.port, ...shape.match },
    ...(shape.mtls
      ? { tls: { kind: 'mesh-mtls', alpn: alpnOf(shape) } }
      : shape.tls === undefined
        ? {}
        : { tls: shape.tls }),
    handler: shape.http
      ? httpHandler(`inbound_0.0.0.0_${target.port}`, {
          name,
          virtualHosts: [anyHost(`inbound|http|${target.port}`, cluster)],
        })
      : { kind: 'tcp', statPrefix: name, clusters: [{ cluster, weight: 1 }] },
    sources,
  };
}

function chainName(name: string, shape: ChainShape): string {
  return `${name}${shape.http ? '-http' : ''}${shape.mtls ? '-mtls' : shape.match.transportProtocol === 'tls' ? '-tls' : ''}`;
}

/** What the chain answers to callers that are no sidecars of ours as well. */
function alpnOf(shape: ChainShape): readonly string[] {
  return shape.http ? ['h2', 'http/1.1'] : ['istio'];
}

function httpHandler(statPrefix: string, inline: RouteTable): FilterChain['handler'] {
  return {
    kind: 'http',
    routes: { inline },
    statPrefix,
    role: 'sidecar-inbound',
    useRemoteAddress: false,
    forwardClientCert: 'APPEND_FORWARD',
  };
}

function anyHost(name: string, cluster: ClusterName): RouteTable['virtualHosts'][number] {
  const action = { kind: 'forward', clusters: [{ cluster, weight: 1 }], timeoutMs: 0 } as const;
  return {
    name,
    domains: ['*'],
    routes: [{ name: 'default', match: matchAll, action, sources: [] }],
    requireTls: false,
    sources: [],
  };
}
