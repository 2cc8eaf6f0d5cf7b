/** The services and routes that the listeners of a Sidecar import. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import { findService, isSeen, isVisible, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { NO_ROUTE, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { isWildcard } from '../hosts.ts';
import { parseServiceId, parseSliceKey, renderServiceId, renderSliceKey } from '../keys.ts';
import { isRoutedSomewhere, type OverrideQueries } from '../outbound/overrides.ts';
import { type PortImport, type PortSet, parseHostFilter, renderHostFilter } from './hostfilter.ts';
import { excludesService, type HostPattern } from './hosts.ts';
import { indexRoutes, type MeshRoute, type SidecarRouteQueries, selectRoutes } from './routes.ts';
import {
  type EgressListener,
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
  /** By id of a service that a slice may hold: the id of the import that stands before it, because both declare one host. */
  readonly hidden: ReadonlyMap<string, string>;
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
  readonly hosts: HostQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly overrides: OverrideQueries;
  readonly sidecarScope: Query<SidecarScope>;
  readonly routes: SidecarRouteQueries;
}

const nothing: ServiceSelection = { slices: [], services: new Map(), hidden: new Map() };

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
      const { ns } = parseEgressKey(key);
      return listener === undefined ? nothing : selectServices(reader, parts, ns, [{ hosts: listener.hosts }]);
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
      const selection = selectServices(reader, parts, ns, imports);
      const pulled = new Map(selection.services);
      for (const index of listeners.keys()) {
        const port = imports[index]?.port;
        for (const route of reader.read(importedRoutes, renderEgressKey({ ns, sidecar }, index))) {
          for (const { hostname, port: named, sources } of route.destinations) {
            if (sources !== undefined && !sources.includes(ns)) continue;
            const service = findService(reader, services, hostname, ns);
            if (service === undefined) continue;
            const wanted = named === 0 ? port : named;
            add(pulled, service.id, wanted === undefined ? 'all' : [wanted]);
          }
        }
      }
      return { ...selection, services: besideSlices(pulled, imports) };
    },
    { equal: sameData },
  );

  return { sidecarScope, egressServices, egressRoutes, scopeServices };
}

/** Of a listener with a port only services with that port are imported, unless it is a proxy or a socket. */
export function importOf({ hosts, port }: EgressListener): PortImport {
  const takesAll = port === undefined || port.number === 0 || port.protocol === 'HTTP_PROXY';
  return takesAll ? { hosts } : { hosts, port: port.number };
}

function selectServices(
  reader: Reader,
  parts: ImportParts,
  client: string,
  imports: readonly PortImport[],
): ServiceSelection {
  const { services } = parts;
  const slices: string[] = [];
  for (const namespace of namespacesOf(reader, parts, imports)) {
    const filter = renderHostFilter(imports, namespace);
    if (filter !== undefined) slices.push(renderSliceKey({ public: namespace, filter }));
  }
  const hidden = reader.read(services.serviceSlice, renderSliceKey({ private: client }));
  for (const owner of [...new Set(hidden.map((id) => parseServiceId(id).namespace))].sort()) {
    const filter = renderHostFilter(imports, owner);
    if (filter !== undefined) slices.push(renderSliceKey({ private: client, owner, filter }));
  }
  const named = new Map<string, PortSet>();
  for (const { hosts, port } of imports) {
    for (const pattern of hosts.imported) {
      if (isWildcard(pattern.host)) continue;
      for (const id of servicesNamed(reader, services, pattern, client)) {
        const { namespace, hostname } = parseServiceId(id);
        if (!excludesService(hosts, namespace, hostname)) add(named, id, port === undefined ? 'all' : [port]);
      }
    }
  }
  const seen = (id: string) => named.has(id) || portsImported(imports, id) !== undefined;
  const behind = [...reader.read(parts.hosts.hiddenServices, client)].filter(([, by]) => seen(by));
  return { slices, services: besideSlices(named, imports), hidden: new Map(behind) };
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

/**
 * The visible services behind a host without a wildcard; that of the client's own namespace alone where it has one. Another
 * name of a service stands for it.
 */
export function servicesNamed(
  reader: Reader,
  services: ServiceQueries,
  { namespace, host }: HostPattern,
  client: string,
): readonly string[] {
  const visible = (ids: readonly string[]) =>
    ids.filter((id) => {
      const service = reader.read(services.service, id);
      return service !== undefined && service.resolution !== 'alias' && isVisible(service, client);
    });
  const declared = namespace === '*' ? undefined : renderServiceId(namespace, host);
  const known = reader.read(services.servicesByHostname, host);
  if (known.length > 0) {
    const own = renderServiceId(client, host);
    const found = visible(declared === undefined ? known : known.filter((id) => id === declared));
    return found.includes(own) ? [own] : found;
  }
  if (declared !== undefined && reader.read(services.service, declared) === undefined) return [];
  const concrete = reader.read(services.concreteHost, host);
  return concrete === undefined || concrete === host ? [] : visible(reader.read(services.servicesByHostname, concrete));
}

function add(services: Map<string, PortSet>, id: string, ports: PortSet): void {
  services.set(id, unitePorts(services.get(id) ?? [], ports));
}

function unitePorts(a: PortSet, b: PortSet): PortSet {
  return a === 'all' || b === 'all' ? 'all' : [...new Set([...a, ...b])].sort((x, y) => x - y);
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

/** The ports of a service that wildcards import. */
export function portsImported(imports: readonly PortImport[], id: string): PortSet | undefined {
  const { namespace, hostname } = parseServiceId(id);
  const filter = renderHostFilter(imports, namespace);
  return filter === undefined ? undefined : parseHostFilter(filter)(hostname);
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
    if (!selection.services.has(id) && !isSeen(reader, parts.services, service, client)) continue;
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
