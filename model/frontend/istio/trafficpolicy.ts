/** A TrafficPolicy for one port of a service or subset, and what it means for a cluster. */
import type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  LoadBalancerSettings,
  OutlierDetection,
  TrafficPolicy,
} from '../../specs.ts';
import { parseDuration } from '../../specs.ts';
import type { Cluster, LoadBalancing } from '../../types/resolved.ts';

/** The four parts that a port or a subset may replace as a whole. */
export interface PortPolicy {
  readonly loadBalancer?: LoadBalancerSettings;
  readonly connectionPool?: ConnectionPoolSettings;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTLSSettings;
}

/** Lays a policy over another: each part replaces its namesake; settings of the port replace all four parts. */
export function layPolicy(base: PortPolicy, over: TrafficPolicy | undefined, port: number): PortPolicy {
  if (over === undefined) return base;
  const portLevel = over.portLevelSettings?.find((settings) => settings.port?.number === port);
  if (portLevel !== undefined) return pickParts(portLevel);
  return { ...base, ...pickParts(over) };
}

function pickParts(policy: Partial<PortPolicy> | TrafficPolicy): PortPolicy {
  return {
    ...(policy.loadBalancer === undefined ? {} : { loadBalancer: policy.loadBalancer }),
    ...(policy.connectionPool === undefined ? {} : { connectionPool: policy.connectionPool }),
    ...(policy.outlierDetection === undefined ? {} : { outlierDetection: policy.outlierDetection }),
    ...(policy.tls === undefined ? {} : { tls: policy.tls }),
  };
}

export function resolveLoadBalancing(settings: LoadBalancerSettings | undefined): LoadBalancing {
  switch (settings?.simple) {
    case 'ROUND_ROBIN':
    case 'RANDOM':
    case 'PASSTHROUGH':
      return settings.simple;
    default:
      return 'LEAST_REQUEST';
  }
}

type ConnectionPool = NonNullable<Cluster['connectionPool']>;

/** `meshKeepalive` holds where the settings say nothing, field by field. */
export function resolveConnectionPool(
  settings: ConnectionPoolSettings | undefined,
  meshKeepalive?: ConnectionPool['tcpKeepalive'],
): ConnectionPool | undefined {
  const { tcp, http } = settings ?? {};
  const keepalive = tcp?.tcpKeepalive;
  const pool: ConnectionPool = {
    ...limit('maxConnections', tcp?.maxConnections),
    ...limit('maxPendingRequests', http?.http1MaxPendingRequests),
    ...limit('maxRequests', http?.http2MaxRequests),
    ...limit('maxRequestsPerConnection', http?.maxRequestsPerConnection),
    ...limit('maxRetries', http?.maxRetries),
    ...milliseconds('idleTimeoutMs', http?.idleTimeout ?? tcp?.idleTimeout),
    ...(keepalive === undefined && meshKeepalive === undefined
      ? {}
      : {
          tcpKeepalive: {
            ...meshKeepalive,
            ...limit('probes', keepalive?.probes),
            ...milliseconds('timeMs', keepalive?.time),
            ...milliseconds('intervalMs', keepalive?.interval),
          },
        }),
  };
  return Object.keys(pool).length === 0 ? undefined : pool;
}

export function resolveOutlierDetection(settings: OutlierDetection | undefined): Cluster['outlierDetection'] {
  if (settings === undefined) return undefined;
  return {
    ...given('consecutive5xx', settings.consecutive5xxErrors),
    ...given('consecutiveGatewayErrors', settings.consecutiveGatewayErrors),
    ...given('consecutiveLocalOriginFailures', settings.consecutiveLocalOriginFailures),
    ...(settings.splitExternalLocalOriginErrors === undefined
      ? {}
      : { splitExternalLocalOriginErrors: settings.splitExternalLocalOriginErrors }),
    ...milliseconds('intervalMs', settings.interval),
    ...milliseconds('baseEjectionTimeMs', settings.baseEjectionTime),
    ...limit('maxEjectionPercent', settings.maxEjectionPercent),
    ...given('minHealthPercent', settings.minHealthPercent),
  };
}

export function resolveConnectTimeout(settings: ConnectionPoolSettings | undefined, meshDefault: number): number {
  const own = settings?.tcp?.connectTimeout;
  return (own === undefined ? undefined : parseDuration(own)) ?? meshDefault;
}

/** A count of 0 means the default. */
function limit<Name extends string>(name: Name, value: number | null | undefined): { readonly [key in Name]?: number } {
  return value === undefined || value === null || value === 0 ? {} : given(name, value);
}

function given<Name extends string>(name: Name, value: number | null | undefined): { readonly [key in Name]?: number } {
  return (value === undefined || value === null ? {} : { [name]: value }) as { readonly [key in Name]?: number };
}

function milliseconds<Name extends string>(name: Name, text: string | undefined): { readonly [key in Name]?: number } {
  return given(name, text === undefined ? undefined : parseDuration(text));
}
