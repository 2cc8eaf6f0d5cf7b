import type { ClusterName } from '#model/types/index.ts';

/** Envoy's name of a cluster, in Istio's form: `outbound|80|v1|reviews.default.svc.cluster.local`. */
export function renderClusterName(name: ClusterName): string {
  switch (name.direction) {
    case 'outbound':
      return `outbound|${name.port}|${name.subset}|${name.hostname}`;
    case 'inbound':
      return `inbound|${name.port}||`;
    case 'special':
      return name.name;
  }
}

/** Statistics prefix: the trailing `;` lets the bootstrap's tag patterns cut a name that has dots in it. */
export function renderStatPrefix(name: string): string {
  return `${name};`;
}

/** The name of a virtual host as a resource of its own: RouteConfiguration, slash, virtual host. */
export function renderVirtualHostName(routeTable: string, virtualHost: string): string {
  return `${routeTable}/${virtualHost}`;
}

/** Names of the transport sockets that endpoint metadata selects. */
export const MTLS_SOCKET = 'tlsMode-istio';
export const PLAINTEXT_SOCKET = 'tlsMode-disabled';

/** Key and value of the endpoint metadata by which a client sees that mesh mTLS is accepted. */
export const TLS_MODE_KEY = 'tlsMode';
export const TLS_MODE_ISTIO = 'istio';

/** SDS names of the workload's own certificate and of the roots that it trusts, as the agent serves them. */
export const WORKLOAD_CERTIFICATE = 'default';
export const WORKLOAD_ROOTS = 'ROOTCA';

/**
 * SDS names of files in the proxy's container. The agent serves what they hold and follows it, so that a renewed certificate
 * is taken up, and a file that is missing is no reason for Envoy to refuse a whole listener. Where the public roots of the
 * image lie is left to the agent, too.
 */
export const renderCertificateFiles = (certificate: string, key: string): string => `file-cert:${certificate}~${key}`;
export const renderRootsFiles = (path = 'system', crl?: string): string =>
  crl === undefined ? `file-root:${path}` : `file-root:${path}~${crl}`;

/** SDS names with this prefix stand for Kubernetes Secrets and come from the control plane. */
export const KUBERNETES_SECRET_PREFIX = 'kubernetes://';

/** Names of Envoy's filters and extensions, as `istioctl` and patches refer to them. */
export const filters = {
  httpConnectionManager: 'envoy.filters.network.http_connection_manager',
  tcpProxy: 'envoy.filters.network.tcp_proxy',
  router: 'envoy.filters.http.router',
  dynamicForwardProxy: 'envoy.filters.http.dynamic_forward_proxy',
  sniDynamicForwardProxy: 'envoy.filters.network.sni_dynamic_forward_proxy',
  setFilterState: 'envoy.filters.http.set_filter_state',
  grpcStats: 'envoy.filters.http.grpc_stats',
  originalDst: 'envoy.filters.listener.original_dst',
  tlsInspector: 'envoy.filters.listener.tls_inspector',
  httpInspector: 'envoy.filters.listener.http_inspector',
  tls: 'envoy.transport_sockets.tls',
  rawBuffer: 'envoy.transport_sockets.raw_buffer',
  httpProtocolOptions: 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  fileAccessLog: 'envoy.access_loggers.file',
  statsAccessLog: 'envoy.access_loggers.stats',
} as const;
