import type { FilterChain } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildFileAccessLog } from './access-log.ts';
import { buildOfferFilter } from './alpn.ts';
import { buildDnsCache } from './dns-cache.ts';
import { buildHttpMetrics } from './metrics.ts';
import { filters, renderStatPrefix } from './names.ts';
import { buildRouteTable } from './route-table.ts';
import type { ListenerSettings } from './settings.ts';
import { buildDuration, wrap } from './values.ts';

type HttpConnectionManager =
  Message<'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'>;
type HttpFilter = Message<'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'>;

export type HttpHandler = Extract<FilterChain['handler'], { kind: 'http' }>;

interface Role {
  readonly reporter: 'source' | 'destination';
  readonly server: HttpConnectionManager;
  /** Of a client's certificate, beside subject and names. */
  readonly xfcc: NonNullable<HttpConnectionManager['setCurrentClientCertDetails']>;
}

/** What follows from the place in the mesh, as Istio's proxies behave there. */
const roles = {
  'sidecar-outbound': { reporter: 'source', server: {}, xfcc: {} },
  'sidecar-inbound': {
    reporter: 'destination',
    server: { serverName: 'istio-envoy', serverHeaderTransformation: 'PASS_THROUGH' },
    xfcc: {},
  },
  // Clients from elsewhere are known by more than a name in their certificate.
  gateway: { reporter: 'source', server: { serverName: 'istio-envoy' }, xfcc: { cert: true } },
} as const satisfies Record<HttpHandler['role'], Role>;

export function buildHttpConnectionManager(handler: HttpHandler, settings: ListenerSettings): HttpConnectionManager {
  const role = roles[handler.role];
  return {
    statPrefix: renderStatPrefix(handler.statPrefix),
    codecType: 'AUTO',
    ...buildRouteSource(handler.routes),
    httpFilters: buildHttpFilters(handler),
    http2ProtocolOptions: { allowConnect: true },
    accessLog: [
      ...(settings.accessLog ? [buildFileAccessLog(settings.accessLog)] : []),
      ...(settings.metrics ? buildHttpMetrics(role.reporter) : []),
    ],
    useRemoteAddress: wrap(handler.useRemoteAddress),
    generateRequestId: wrap(true),
    ...buildClientCertificateForwarding(handler),
    proxy100Continue: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    streamIdleTimeout: buildDuration(0),
    normalizePath: wrap(true),
    pathWithEscapedSlashesAction: 'KEEP_UNCHANGED',
    ...role.server,
  };
}

function buildRouteSource(routes: HttpHandler['routes']): Pick<HttpConnectionManager, 'rds' | 'routeConfig'> {
  if ('inline' in routes) return { routeConfig: buildRouteTable(routes.inline) };
  return {
    rds: {
      configSource: { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout: buildDuration(0) },
      routeConfigName: routes.rds,
    },
  };
}

/** x-forwarded-client-cert: which parts of a verified client certificate the application sees. */
function buildClientCertificateForwarding(
  handler: HttpHandler,
): Pick<HttpConnectionManager, 'forwardClientCertDetails' | 'setCurrentClientCertDetails'> {
  const { forwardClientCert: policy } = handler;
  const sets = policy === 'SANITIZE_SET' || policy === 'APPEND_FORWARD';
  return {
    forwardClientCertDetails: policy,
    ...(sets
      ? { setCurrentClientCertDetails: { subject: wrap(true), dns: true, uri: true, ...roles[handler.role].xfcc } }
      : {}),
  };
}

/** The router is always the last, and before it what looks at the cluster that the request goes to in the end. */
function buildHttpFilters({ lookup, role }: HttpHandler): HttpFilter[] {
  return [
    ...(lookup === undefined
      ? []
      : [
          {
            name: filters.dynamicForwardProxy,
            typedConfig: pack('envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', {
              dnsCacheConfig: buildDnsCache(lookup),
            }),
          },
        ]),
    ...(role === 'sidecar-inbound' ? [] : [buildOfferFilter()]),
    { name: filters.router, typedConfig: pack('envoy.extensions.filters.http.router.v3.Router', {}) },
  ];
}
