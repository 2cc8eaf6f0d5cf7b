/** Inbound clusters: to the application of the workload. */
import { isHttp2 } from '../discovery/services.ts';
import { resolveConnectionPool, resolveConnectTimeout } from '../frontend/istio/trafficpolicy.ts';
import type { ClassKey } from '../keys.ts';
import type { ConnectionPoolSettings } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { Cluster, ClusterName, UpstreamProtocol } from '../types/resolved.ts';
import type { IngressEndpoint } from './ingress.ts';
import type { ServedPort } from './served.ts';

/** Back to where the caller aimed, for every port that nothing serves. */
export function passthroughCluster(key: ClassKey, connectTimeoutMs: number): Cluster {
  const name: ClusterName = { direction: 'special', name: 'InboundPassthroughCluster' };
  return {
    ...inboundCluster(name, 'downstream', undefined, connectTimeoutMs),
    ...reach({ kind: 'original' }, name, key),
  };
}

export function servedCluster(served: ServedPort, key: ClassKey, connectTimeoutMs: number): Cluster {
  const { port, protocol, service, endpoint, connectionPool } = served;
  const name: ClusterName = { direction: 'inbound', port };
  return {
    ...inboundCluster(name, upstreamProtocol(protocol), connectionPool, connectTimeoutMs),
    ...reach(endpoint, name, key, served.bind !== undefined),
    service,
  };
}

function inboundCluster(
  name: ClusterName,
  protocol: UpstreamProtocol,
  settings: ConnectionPoolSettings | undefined,
  connectTimeoutMs: number,
): Omit<Cluster, 'discovery' | 'loadBalancing'> {
  const connectionPool = resolveConnectionPool(settings);
  return {
    name,
    connectTimeoutMs: resolveConnectTimeout(settings, connectTimeoutMs),
    protocol,
    tls: { kind: 'none' },
    ...(connectionPool === undefined ? {} : { connectionPool }),
    sources: [],
  };
}

function upstreamProtocol(protocol: Protocol): UpstreamProtocol {
  if (protocol === 'Auto') return 'downstream';
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
