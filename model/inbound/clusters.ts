/** Inbound clusters: to the application of the workload. */
import type { Reader } from '#graph/types.ts';
import { isHttp, isHttp2 } from '../discovery/services.ts';
import { chooseRule, type RuleQueries } from '../frontend/istio/destinationrules.ts';
import { layPolicy, resolveConnectionPool, resolveConnectTimeout } from '../frontend/istio/trafficpolicy.ts';
import type { MeshInputs } from '../inputs.ts';
import type { ClassKey } from '../keys.ts';
import { ruleSources } from '../outbound/cluster.ts';
import { sidecarSources } from '../sidecar/sidecars.ts';
import type { ConnectionPoolSettings } from '../specs.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Protocol } from '../types/inputs.ts';
import type { Cluster, ClusterName, UpstreamProtocol } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import type { IngressEndpoint } from './ingress.ts';
import { type ServedParts, type ServedPort, servedPorts } from './served.ts';

export interface InboundClusterParts extends ServedParts {
  readonly inputs: MeshInputs;
  readonly rules: RuleQueries;
}

/** Those of the served ports, behind the one for every port that nothing serves. */
export function buildInboundClusters(reader: Reader, parts: InboundClusterParts, key: ClassKey): readonly Cluster[] {
  const mesh = reader.read(parts.settings, '');
  const sources = sidecarSources(reader, parts.inputs, key.sidecar);
  const served = servedPorts(reader, parts, key).map((port): Cluster => {
    const limits = resolveLimits(reader, parts, key, port);
    return { ...servedCluster(port, key, limits.settings, mesh), sources: [...sources, ...limits.sources] };
  });
  return [passthroughCluster(key, mesh), ...served];
}

/**
 * What a DestinationRule allows the clients of a service, its server must be able to take: its limits hold here as well,
 * unless the Sidecar has its own. A rule that is meant for certain clients says nothing about the server.
 */
function resolveLimits(
  reader: Reader,
  { rules, settings, inputs }: InboundClusterParts,
  { ns }: ClassKey,
  { connectionPool, service, servicePort }: ServedPort,
): { readonly settings?: ConnectionPoolSettings; readonly sources: readonly SourceRef[] } {
  if (connectionPool !== undefined) return { settings: connectionPool, sources: [] };
  if (servicePort === undefined) return { sources: [] };
  const { rootNamespace } = reader.read(settings, '');
  const rule = chooseRule(reader, rules, rootNamespace, service, { namespace: ns, labels: {} });
  const policy = layPolicy({}, reader.read(rules.mergedRule, rule).trafficPolicy, servicePort);
  return {
    ...(policy.connectionPool === undefined ? {} : { settings: policy.connectionPool }),
    sources: ruleSources(reader, inputs, rule),
  };
}

/** Back to where the caller aimed. */
function passthroughCluster(key: ClassKey, mesh: MeshSettings): Cluster {
  const name: ClusterName = { direction: 'special', name: 'InboundPassthroughCluster' };
  return { ...inboundCluster(name, 'downstream', undefined, mesh), ...reach({ kind: 'original' }, name, key) };
}

function servedCluster(
  { port, protocol, service, endpoint, bind }: ServedPort,
  key: ClassKey,
  settings: ConnectionPoolSettings | undefined,
  mesh: MeshSettings,
): Cluster {
  const name: ClusterName = { direction: 'inbound', port };
  return {
    ...inboundCluster(name, upstreamProtocol(protocol, settings), settings, mesh),
    ...reach(endpoint, name, key, bind !== undefined),
    service,
  };
}

function inboundCluster(
  name: ClusterName,
  protocol: UpstreamProtocol,
  settings: ConnectionPoolSettings | undefined,
  { connectTimeoutMs, tcpKeepalive }: MeshSettings,
): Omit<Cluster, 'discovery' | 'loadBalancing'> {
  const connectionPool = resolveConnectionPool(settings, tcpKeepalive);
  return {
    name,
    connectTimeoutMs: resolveConnectTimeout(settings, connectTimeoutMs),
    protocol,
    tls: { kind: 'none' },
    ...(connectionPool === undefined ? {} : { connectionPool }),
    sources: [],
  };
}

function upstreamProtocol(protocol: Protocol, settings: ConnectionPoolSettings | undefined): UpstreamProtocol {
  if (protocol === 'Auto') return 'downstream';
  if (isHttp(protocol) && settings?.http?.useClientProtocol === true) return 'downstream';
  if (isHttp2(protocol)) return 'http2';
  return protocol === 'HTTP' || protocol === 'HTTP_PROXY' ? 'http1' : 'tcp';
}

type Reach = Pick<Cluster, 'discovery' | 'loadBalancing' | 'upstreamBindAddresses'>;

/** From an address that redirection leaves alone, except to where redirection does not look. */
function reach(endpoint: IngressEndpoint, name: ClusterName, key: ClassKey, bound = false): Reach {
  const upstreamBindAddresses = sourceAddresses(key.families);
  switch (endpoint.kind) {
    case 'original':
      return { discovery: { kind: 'original-dst' }, loadBalancing: 'PASSTHROUGH', upstreamBindAddresses };
    case 'loopback':
      return reachAddress(name, loopback(endpoint.family, key.families), endpoint.port);
    case 'socket':
      return reachAddress(name, endpoint.address, 0);
    case 'instance': {
      if (bound)
        return { ...reachAddress(name, ownAddress(endpoint.family, key), endpoint.port), upstreamBindAddresses };
      // The connection was aimed at the workload's address, so that no address needs to be written here.
      const discovery = { kind: 'original-dst', port: endpoint.port } as const;
      return { discovery, loadBalancing: 'PASSTHROUGH', upstreamBindAddresses };
    }
  }
}

function reachAddress(name: ClusterName, address: string, port: number): Reach {
  const endpoint = {
    ...{ address, port, additionalAddresses: [], weight: 1, healthy: true, draining: false, acceptsMtls: false },
    workload: '',
  };
  const locality = { region: '', zone: '', subzone: '' };
  const localities = [{ locality, priority: 0, weight: 1, endpoints: [endpoint] }];
  return {
    discovery: { kind: 'static', endpoints: { cluster: name, localities, sources: [] } },
    loadBalancing: 'ROUND_ROBIN',
  };
}

function sourceAddresses(families: string): readonly string[] {
  if (families === '6') return ['::6'];
  return families === '46' ? ['127.0.0.6', '::6'] : ['127.0.0.6'];
}

/** The family that is asked for where the workload has it, else the one that it has. */
function loopback(family: '4' | '6', families: string): string {
  const other = family === '4' ? '6' : '4';
  return (families === other ? other : family) === '6' ? '::1' : '127.0.0.1';
}

/** Of the family that is asked for; without one, the loopback address. */
function ownAddress(family: '4' | '6', key: ClassKey): string {
  const own = key.addresses.split(',').find((address) => address.includes(':') === (family === '6'));
  return own === undefined || own === '' ? loopback(family, key.families) : own;
}
