import { buildWildcardAddress } from './address.ts';
import { AGENT_CLUSTER } from './clusters.ts';
import type { BootstrapOptions, Json } from './options.ts';

/** A listener that forwards one path to the agent and answers nothing else. */
function buildAgentListener(
  options: BootstrapOptions,
  name: string,
  port: number,
  path: string,
  agentPath: string,
): Json {
  return {
    name,
    address: buildWildcardAddress(options.addressFamilies, port),
    // Probes and scrapes must get through when the pod is out of connections.
    bypassOverloadManager: true,
    ignoreGlobalConnLimit: true,
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              statPrefix: 'agent;',
              codecType: 'AUTO',
              routeConfig: {
                name: `${name}-route`,
                virtualHosts: [
                  {
                    name: 'backend',
                    domains: ['*'],
                    routes: [
                      {
                        match: { path },
                        route: {
                          cluster: AGENT_CLUSTER,
                          ...(path === agentPath ? {} : { prefixRewrite: agentPath }),
                        },
                      },
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
  };
}

/** Listeners that exist before the control plane is reached: readiness and metrics. */
export function buildBootstrapListeners(options: BootstrapOptions): readonly Json[] {
  const { readinessPort, prometheusPort, agentStatsPath } = options;
  return [
    buildAgentListener(options, 'agent-readiness', readinessPort, '/healthz/ready', '/healthz/ready'),
    buildAgentListener(options, 'prometheus', prometheusPort, '/stats/prometheus', agentStatsPath),
  ];
}
