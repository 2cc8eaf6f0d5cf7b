/** The inbound side of a workload class: `virtualInbound` and its clusters. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { isHttp2, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { matchAll } from '../frontend/istio/httpmatch.ts';
import { type ClassKey, parseClassKey } from '../keys.ts';
import { tcpChain } from '../outbound/chains.ts';
import { anyAddress } from '../outbound/place.ts';
import { type NamespacePolicies, portMode, type WorkloadPolicy } from '../security/peerauthentication.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Protocol } from '../types/inputs.ts';
import type { Cluster, ClusterName, FilterChain, Listener, RouteTable, UpstreamProtocol } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type ChainShape, shapeChains } from './chains.ts';

export interface InboundParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly peerPolicies: Query<NamespacePolicies>;
}

export interface InboundQueries {
  /** By class key. */
  readonly inboundListener: Query<Listener>;
  readonly inboundClusters: Query<readonly Cluster[]>;
}

export function defineInbound(graph: Graph, parts: InboundParts): InboundQueries {
  const inboundListener = graph.query<Listener>(
    'inboundListener',
    (reader, key) => buildListener(reader, parts, parseClassKey(key)),
    { equal: sameData },
  );
  const inboundClusters = graph.query<readonly Cluster[]>(
    'inboundClusters',
    (reader, key) => {
      const { connectTimeoutMs } = reader.read(parts.settings, '');
      const fields = parseClassKey(key);
      return [
        inboundCluster(
          { direction: 'special', name: 'InboundPassthroughCluster' },
          'downstream',
          fields,
          connectTimeoutMs,
        ),
        ...servedPorts(reader, parts.services, fields).map(({ port, protocol, service }) => ({
          ...inboundCluster({ direction: 'inbound', port }, upstreamProtocol(protocol), fields, connectTimeoutMs),
          service,
        })),
      ];
    },
    { equal: sameData },
  );
  return { inboundListener, inboundClusters };
}

interface ServedPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly service: { readonly hostname: string; readonly name: string; readonly namespace: string };
}

/** The workload's ports with the protocol that the first service to name a port gives it. */
function servedPorts(reader: Reader, services: ServiceQueries, key: ClassKey): readonly ServedPort[] {
  const found = new Map<number, ServedPort>();
  for (const entry of key.ports === '' ? [] : key.ports.split(',')) {
    const [target = '', port = '', ...id] = entry.split(':');
    const service = reader.read(services.service, id.join(':'));
    const served = service?.ports.find((candidate) => String(candidate.port) === port);
    if (service === undefined || served === undefined || found.has(Number(target))) continue;
    const { hostname, name, namespace } = service;
    found.set(Number(target), {
      port: Number(target),
      protocol: served.protocol,
      service: { hostname, name, namespace },
    });
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

function upstreamProtocol(protocol: Protocol): UpstreamProtocol {
  if (protocol === 'Auto') return 'downstream';
  if (isHttp2(protocol)) return 'http2';
  return protocol === 'HTTP' || protocol === 'HTTP_PROXY' ? 'http1' : 'tcp';
}

/** Back to where the caller aimed, from an address that redirection leaves alone. */
function inboundCluster(
  name: ClusterName,
  protocol: UpstreamProtocol,
  key: ClassKey,
  connectTimeoutMs: number,
): Cluster {
  return {
    name,
    discovery: { kind: 'original-dst' },
    connectTimeoutMs,
    loadBalancing: 'PASSTHROUGH',
    protocol,
    tls: { kind: 'none' },
    upstreamBindAddress: key.families === '6' ? '::6' : '127.0.0.6',
    sources: [],
  };
}

function buildListener(reader: Reader, parts: InboundParts, key: ClassKey): Listener {
  const settings = reader.read(parts.settings, '');
  const policies = reader.read(parts.peerPolicies, key.ns);
  const policy = policies.workloads.find((candidate) => candidate.key === key.policies);
  const sources = policy === undefined ? policies.sources : [policy.source, ...policies.sources];
  const served = servedPorts(reader, parts.services, key);
  const port = settings.proxyInboundListenPort;
  const blackHole: ClusterName = { direction: 'special', name: 'BlackHoleCluster' };
  return {
    name: 'virtualInbound',
    addresses: anyAddress(key.families, port),
    direction: 'inbound',
    bindToPort: true,
    useOriginalDst: false,
    transparent: key.mode === 'TPROXY',
    tlsInspector: true,
    httpInspector: true,
    detectionTimeoutMs: settings.protocolDetectionTimeoutMs,
    filterChains: [
      tcpChain('virtualInbound-blackhole', blackHole, { destinationPort: port }),
      ...passthroughChains(policies, policy, served, sources),
      ...served.flatMap((target) =>
        shapeChains(portMode(policies, policy, target.port), target.protocol).map((shape) =>
          servedChain(target, shape, sources),
        ),
      ),
    ],
    sources,
  };
}

const passthrough: ClusterName = { direction: 'special', name: 'InboundPassthroughCluster' };

/** Ports that no service names: the workload's mode, and one of their own where the policy says so. */
function passthroughChains(
  policies: NamespacePolicies,
  policy: WorkloadPolicy | undefined,
  served: readonly ServedPort[],
  sources: readonly SourceRef[],
): readonly FilterChain[] {
  const named = Object.keys(policy?.ports ?? {})
    .map(Number)
    .filter((port) => !served.some((target) => target.port === port))
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
    ...(shape.mtls ? { tls: { kind: 'mesh-mtls', alpn: alpnOf(shape) } } : {}),
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
