/** The services and routes that the listeners of a Sidecar import. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { findService, isVisible, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { NO_ROUTE, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { isWildcard } from '../hosts.ts';
import { parseServiceId, parseSliceKey, renderSliceKey } from '../keys.ts';
import { isRoutedSomewhere, type OverrideQueries } from '../outbound/overrides.ts';
import { type PortImport, type PortSet, portsImported, renderHostFilter, unitePorts } from './hostfilter.ts';
import { addPorts, importNamed } from './named.ts';
import { type Contest, chooseOwners } from './owners.ts';
import { indexRoutes, type MeshRoute, type SidecarRouteQueries, selectRoutes } from './routes.ts';
import {
  importOf,
  parseEgressKey,
  parseScopeKey,
  readEgress,
  renderEgressKey,
  renderScopeKey,
  type SidecarScope,
} from './scope.ts';

/** Services by wildcard as slices that views share, and those that are named one by one. */
export interface ServiceSelection {
  /** Slice keys; no service is in two of them. */
  readonly slices: readonly string[];
  /** By service id: these ports, whatever a slice holds of the service. */
  readonly services: ReadonlyMap<string, PortSet>;
  /** By host that several namespaces declare: the id that it stands for, which is among `services`. */
  readonly owners: ReadonlyMap<string, string>;
  /** Ids that slices may hold and that give way to an owner. */
  readonly hidden: readonly string[];
}

/** How a client sees a host other than everybody does. */
export interface RouteChoice {
  /** Keys of the VirtualServices that route it, or `none`. */
  readonly by: string;
  /** Its routes depend on who calls. */
  readonly testsSource: boolean;
}

export interface RouteSelection {
  /** By service id: where it isn't what everybody sees. */
  readonly services: ReadonlyMap<string, RouteChoice>;
  /** By host, for ports on which no service has it. */
  readonly hosts: ReadonlyMap<string, RouteChoice>;
}

export interface ImportQueries {
  readonly sidecarScope: Query<SidecarScope>;
  /** By egress key. */
  readonly egressServices: Query<ServiceSelection>;
  /** By egress key. */
  readonly egressRoutes: Query<RouteSelection>;
  /** By scope key: what all listeners import together, and what the routes among it lead to. */
  readonly scopeServices: Query<ServiceSelection>;
}

export interface ImportParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly overrides: OverrideQueries;
  readonly sidecarScope: Query<SidecarScope>;
  readonly routes: SidecarRouteQueries;
}

const nothing: ServiceSelection = { slices: [], services: new Map(), owners: new Map(), hidden: [] };

export function defineImports(graph: Graph, parts: ImportParts): ImportQueries {
  const { services, virtualServices, sidecarScope } = parts;

  const importedRoutes = graph.query<readonly MeshRoute[]>(
    'importedRoutes',
    (reader, key) => {
      const listener = readEgress(reader, sidecarScope, key);
      if (listener === undefined) return [];
      return selectRoutes(reader, parts.routes, virtualServices, listener.hosts, parseEgressKey(key).ns);
    },
    { equal: sameData },
  );

  const egressServices = graph.query<ServiceSelection>(
    'egressServices',
    (reader, key) => {
      const listener = readEgress(reader, sidecarScope, key);
      if (listener === undefined) return nothing;
      const view = parseEgressKey(key);
      const imports = [{ hosts: listener.hosts }];
      const named = importNamed(reader, services, imports, view.ns);
      const contests = chooseOwners(reader, services, sidecarScope, view);
      return selectServices(reader, parts, view.ns, imports, named, contests);
    },
    { equal: sameData },
  );

  const egressRoutes = graph.query<RouteSelection>(
    'egressRoutes',
    (reader, key) => {
      const listener = readEgress(reader, sidecarScope, key);
      if (listener === undefined) return { services: new Map(), hosts: new Map() };
      const selection = reader.read(egressServices, key);
      const isImported = (id: string) =>
        selection.services.has(id) || portsImported([{ hosts: listener.hosts }], id) !== undefined;
      const { ns } = parseEgressKey(key);
      return chooseRoutes(reader, parts, reader.read(importedRoutes, key), selection, ns, isImported);
    },
    { equal: sameData },
  );

  const scopeServices = graph.query<ServiceSelection>(
    'scopeServices',
    (reader, key) => {
      const { ns, sidecar } = parseScopeKey(key);
      const { listeners } = reader.read(sidecarScope, renderScopeKey({ ns, sidecar }));
      const imports = listeners.map(importOf);
      const contests = chooseOwners(reader, services, sidecarScope, { ns, sidecar });
      const named = importNamed(reader, services, imports, ns);
      for (const index of listeners.keys()) {
        const port = imports[index]?.port;
        for (const route of reader.read(importedRoutes, renderEgressKey({ ns, sidecar }, index))) {
          for (const { hostname, port: asked, sources } of route.destinations) {
            if (sources !== undefined && !sources.includes(ns)) continue;
            const service = findService(reader, services, hostname, ns);
            if (service === undefined) continue;
            const wanted = asked === 0 ? port : asked;
            const { id } = contests.get(service.hostname)?.owner ?? service;
            addPorts(named, id, wanted === undefined ? 'all' : [wanted]);
          }
        }
      }
      return selectServices(reader, parts, ns, imports, named, contests);
    },
    { equal: sameData },
  );

  return { sidecarScope, egressServices, egressRoutes, scopeServices };
}

/** `named`: what is imported beside what wildcards take. */
function selectServices(
  reader: Reader,
  parts: ImportParts,
  client: string,
  imports: readonly PortImport[],
  named: ReadonlyMap<string, PortSet>,
  contests: ReadonlyMap<string, Contest>,
): ServiceSelection {
  const slices: string[] = [];
  for (const namespace of namespacesOf(reader, parts, imports)) {
    const filter = renderHostFilter(imports, namespace);
    if (filter !== undefined) slices.push(renderSliceKey({ public: namespace, filter }));
  }
  const own = reader.read(parts.services.serviceSlice, renderSliceKey({ private: client }));
  for (const owner of [...new Set(own.map((id) => parseServiceId(id).namespace))].sort()) {
    const filter = renderHostFilter(imports, owner);
    if (filter !== undefined) slices.push(renderSliceKey({ private: client, owner, filter }));
  }
  return { slices, ...settle(contests, imports, named) };
}

/** What the view has beside its slices, once each contested host stands for one declaration alone. */
function settle(
  contests: ReadonlyMap<string, Contest>,
  imports: readonly PortImport[],
  named: ReadonlyMap<string, PortSet>,
): Omit<ServiceSelection, 'slices'> {
  const services = new Map(besideSlices(named, imports));
  const owners = new Map<string, string>();
  const hidden: string[] = [];
  for (const [hostname, { owner, ids }] of contests) {
    const ports = ids.flatMap((id) => [named.get(id) ?? [], portsImported(imports, id) ?? []]).reduce(unitePorts, []);
    if (ports.length === 0) continue;
    const others = ids.filter((id) => id !== owner.id);
    for (const id of others) services.delete(id);
    services.set(owner.id, ports);
    owners.set(hostname, owner.id);
    hidden.push(...others);
  }
  return { services, owners, hidden };
}

/** Namespaces out of which a wildcard imports. */
function namespacesOf(reader: Reader, { services }: ImportParts, imports: readonly PortImport[]): readonly string[] {
  const patterns = imports.flatMap(({ hosts }) => hosts.imported.filter(({ host }) => isWildcard(host)));
  if (!patterns.some(({ namespace }) => namespace === '*')) {
    return [...new Set(patterns.map(({ namespace }) => namespace))].sort();
  }
  return reader.read(services.visibleSlices, '').flatMap((slice) => {
    const { public: namespace } = parseSliceKey(slice);
    return namespace === '' ? [] : [namespace];
  });
}

/** What of the named services the slices don't hold already. */
function besideSlices(
  named: ReadonlyMap<string, PortSet>,
  imports: readonly PortImport[],
): ReadonlyMap<string, PortSet> {
  const beside = new Map<string, PortSet>();
  for (const [id, ports] of named) {
    const sliced = portsImported(imports, id) ?? [];
    if (sliced !== 'all' && (ports === 'all' || ports.some((port) => !sliced.includes(port)))) {
      beside.set(id, unitePorts(ports, sliced));
    }
  }
  return beside;
}

/** Only services to which some VirtualService lays claim can be routed differently. */
function chooseRoutes(
  reader: Reader,
  parts: ImportParts,
  routes: readonly MeshRoute[],
  selection: ServiceSelection,
  client: string,
  isImported: (id: string) => boolean,
): RouteSelection {
  const index = indexRoutes(routes);
  const services = new Map<string, RouteChoice>();
  for (const id of candidatesOf(reader, parts, selection)) {
    const service = reader.read(parts.services.service, id);
    if (service === undefined || !isVisible(service, client) || !isImported(id)) continue;
    if (id !== (selection.owners.get(service.hostname) ?? id)) continue;
    const found = index.find(service.hostname);
    const isUsual = keysOf(found) === reader.read(parts.routes.publicRoutes, service.hostname);
    if (!isUsual || testSource(found)) services.set(id, choiceOf(found));
  }
  const hosts = new Map<string, RouteChoice>();
  for (const host of index.hosts.keys()) {
    if (isRoutedSomewhere(reader, parts.overrides, host)) hosts.set(host, choiceOf(index.find(host)));
  }
  return { services, hosts };
}

const choiceOf = (routes: readonly MeshRoute[]): RouteChoice => ({
  by: routes.length === 0 ? NO_ROUTE : keysOf(routes),
  testsSource: testSource(routes),
});

const keysOf = (routes: readonly MeshRoute[]): string => routes.map(({ key }) => key).join(',');
const testSource = (routes: readonly MeshRoute[]): boolean => routes.some((route) => route.testsSource);

function candidatesOf(reader: Reader, { routes }: ImportParts, selection: ServiceSelection): readonly string[] {
  const namespaces = new Set<string>();
  for (const slice of selection.slices) {
    const { public: namespace, owner } = parseSliceKey(slice);
    namespaces.add(owner === '' ? namespace : owner);
  }
  for (const id of selection.services.keys()) namespaces.add(parseServiceId(id).namespace);
  return [...namespaces].sort().flatMap((namespace) => reader.read(routes.claimedServices, namespace));
}
