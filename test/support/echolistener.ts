/** A listener that answers every request by itself, over TLS with the certificate that the agent serves. */
import { createServer } from 'node:net';
import { type Any, fromJson, pack } from '#wire/index.ts';

export interface NamedResource {
  readonly name: string;
  readonly resource: Any;
}

export async function buildEchoListener(): Promise<NamedResource & { readonly port: number }> {
  const port = await findPort();
  const sds = {
    name: 'default',
    sdsConfig: {
      resourceApiVersion: 'V3',
      apiConfigSource: {
        apiType: 'GRPC',
        transportApiVersion: 'V3',
        grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
      },
    },
  };
  const listener = fromJson('envoy.config.listener.v3.Listener', {
    name: 'echo',
    trafficDirection: 'INBOUND',
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    filterChains: [
      {
        transportSocket: {
          name: 'envoy.transport_sockets.tls',
          typedConfig: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
            commonTlsContext: { tlsCertificateSdsSecretConfigs: [sds] },
          },
        },
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              statPrefix: 'echo',
              routeConfig: {
                name: 'echo',
                virtualHosts: [
                  {
                    name: 'echo',
                    domains: ['*'],
                    routes: [
                      { match: { prefix: '/' }, directResponse: { status: 200, body: { inlineString: 'hello' } } },
                    ],
                  },
                ],
              },
              httpFilters: [
                {
                  name: 'envoy.filters.http.router',
                  typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  });
  return { name: 'echo', resource: pack('envoy.config.listener.v3.Listener', listener), port };
}

/** Free at this moment. */
function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
