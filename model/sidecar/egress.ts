/** Everything that Sidecars decide about outbound traffic, joined. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { EndpointQueries } from '../discovery/endpoints.ts';
import { findService, isVisible, type ServiceQueries } from '../discovery/services.ts';
import type { VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import type { ViewKey } from '../keys.ts';
import type { OverrideQueries } from '../outbound/overrides.ts';
import type { PortQueries } from '../outbound/ports.ts';
import { type OutboundRest, parseEgressProxy } from '../outbound/rest.ts';
import type { MeshSettings } from '../types/settings.ts';
import { portsImported } from './hostfilter.ts';
import { defineImports, type ImportQueries } from './imports.ts';
import { defineMembers, type MemberQueries } from './members.ts';
import { defineEgressPlan, type EgressPlan } from './plan.ts';
import { defineSidecarRoutes, type SidecarRouteQueries } from './routes.ts';
import { defineSidecarScope, importOf, parseScopeKey, renderScopeKey } from './scope.ts';

export interface EgressQueries extends MemberQueries, SidecarRouteQueries {
  /** By scope key: what happens to traffic to unknown destinations. */
  readonly egressRest: Query<OutboundRest>;
  /** By view key; undefined where the listeners are those that the namespace has anyway. */
  readonly egressPlan: Query<EgressPlan | undefined>;
}

export interface EgressParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly endpoints: EndpointQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly overrides: OverrideQueries;
  readonly ports: PortQueries;
}

export function defineEgress(graph: Graph, parts: EgressParts): EgressQueries {
  const { services, virtualServices, overrides } = parts;
  const sidecarScope = defineSidecarScope(graph, virtualServices.inputs);
  const routes = defineSidecarRoutes(graph, virtualServices, overrides);
  const imports = defineImports(graph, { services, virtualServices, overrides, sidecarScope, routes });
  const members = defineMembers(graph, services, imports);
  const egressRest = graph.query<OutboundRest>('egressRest', (reader, key) => {
    const { rest } = reader.read(sidecarScope, key);
    if (rest === reader.read(parts.settings, '').outboundTrafficPolicy) return '';
    return parseEgressProxy(rest) === undefined || seesProxy(reader, { services, egress: imports }, key)
      ? rest
      : 'REGISTRY_ONLY';
  });
  const egressPlan = defineEgressPlan(graph, { ...parts, members, egressRest });
  return { ...routes, ...members, egressRest, egressPlan };
}

/** An egress proxy that is not imported takes nothing, and nothing else takes its place. */
export function seesProxy(
  reader: Reader,
  { services, egress }: { readonly services: ServiceQueries; readonly egress: ImportQueries },
  scopeKey: string,
): boolean {
  const scope = reader.read(egress.sidecarScope, scopeKey);
  const proxy = parseEgressProxy(scope.rest);
  if (proxy === undefined) return false;
  const { ns } = parseScopeKey(scopeKey);
  const ids = reader.read(services.servicesByHostname, proxy.hostname);
  const chosen = scope.whole
    ? findService(reader, services, proxy.hostname, ns)?.id
    : reader.read(egress.scopeServices, scopeKey).owners.get(proxy.hostname);
  const [id] = ids.length > 1 ? ids.filter((one) => one === chosen) : ids;
  const service = id === undefined ? undefined : reader.read(services.service, id);
  if (id === undefined || service === undefined || !isVisible(service, ns)) return false;
  if (!service.ports.some(({ port }) => port === proxy.port)) return false;
  const named = scope.whole ? 'all' : reader.read(egress.scopeServices, scopeKey).services.get(id);
  const ports = named ?? portsImported(scope.listeners.map(importOf), id);
  return ports === 'all' || ports?.includes(proxy.port) === true;
}

/** What a view does with unknown destinations; `''` where the mesh decides. */
export function readRest(reader: Reader, queries: EgressQueries, view: Pick<ViewKey, 'ns' | 'sidecar'>): OutboundRest {
  return view.sidecar === '' ? '' : reader.read(queries.egressRest, renderScopeKey(view));
}
