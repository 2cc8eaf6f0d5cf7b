/** All queries of the model, joined. The comment at each says what its key is (forms: keys.ts). */
import type { Graph, Query } from '#graph/types.ts';
import { defineDiagnostics } from './diagnostics/diagnostics.ts';
import { type AddressDemand, defineAddressDemands } from './discovery/allocation.ts';
import { defineEndpoints, type EndpointQueries } from './discovery/endpoints.ts';
import { defineHosts } from './discovery/hosts.ts';
import { defineNames, type NameQueries } from './discovery/names.ts';
import { defineServices, type ServiceQueries } from './discovery/services.ts';
import { sameData } from './equality.ts';
import { defineRules } from './frontend/istio/destinationrules.ts';
import { defineVirtualServices } from './frontend/istio/virtualservices.ts';
import { defineGateways, type GatewayQueries } from './gateway/gateway.ts';
import { defineSecrets, type SecretQueries } from './gateway/secrets.ts';
import { defineGatewayTables, type GatewayTableQueries } from './gateway/tables.ts';
import { defineInboundScope } from './inbound/ingress.ts';
import { defineInbound, type InboundQueries } from './inbound/listener.ts';
import type { MeshInputs } from './inputs.ts';
import { parseViewKey } from './keys.ts';
import { type ClusterQueries, defineClusters } from './outbound/cluster.ts';
import { type ClusterListQueries, defineClusterLists } from './outbound/clusters.ts';
import { type CredentialQueries, defineCredentials } from './outbound/credentials.ts';
import { defineListeners } from './outbound/listener.ts';
import { defineListenerLists, type ListenerListQueries } from './outbound/listeners.ts';
import { defineOverrides } from './outbound/overrides.ts';
import { definePlacedServices, definePlacement, type PlacementQueries } from './outbound/placement.ts';
import { definePorts } from './outbound/ports.ts';
import { defineRouteTables, type RouteTableQueries } from './outbound/routetables.ts';
import { defineVirtualHosts } from './outbound/virtualhost.ts';
import { defineProxyKeys } from './proxykeys.ts';
import { definePeerPolicies } from './security/peerauthentication.ts';
import { defineSettings } from './settings.ts';
import { defineEgress } from './sidecar/egress.ts';
import { defineSidecarClaims, sidecarSources } from './sidecar/sidecars.ts';
import type { StatusFact } from './types/facts.ts';
import type { SourceRef } from './types/identity.ts';
import type { ProxyKeys } from './types/proxy.ts';
import type { Listener, VirtualHost } from './types/resolved.ts';
import type { MeshSettings } from './types/settings.ts';

export interface MeshQueries
  extends ServiceQueries,
    EndpointQueries,
    NameQueries,
    ClusterListQueries,
    ClusterQueries,
    ListenerListQueries,
    RouteTableQueries,
    PlacementQueries,
    InboundQueries,
    GatewayQueries,
    GatewayTableQueries,
    SecretQueries,
    CredentialQueries {
  /** Key ''. */
  readonly settings: Query<MeshSettings>;
  /** By `renderProxyFacts`. */
  readonly proxyKeys: Query<ProxyKeys>;
  /** By listener key; undefined when what it serves is gone. */
  readonly listener: Query<Listener | undefined>;
  /** By virtual host key. */
  readonly virtualHost: Query<VirtualHost>;
  /** Key '': ServiceEntries that have, want or declare addresses. */
  readonly addressDemands: Query<readonly AddressDemand[]>;
  /** By `Kind/cluster/namespace/name`: complaints about the resource. */
  readonly diagnostics: Query<readonly StatusFact[]>;
  /** By view key: the user resources that decide what it holds and don't show in what it holds. */
  readonly viewSources: Query<readonly SourceRef[]>;
}

export function createMeshQueries(graph: Graph, inputs: MeshInputs): MeshQueries {
  const { settings } = defineSettings(graph, inputs);
  const services = defineServices(graph, inputs, settings);
  const hosts = defineHosts(graph, services);
  const endpoints = defineEndpoints(graph, inputs, settings, services);
  const rules = defineRules(graph, inputs, settings);
  const virtualServices = defineVirtualServices(graph, inputs, settings);
  const peerPolicies = definePeerPolicies(graph, inputs, settings);
  const clusters = defineClusters(graph, { inputs, settings, services, endpoints, rules, peerPolicies });
  const ports = definePorts(graph, services);
  const overrides = defineOverrides(graph, services, virtualServices);
  const egress = defineEgress(graph, { settings, services, endpoints, virtualServices, overrides, ports });
  const clusterLists = defineClusterLists(graph, { inputs, settings, services, hosts, rules, imports: egress });
  const routeTables = defineRouteTables(graph, { settings, services, hosts, ports, overrides, egress });
  const gateways = defineGateways(graph, { inputs, services, virtualServices });
  const secrets = defineSecrets(graph, inputs, settings, gateways);
  const placed = definePlacedServices(graph, inputs, services);
  const { placePrecision } = placed;
  const sidecarClaims = defineSidecarClaims(graph, inputs);
  const inboundScope = defineInboundScope(graph, inputs);
  const { proxyKeys } = defineProxyKeys(graph, {
    inputs,
    settings,
    peerPolicies,
    placePrecision,
    sidecarClaims,
    inboundScope,
  });
  return {
    settings,
    ...services,
    ...endpoints,
    ...defineNames(graph, { services, endpoints, imports: egress }),
    ...clusterLists,
    ...clusters,
    ...routeTables,
    ...definePlacement(graph, placed, clusterLists),
    ...defineListenerLists(graph, {
      ...{ settings, services, hosts, endpoints, ports, tables: routeTables, overrides, egress },
    }),
    ...defineInbound(graph, { inputs, settings, services, rules, peerPolicies, inboundScope }),
    ...gateways,
    ...defineGatewayTables(graph, { inputs, services, virtualServices }, gateways),
    ...secrets,
    ...defineCredentials(graph, inputs, settings),
    addressDemands: defineAddressDemands(graph, inputs),
    diagnostics: defineDiagnostics(graph, {
      ...{
        inputs,
        settings,
        services,
        hosts,
        ports,
        virtualServices,
        rules,
        secrets,
        peerPolicies,
        egress,
        sidecarClaims,
      },
    }),
    proxyKeys,
    viewSources: graph.query(
      'viewSources',
      (reader, key) => sidecarSources(reader, inputs, parseViewKey(key).sidecar),
      { equal: sameData },
    ),
    listener: defineListeners(graph, { services, hosts, ports, virtualServices, members: egress }),
    virtualHost: defineVirtualHosts(graph, { services, virtualServices, overrides }),
  };
}
