/** VirtualServices as Sidecars import them: by the namespace that they stand in and by the hosts that they claim. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import {
  exportsOf,
  findVirtualServices,
  renderBy,
  type VirtualServiceQueries,
} from '../frontend/istio/virtualservices.ts';
import { compareSpecificity, hostWithin, isWildcard, resolveHost } from '../hosts.ts';
import { boundToMesh, hostsOf, testsSource } from '../inputs.ts';
import { parseServiceId, renderObjectKey } from '../keys.ts';
import type { OverrideQueries } from '../outbound/overrides.ts';
import { compareAge, exportedTo, isPublic } from '../selection.ts';
import type { VirtualServiceSpec } from '../specs.ts';
import type { Config } from '../types/inputs.ts';
import { type EgressHosts, importsRoute } from './hosts.ts';

/** What importing needs to know of a VirtualService that routes for sidecars; it stays the same when a weight changes. */
export interface MeshRoute {
  readonly key: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: number;
  readonly hosts: readonly string[];
  readonly exportTo: readonly string[];
  /** Its routes depend on where a call comes from. */
  readonly testsSource: boolean;
  readonly destinations: readonly RouteTarget[];
}

export interface RouteTarget {
  readonly hostname: string;
  /** 0 where any port may be meant. */
  readonly port: number;
  /** Client namespaces whose calls go there; absent: all. */
  readonly sources?: readonly string[];
}

export interface SidecarRouteQueries {
  /** By namespace: the VirtualServices in it that route for sidecars, oldest first. */
  readonly meshRoutes: Query<readonly MeshRoute[]>;
  /** By hostname: the keys of the VirtualServices by which everybody routes it, as `by` of a key; '' for none. */
  readonly publicRoutes: Query<string>;
  /** By namespace: ids of its services to whose hosts any VirtualService lays claim. */
  readonly claimedServices: Query<readonly string[]>;
}

export function defineSidecarRoutes(
  graph: Graph,
  virtualServices: VirtualServiceQueries,
  overrides: OverrideQueries,
): SidecarRouteQueries {
  const { inputs } = virtualServices;
  const meshRoutes = graph.query<readonly MeshRoute[]>(
    'meshRoutes',
    (reader, namespace) =>
      [...reader.bucket(inputs.virtualServices, 'namespace', namespace)]
        .filter((config) => boundToMesh(config.spec))
        .sort(compareAge)
        .map((config) => ({
          key: renderObjectKey(config.cluster, config.namespace, config.name),
          cluster: config.cluster,
          namespace: config.namespace,
          name: config.name,
          createdAt: config.createdAt,
          hosts: hostsOf(config, inputs.domainSuffix),
          exportTo: exportsOf(reader, virtualServices.settings, config),
          testsSource: testsSource(config.spec),
          destinations: targetsOf(config, inputs.domainSuffix),
        })),
    { equal: sameData },
  );
  const publicRoutes = graph.query<string>('publicRoutes', (reader, hostname) =>
    renderBy(findVirtualServices(reader, virtualServices, hostname, undefined)),
  );
  const claimedServices = graph.query<readonly string[]>(
    'claimedServices',
    (reader, namespace) => {
      const claimed = reader
        .buckets(inputs.virtualServices, 'host')
        .flatMap((host) => reader.read(overrides.servicesOfHost, host))
        .filter((id) => parseServiceId(id).namespace === namespace);
      return [...new Set(claimed)].sort();
    },
    { equal: sameData },
  );
  return { meshRoutes, publicRoutes, claimedServices };
}

function targetsOf({ spec, namespace }: Config<VirtualServiceSpec>, domainSuffix: string): readonly RouteTarget[] {
  const targets: RouteTarget[] = [];
  for (const route of spec.http ?? []) {
    const sources = sourcesOf(route.match);
    const destinations = [
      ...(route.route ?? []).map(({ destination }) => destination),
      ...(route.mirror === undefined ? [] : [route.mirror]),
      ...(route.mirrors ?? []).map(({ destination }) => destination),
    ];
    for (const { host, port } of destinations) {
      const hostname = resolveHost(host, namespace, domainSuffix);
      targets.push({ hostname, port: port?.number ?? 0, ...(sources === undefined ? {} : { sources }) });
    }
  }
  for (const { route = [] } of [...(spec.tls ?? []), ...(spec.tcp ?? [])]) {
    for (const { destination } of route) {
      const hostname = resolveHost(destination.host, namespace, domainSuffix);
      targets.push({ hostname, port: destination.port?.number ?? 0 });
    }
  }
  return targets;
}

/** The client namespaces that a route is for; undefined when one of its matches, or none, asks for any. */
function sourcesOf(matches: readonly { readonly sourceNamespace?: string | undefined }[] = []) {
  const named = matches.map(({ sourceNamespace }) => sourceNamespace ?? '');
  return named.length === 0 || named.includes('') ? undefined : named;
}

/**
 * What a listener imports, those first that go first where several claim one host: exported to few before public, then
 * by age.
 */
export function selectRoutes(
  reader: Reader,
  queries: Pick<SidecarRouteQueries, 'meshRoutes'>,
  virtualServices: VirtualServiceQueries,
  hosts: EgressHosts,
  client: string,
): readonly MeshRoute[] {
  const namespaces = hosts.imported.some((pattern) => pattern.namespace === '*')
    ? reader.buckets(virtualServices.inputs.virtualServices, 'namespace')
    : [...new Set(hosts.imported.map((pattern) => pattern.namespace))];
  return namespaces
    .flatMap((namespace) => reader.read(queries.meshRoutes, namespace))
    .filter((route) => isPublic(route.exportTo) || exportedTo(route.exportTo, route.namespace, client))
    .filter((route) => route.hosts.some((host) => importsRoute(hosts, route.namespace, host)))
    .sort((a, b) => Number(isPublic(a.exportTo)) - Number(isPublic(b.exportTo)) || compareAge(a, b));
}

/** Finds the routes for a hostname: the most specific of the claimed hosts counts, then the order of the routes. */
export function indexRoutes(routes: readonly MeshRoute[]): {
  readonly hosts: ReadonlyMap<string, readonly MeshRoute[]>;
  find(hostname: string): readonly MeshRoute[];
} {
  const hosts = new Map<string, MeshRoute[]>();
  for (const route of routes) {
    for (const host of route.hosts) {
      const known = hosts.get(host);
      if (known === undefined) hosts.set(host, [route]);
      else known.push(route);
    }
  }
  const wildcards = [...hosts.keys()].filter(isWildcard).sort(compareSpecificity);
  return {
    hosts,
    find(hostname) {
      const wide = wildcards.filter((wildcard) => wildcard !== hostname && hostWithin(hostname, wildcard));
      return [...new Set([hostname, ...wide].flatMap((host) => hosts.get(host) ?? []))];
    },
  };
}
