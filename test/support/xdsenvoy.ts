/** A real Envoy that gets everything from a discovery server on loopback, and small resources to serve to it. */
import { buildSplitRouteTable, renderSplitHostName } from '#envoy/index.ts';
import { pack } from '#wire/index.ts';
import type { ServedResource } from '#xds/index.ts';
import { sidecarNode } from './adsclient.ts';
import { type RunningEnvoy, type StartOptions, startEnvoy } from './envoy.ts';
import { serve } from './snapshots.ts';

const ADS = { ads: {}, resourceApiVersion: 'V3' } as const;
const SECOND = { seconds: 1 };

/** Starts an Envoy whose clusters and listeners come from the server on this port. */
export async function startXdsEnvoy(
  discoveryPort: number,
  protocol: 'delta' | 'sotw',
  options: StartOptions = {},
): Promise<RunningEnvoy> {
  const address = { socketAddress: { address: '127.0.0.1', portValue: discoveryPort } };
  const bootstrap = {
    node: { ...sidecarNode('web'), cluster: 'web.default' },
    staticResources: {
      clusters: [
        {
          name: 'xds-grpc',
          type: 'STATIC',
          connectTimeout: SECOND,
          loadAssignment: {
            clusterName: 'xds-grpc',
            endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
          },
          typedExtensionProtocolOptions: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': pack(
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              { explicitHttpConfig: { http2ProtocolOptions: {} } },
            ),
          },
        },
      ],
    },
    dynamicResources: {
      adsConfig: {
        apiType: protocol === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transportApiVersion: 'V3',
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ envoyGrpc: { clusterName: 'xds-grpc' } }],
      },
      cdsConfig: ADS,
      ldsConfig: ADS,
    },
  } satisfies Parameters<typeof startEnvoy>[0];
  return startEnvoy(bootstrap, options);
}

/** A cluster whose endpoints come by EDS. A changed timeout makes it another cluster to Envoy. */
export function edsCluster(name: string, connectTimeoutSeconds = 1): ServedResource {
  return serve(
    'envoy.config.cluster.v3.Cluster',
    name,
    {
      name,
      type: 'EDS',
      connectTimeout: { seconds: connectTimeoutSeconds },
      edsClusterConfig: { edsConfig: { ...ADS, initialFetchTimeout: { seconds: 15 } } },
    },
    { endpointsName: name },
  );
}

export function endpoint(clusterName: string, port: number): ServedResource {
  const address = { socketAddress: { address: '127.0.0.1', portValue: port } };
  return serve('envoy.config.endpoint.v3.ClusterLoadAssignment', clusterName, {
    clusterName,
    endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
  });
}

/** One virtual host that sends everything to one cluster. `note` changes the bytes and nothing else. */
export function routeTo(cluster: string, note = ''): ServedResource {
  return serve(
    'envoy.config.route.v3.RouteConfiguration',
    'web',
    {
      name: 'web',
      virtualHosts: [{ name: `all${note}`, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
    },
    { needs: [cluster] },
  );
}

/** The table of `httpListener`, whose virtual hosts are resources of their own. */
export function splitTable(): ServedResource {
  return serve('envoy.config.route.v3.RouteConfiguration', 'web', buildSplitRouteTable('web'));
}

/** A virtual host of the split table that sends everything to one cluster. */
export function virtualHost(host: string, cluster: string, domains: readonly string[] = [host]): ServedResource {
  const name = renderSplitHostName('web', host);
  return serve(
    'envoy.config.route.v3.VirtualHost',
    name,
    { name, domains: [...domains], routes: [{ match: { prefix: '/' }, route: { cluster } }] },
    { needs: [cluster], claims: domains },
  );
}

/** Envoy refuses it: its regular expression is none. */
export function brokenVirtualHost(host: string): ServedResource {
  const name = renderSplitHostName('web', host);
  return serve(
    'envoy.config.route.v3.VirtualHost',
    name,
    { name, domains: [host], routes: [{ match: { safeRegex: { regex: '(' } }, directResponse: { status: 200 } }] },
    { claims: [host] },
  );
}

interface HttpListenerOptions {
  /** It asks for the virtual host of a request that no route matches. */
  readonly onDemand?: boolean;
  /** Regular expressions of paths that it lets nobody ask for. Envoy refuses it when one is none. */
  readonly denied?: readonly string[];
}

export function httpListener(
  name: string,
  port: number,
  { onDemand = false, denied = [] }: HttpListenerOptions = {},
): ServedResource {
  const denying = {
    name: 'deny',
    typedConfig: pack('envoy.extensions.filters.http.rbac.v3.RBAC', {
      rules: {
        action: 'DENY',
        policies: {
          paths: {
            permissions: denied.map((regex) => ({ urlPath: { path: { safeRegex: { regex } } } })),
            principals: [{ any: true }],
          },
        },
      },
    }),
  };
  const asking = { name: 'ask', typedConfig: pack('envoy.extensions.filters.http.on_demand.v3.OnDemand', {}) };
  const manager = pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: name,
    rds: { routeConfigName: 'web', configSource: ADS },
    httpFilters: [
      ...(denied.length > 0 ? [denying] : []),
      ...(onDemand ? [asking] : []),
      { name: 'router', typedConfig: pack('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
  });
  return serve(
    'envoy.config.listener.v3.Listener',
    name,
    {
      name,
      address: { socketAddress: { address: '127.0.0.1', portValue: port } },
      filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
    },
    { routeNames: ['web'] },
  );
}

/** Envoy refuses it: it has no address. */
export function brokenListener(name: string): ServedResource {
  return serve('envoy.config.listener.v3.Listener', name, { name, filterChains: [] });
}
