/**
 * The mesh as proxyless gRPC clients take it: a listener per name that is dialled, a route table per service port, clusters
 * in the few forms that they accept. A client refuses a resource that holds anything else, so what it can't do is left out.
 */
import type { Cluster, Route, VirtualHost } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildCluster } from './cluster.ts';
import { renderClusterName } from './names.ts';
import { buildRoute } from './route.ts';

/** The certificate provider in the client's bootstrap that Istio's agent fills. */
const PROVIDER = 'default';

/** Served as any other, with no endpoints: a client waits long for a cluster that there is none of. */
export const BLACK_HOLE = renderClusterName({ direction: 'special', name: 'BlackHoleCluster' });

/** `name` is what the client dials, `HOST:PORT`. */
export function buildGrpcListener(name: string, table: string): Message<'envoy.config.listener.v3.Listener'> {
  const manager = pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    rds: { routeConfigName: table, configSource: { ads: {}, resourceApiVersion: 'V3' } },
    httpFilters: [
      {
        name: 'envoy.filters.http.router',
        typedConfig: pack('envoy.extensions.filters.http.router.v3.Router', {}),
      },
    ],
  });
  return { name, apiListener: { apiListener: manager } };
}

/** The routes of one service port, whatever name it was dialled by. */
export function buildGrpcRouteTable(
  name: string,
  host: Pick<VirtualHost, 'name' | 'routes'>,
): Message<'envoy.config.route.v3.RouteConfiguration'> {
  const routes = host.routes.filter(canMatch).map(buildGrpcRoute);
  return { name, virtualHosts: [{ name: host.name, domains: ['*'], routes }] };
}

/** Calls have no query. */
function canMatch({ match }: Route): boolean {
  return match.queryParameters.length === 0;
}

/**
 * A redirect or an answer of the proxy's own becomes a failure: what a rule takes must not fall to the rule below it. The
 * action that is meant for this crashes grpc-js 1.14, so it leads to a cluster without endpoints. So does what a proxy would
 * pass on to where the client aimed.
 */
function buildGrpcRoute(route: Route): Message<'envoy.config.route.v3.Route'> {
  const { name, match, route: action } = buildRoute(route);
  const common = { ...(name === undefined ? {} : { name }), match };
  if (action === undefined || passesOn(route)) return { ...common, route: { cluster: BLACK_HOLE } };
  const { retryPolicy, ...rest } = action;
  const retries = retryPolicy?.numRetries?.value ?? 0;
  return { ...common, route: retries > 0 && retryPolicy !== undefined ? { ...rest, retryPolicy } : rest };
}

const passesOn = ({ action }: Route): boolean =>
  action.kind === 'forward' && action.clusters.some(({ cluster }) => cluster.direction === 'special');

/**
 * A cluster whose endpoints come by EDS. TLS only where the user asked for the mesh's: nobody can tell whether a client was
 * made with credentials that follow xDS, and it has no way to decide by endpoint.
 */
export function buildGrpcCluster(cluster: Cluster): Message<'envoy.config.cluster.v3.Cluster'> {
  const { outlierDetection } = buildCluster(cluster);
  const name = renderClusterName(cluster.name);
  const { maxRequests } = cluster.connectionPool ?? {};
  return {
    name,
    type: 'EDS',
    edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' }, serviceName: name },
    lbPolicy: 'ROUND_ROBIN',
    ...(maxRequests === undefined
      ? {}
      : { circuitBreakers: { thresholds: [{ maxRequests: { value: maxRequests } }] } }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...(cluster.tls.kind === 'istio-mutual' ? buildMeshTls(cluster.tls.subjectAltNames) : {}),
  };
}

function buildMeshTls(subjectAltNames: readonly string[]): Message<'envoy.config.cluster.v3.Cluster'> {
  const context = pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    commonTlsContext: {
      tlsCertificateProviderInstance: { instanceName: PROVIDER, certificateName: 'default' },
      combinedValidationContext: {
        defaultValidationContext: {
          caCertificateProviderInstance: { instanceName: PROVIDER, certificateName: 'ROOTCA' },
          matchSubjectAltNames: subjectAltNames.map((exact) => ({ exact })),
        },
      },
    },
  });
  return { transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig: context } };
}
