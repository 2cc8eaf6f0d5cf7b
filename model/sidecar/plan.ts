/** The outbound listeners and route tables of a view that a Sidecar, or a proxy without redirection, arranges. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { EndpointQueries } from '../discovery/endpoints.ts';
import { isHttp, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import {
  parseListenerKey,
  parseViewKey,
  renderFields,
  renderListenerKey,
  renderRouteTableKey,
  type ViewKey,
} from '../keys.ts';
import { looksUpHosts, type PortQueries, sharedKey } from '../outbound/ports.ts';
import { callerFields, namesHosts, sharesPort } from '../outbound/reach.ts';
import type { OutboundRest } from '../outbound/rest.ts';
import { serviceListenerKeys } from '../outbound/servicelisteners.ts';
import { isAnyAddress, isOwnPort, isReserved } from '../ownports.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { Composition } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type MemberQueries, readMembers, routeFields } from './members.ts';
import { type EgressListener, importOf, renderEgressKey, renderScopeKey } from './scope.ts';

export interface EgressPlan {
  readonly listeners: Composition;
  /** Keys of the tables that listeners share; those of single listeners come with the listeners. */
  readonly tables: readonly string[];
}

export interface PlanParts {
  readonly services: ServiceQueries;
  readonly endpoints: EndpointQueries;
  readonly ports: PortQueries;
  readonly settings: Query<MeshSettings>;
  readonly members: MemberQueries;
  /** By scope key. */
  readonly egressRest: Query<OutboundRest>;
}

/** `egressPlan`: by view key; undefined where the listeners are those that the namespace has anyway. */
export function defineEgressPlan(graph: Graph, parts: PlanParts): Query<EgressPlan | undefined> {
  return graph.query<EgressPlan | undefined>(
    'egressPlan',
    (reader, text) => {
      const view = parseViewKey(text);
      if (view.role === 'router' || (view.sidecar === '' && view.mode !== 'NONE')) return undefined;
      const { whole, listeners } = reader.read(parts.members.sidecarScope, renderScopeKey(view));
      if (whole && view.mode !== 'NONE') return undefined;
      return planEgress({ reader, parts, view, rest: reader.read(parts.egressRest, renderScopeKey(view)) }, listeners);
    },
    { equal: sameData },
  );
}

interface Context {
  readonly reader: Reader;
  readonly parts: PlanParts;
  readonly view: ViewKey;
  readonly rest: OutboundRest;
}

/** Where one listener of the Sidecar listens; an empty `bind` means the addresses of the services. */
interface Place {
  readonly index: number;
  readonly bind: string;
  readonly bound: boolean;
  /** Serves every port of the services, as a proxy or on a socket. */
  readonly takesAll: boolean;
}

/** One listener and what it is known by: whatever a later one would put in the same place is left out. */
interface Planned {
  readonly name: string;
  /** 0 is a socket. */
  readonly port: number;
  /** On any address, whether it listens there by itself or not. */
  readonly anywhere: boolean;
  readonly keys: readonly string[];
  readonly table?: string;
}

function planEgress(context: Context, listeners: readonly EgressListener[]): EgressPlan {
  const { mode, families, own } = context.view;
  const settings = context.reader.read(context.parts.settings, '');
  const planned = new Map<string, Planned>();
  // A table is named by its port alone: of two listeners on one port the first decides what is in it.
  const tables = new Map<string, string>();
  let services: Composition = { slices: [], overrides: new Map(), extra: [] };
  for (const [index, listener] of listeners.entries()) {
    const bound = listener.bound || mode === 'NONE';
    const place: Place = {
      ...{ index, bound, bind: listener.bind === '' && bound ? localhost(families) : listener.bind },
      takesAll: listener.port !== undefined && importOf(listener).port === undefined,
    };
    if (listener.port === undefined && place.bind === '') services = planServices(context, index, planned);
    for (const one of planListener(context, listener, place)) {
      if (bound ? isReserved(one.port, settings, own) : one.anywhere && isOwnPort(one.port, settings, own)) continue;
      if (!planned.has(one.name)) planned.set(one.name, one);
      if (one.table !== undefined && !tables.has(tableOf(one))) tables.set(tableOf(one), one.table);
    }
  }
  const outbound = renderListenerKey({
    kind: 'virtualOutbound',
    mode: mode === 'TPROXY' ? mode : '',
    families,
    rest: context.rest,
  });
  const extra = [...(mode === 'NONE' ? [] : [outbound]), ...[...planned.values()].flatMap(({ keys }) => keys)];
  return { listeners: { ...services, extra }, tables: [...tables.values()] };
}

/** Where services are reached without redirection unless the Sidecar says so. */
function localhost(families: string): string {
  if (families === '6') return '::1';
  return families === '46' ? '127.0.0.1,::1' : '127.0.0.1';
}

/** A socket's table is named like the socket. */
const tableOf = ({ name, port }: Planned): string => (port === 0 ? name : String(port));

function planListener(context: Context, { port }: EgressListener, place: Place): readonly Planned[] {
  if (port === undefined) return place.bind === '' ? planSharedPorts(context, place) : planPorts(context, place);
  if (isHttp(port.protocol)) return [planHttp(context, place, port.number, true)];
  if (place.bind !== '') return [planBound(context, place, port.number, port.protocol === 'Auto')];
  return planPort(context, place, port.protocol === 'Auto' ? 'auto' : 'tcp');
}

/** Every service on addresses of its own, as without a Sidecar, except on ports that an earlier listener has taken. */
function planServices(
  { reader, parts, view }: Context,
  index: number,
  taken: ReadonlyMap<string, Planned>,
): Composition {
  const { cluster, families, dns } = view;
  const key = renderEgressKey(view, index);
  const { slices, services: named, hidden } = reader.read(parts.members.egressServices, key);
  const routes = reader.read(parts.members.egressRoutes, key).services;
  const suffix = renderFields(callerFields, { cluster, families, dns });
  const shadowed = [...taken.values()].flatMap(({ keys }) => keys.map((text) => parseListenerKey(text).service));
  const overrides = new Map<string, readonly string[]>();
  for (const id of new Set([...named.keys(), ...routes.keys(), ...shadowed])) {
    const service = id === '' ? undefined : reader.read(parts.services.service, id);
    if (service === undefined) continue;
    const client = { cluster, families, dns, ...routeFields(routes.get(id), view) };
    const keys = serviceListenerKeys(reader, parts.endpoints, service, client);
    const free = keys.filter((text) => !taken.has(serviceName(id, parseListenerKey(text).port)));
    if (keys.length > 0) overrides.set(id, free);
  }
  for (const id of hidden) overrides.set(id, []);
  return {
    slices: slices.map((slice) => (suffix === '' ? slice : `${slice};${suffix}`)),
    overrides,
    extra: [],
  };
}

const serviceName = (id: string, port: number | string): string => `${id}_${port}`;

/** The ports that services share, each by all of them: HTTP, and what arrives on the listener of all addresses. */
function planSharedPorts(context: Context, place: Place): readonly Planned[] {
  const { parts, view } = context;
  const http = portsOf(context, place, (slice) => [parts.ports.httpPorts, slice], namesHosts);
  const shared = portsOf(
    context,
    place,
    (slice) => [parts.ports.sharedPorts, sharedKey(slice, view)],
    (service, port) => sharesPort(service, port, view),
  );
  return [...new Set([...http, ...shared])]
    .sort((a, b) => a - b)
    .map((port) =>
      shared.has(port) ? planShared(context, place, port, http.has(port)) : planHttp(context, place, port),
    );
}

/** Port numbers of the services that a listener imports. */
function portsOf(
  { reader, parts, view }: Context,
  { index }: Place,
  read: (slice: string) => readonly [Query<readonly number[]>, string],
  holds: (service: MeshService, port: ServicePort) => boolean,
): ReadonlySet<number> {
  const { slices, services } = reader.read(parts.members.egressServices, renderEgressKey(view, index));
  const found = new Set(slices.flatMap((slice) => reader.read(...read(slice))));
  for (const id of services.keys()) {
    const service = reader.read(parts.services.service, id);
    for (const port of service?.ports ?? []) if (service && holds(service, port)) found.add(port.port);
  }
  return found;
}

/** Whether some hosts on a port are looked up by the requests that name them. */
function looksUp(context: Context, place: Place, port: number): boolean {
  const ports = portsOf(context, place, (slice) => [context.parts.ports.lookupPorts, slice], looksUpHosts);
  return place.takesAll ? ports.size > 0 : ports.has(port);
}

function planShared(context: Context, place: Place, port: number, hasHttp: boolean): Planned {
  const { view, rest } = context;
  const { ns, sidecar, cluster, families, dns, labels } = view;
  const key = renderListenerKey({
    ...{ kind: 'shared', port: String(port), cluster, families, dns, rest, client: ns, labels, sidecar },
    egress: String(place.index),
    http: hasHttp ? '1' : '',
    lookup: hasHttp && looksUp(context, place, port) ? '1' : '',
  });
  const table = hasHttp ? { table: planTable(view, rest, place, port, false) } : {};
  return { ...standAt(place, port), keys: [key], ...table };
}

/** All services on one address: a listener for each port number. */
function planPorts(context: Context, place: Place): readonly Planned[] {
  const { reader, parts, view } = context;
  const ports = readMembers(reader, parts.services, parts.members, view, place.index).flatMap((member) => member.ports);
  return [...new Set(ports.map(({ port }) => port))]
    .sort((a, b) => a - b)
    .map((number) => {
      const protocols = ports.filter(({ port }) => port === number).map(({ protocol }) => protocol);
      if (protocols.every(isHttp)) return planHttp(context, place, number);
      return planBound(
        context,
        place,
        number,
        protocols.some((protocol) => isHttp(protocol) || protocol === 'Auto'),
      );
    });
}

function planHttp(context: Context, place: Place, port: number, isDetecting = false): Planned {
  const { view, rest } = context;
  const { families } = view;
  const lookup = looksUp(context, place, port) ? '1' : '';
  const own = place.bound ? { mode: 'NONE', sidecar: view.sidecar } : {};
  const key = renderListenerKey({ kind: 'http', port: String(port), bind: place.bind, families, rest, lookup, ...own });
  return { ...standAt(place, port), keys: [key], table: planTable(view, rest, place, port, isDetecting) };
}

function planBound(context: Context, place: Place, port: number, hasHttp: boolean): Planned {
  const { view, rest } = context;
  const { ns, sidecar, cluster, families, labels } = view;
  const own = { bind: place.bind, mode: place.bound ? 'NONE' : '', sidecar, egress: String(place.index) };
  const key = renderListenerKey({
    kind: 'bound',
    port: String(port),
    cluster,
    families,
    client: ns,
    labels,
    rest,
    lookup: hasHttp && looksUp(context, place, port) ? '1' : '',
    ...own,
  });
  const table = hasHttp ? { table: planTable(view, rest, place, port, true) } : {};
  return { ...standAt(place, port), keys: [key], ...table };
}

function standAt({ bind }: Place, port: number): Pick<Planned, 'name' | 'port' | 'anywhere'> {
  return { name: port === 0 ? bind : `${bind}_${port}`, port, anywhere: isAnyAddress(bind) };
}

function planTable(view: ViewKey, rest: OutboundRest, { index }: Place, port: number, isDetecting: boolean): string {
  const { ns, cluster, families, labels, sidecar } = view;
  const own = { sidecar, egress: String(index), detects: isDetecting ? '1' : '' };
  return renderRouteTableKey({ port: String(port), ns, cluster, families, labels, rest, ...own });
}

/** One port of every service on its own addresses, whatever the service speaks there. */
function planPort(context: Context, place: Place, kind: 'auto' | 'tcp'): readonly Planned[] {
  const { reader, parts, view } = context;
  const { cluster, families, dns } = view;
  const asSaid = (service: MeshService, port: MeshService['ports'][number]): MeshService => ({
    ...service,
    ports: [{ ...port, protocol: kind === 'auto' ? 'Auto' : 'TCP' }],
  });
  const members = readMembers(reader, parts.services, parts.members, view, place.index);
  const own = members.flatMap(({ service, ports, client }) =>
    ports.map((port) => ({
      ...{ name: serviceName(service.id, port.port), port: port.port, anywhere: false },
      keys: serviceListenerKeys(reader, parts.endpoints, asSaid(service, port), { cluster, families, dns, ...client }),
    })),
  );
  const shared = members.flatMap(({ service, ports }) => ports.filter((port) => sharesPort(service, port, view)));
  return [...own, ...shared.slice(0, 1).map(({ port }) => planShared(context, place, port, false))];
}
