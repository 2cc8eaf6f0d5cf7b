import * as z from 'zod';
import { atMostOne, withRule } from '../schema/rule.ts';
import { int32, portNumber, preserved, stringMap, uint32, type Value } from '../schema/vocabulary.ts';
import { oneAttachment, targetRefs, WorkloadSelector } from '../shared/selector.ts';

const Named = z.object({ name: z.string().optional().describe('Its name.') });

const FilterMatch = z.object({
  name: z.string().optional().describe('Name of the network filter.'),
  subFilter: Named.optional().describe('HTTP filter inside the connection manager.'),
});

const ListenerMatch = z.object({
  portNumber: uint32().optional().describe('Port of the listener.'),
  portName: z.string().optional().describe('No longer used.'),
  name: z.string().optional().describe('Name of the listener.'),
  listenerFilter: z.string().optional().describe('Name of a listener filter.'),
  filterChain: z
    .object({
      name: z.string().optional().describe('Name of the chain.'),
      sni: z.string().optional().describe('Server name that the chain matches.'),
      transportProtocol: z.string().optional().describe('raw_buffer or tls.'),
      transportSocket: z.string().optional().describe('Name of the transport socket of the chain.'),
      applicationProtocols: z.string().optional().describe('ALPN values, separated by commas.'),
      destinationPort: uint32().optional().describe('Port that the chain matches.'),
      filter: FilterMatch.optional().describe('Filter in the chain.'),
    })
    .optional()
    .describe('Filter chain in the listener.'),
});

const RouteConfigurationMatch = z.object({
  portNumber: uint32().optional().describe('Port that the routes are for.'),
  portName: z.string().optional().describe('Port name on a gateway.'),
  gateway: z.string().optional().describe('Gateway as namespace/name.'),
  name: z.string().optional().describe('Name of the route configuration.'),
  vhost: z
    .object({
      name: z.string().optional().describe('Name of the virtual host.'),
      domainName: z.string().optional().describe('One of its domains.'),
      route: z
        .object({
          name: z.string().optional().describe('Name of the route.'),
          action: z.enum(['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']).optional().describe('What the route does.'),
        })
        .optional()
        .describe('Route in the virtual host.'),
    })
    .optional()
    .describe('Virtual host in the configuration.'),
});

const ClusterMatch = z.object({
  portNumber: uint32().optional().describe('Port of the service.'),
  service: z.string().optional().describe('Host name of the service.'),
  subset: z.string().optional().describe('Subset of the service.'),
  name: z.string().optional().describe('Name of the cluster.'),
});

const WaypointMatch = z.object({
  portNumber: portNumber().optional().describe('Port of the service.'),
  filter: FilterMatch.optional().describe('Filter in the chain.'),
  route: Named.optional().describe('Route of the service.'),
});

export const EnvoyConfigObjectMatch = withRule(
  atMostOne(
    z.object({
      context: z
        .enum(['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'])
        .optional()
        .describe('Where in the mesh the object is.'),
      proxy: z
        .object({
          proxyVersion: z.string().optional().describe('RE2 expression for the version of the proxy.'),
          metadata: stringMap().optional().describe('Metadata that the proxy must have.'),
        })
        .optional()
        .describe('Proxies that the patch is for.'),
      listener: ListenerMatch.optional().describe('Listener, chain or filter to patch.'),
      routeConfiguration: RouteConfigurationMatch.optional().describe(
        'Route configuration, virtual host or route to patch.',
      ),
      cluster: ClusterMatch.optional().describe('Cluster to patch.'),
      waypoint: WaypointMatch.optional().describe('Object of a waypoint to patch.'),
    }),
    'listener',
    'routeConfiguration',
    'cluster',
    'waypoint',
  ),
  {
    cel: 'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)',
    message: 'waypoint goes with context WAYPOINT only',
    holds: (match) => (match.context === 'WAYPOINT') === (match.waypoint !== undefined),
  },
);
export type EnvoyConfigObjectMatch = Value<typeof EnvoyConfigObjectMatch>;

export const EnvoyConfigObjectPatch = z.object({
  applyTo: z
    .enum([
      'INVALID',
      'LISTENER',
      'FILTER_CHAIN',
      'NETWORK_FILTER',
      'HTTP_FILTER',
      'ROUTE_CONFIGURATION',
      'VIRTUAL_HOST',
      'HTTP_ROUTE',
      'CLUSTER',
      'EXTENSION_CONFIG',
      'BOOTSTRAP',
      'LISTENER_FILTER',
    ])
    .optional()
    .describe('What kind of object is patched.'),
  match: EnvoyConfigObjectMatch.optional().describe('Which objects of that kind.'),
  patch: z
    .object({
      operation: z
        .enum([
          'INVALID',
          'MERGE',
          'ADD',
          'REMOVE',
          'INSERT_BEFORE',
          'INSERT_AFTER',
          'INSERT_FIRST',
          'REPLACE',
          'MERGE_AND_REPLACE_LIST',
        ])
        .optional()
        .describe('How the value is applied.'),
      value: preserved().optional().describe('Envoy’s own message as JSON.'),
      filterClass: z
        .enum(['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'])
        .optional()
        .describe('Where an added filter goes in the order.'),
    })
    .optional()
    .describe('The change.'),
});
export type EnvoyConfigObjectPatch = Value<typeof EnvoyConfigObjectPatch>;

export const EnvoyFilterSpec = oneAttachment(
  z.object({
    workloadSelector: WorkloadSelector.optional().describe(
      'Proxies this applies to; all in the namespace when absent.',
    ),
    targetRefs: targetRefs(),
    configPatches: z.array(EnvoyConfigObjectPatch).optional().describe('Patches, applied in order.'),
    priority: int32().optional().describe('Order among filters; smaller numbers first.'),
  }),
  'workloadSelector',
  'targetRefs',
);
export type EnvoyFilterSpec = Value<typeof EnvoyFilterSpec>;
