/** Route configurations of sidecars, composed of shared virtual hosts. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import { isSeen, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import {
  parseRouteSliceKey,
  parseRouteTableKey,
  parseServiceId,
  parseSliceKey,
  parseViewKey,
  type RouteTableKey,
  renderRouteSliceKey,
  renderRouteTableKey,
  renderSliceKey,
  renderVirtualHostKey,
} from '../keys.ts';
import { isOwnPort } from '../ownports.ts';
import { type EgressQueries, readRest } from '../sidecar/egress.ts';
import { isNarrowed, narrowSlice } from '../sidecar/narrow.ts';
import { scopedTable } from '../sidecar/table.ts';
import type { ComposedRouteTable, Slice } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { isRoutedOn, type OverrideQueries } from './overrides.ts';
import { httpServicesKey, type PortQueries, uniteVisible } from './ports.ts';
import { namesHosts } from './reach.ts';

export interface RouteTableQueries {
  /** Route table keys by view key; those of single listeners come with the listeners. */
  readonly viewRouteTables: Query<readonly string[]>;
  /** By route table key. */
  readonly routeTable: Query<ComposedRouteTable>;
  /** By route slice key. */
  readonly routeSlice: Query<Slice>;
  /** By view key: the HTTP ports that it sees, without those at which its proxies listen for themselves. */
  readonly viewHttpPorts: Query<readonly number[]>;
}

export interface RouteTableParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly hosts: HostQueries;
  readonly ports: PortQueries;
  readonly overrides: OverrideQueries;
  readonly egress: EgressQueries;
}

export function defineRouteTables(graph: Graph, parts: RouteTableParts): RouteTableQueries {
  const { settings, services, hosts, ports, overrides, egress } = parts;
  const httpPorts = uniteVisible(graph, 'httpPorts', services, (reader, slice) => reader.read(ports.httpPorts, slice));
  const namespaceHttpPorts = graph.query<readonly number[]>(
    'namespaceHttpPorts',
    (reader, namespace) => httpPorts(reader, namespace, ''),
    { equal: sameData },
  );

  const viewHttpPorts = graph.query<readonly number[]>(
    'viewHttpPorts',
    (reader, key) => {
      const view = parseViewKey(key);
      if (view.role === 'router') return [];
      const mesh = reader.read(settings, '');
      return reader.read(namespaceHttpPorts, view.ns).filter((port) => !isOwnPort(port, mesh, view.own));
    },
    { equal: sameData },
  );

  const viewRouteTables = graph.query<readonly string[]>(
    'viewRouteTables',
    (reader, key) => {
      const plan = reader.read(egress.egressPlan, key);
      if (plan !== undefined) return plan.tables;
      const view = parseViewKey(key);
      const { ns, cluster, families, labels } = view;
      const rest = readRest(reader, egress, view);
      return reader
        .read(viewHttpPorts, key)
        .map((port) => renderRouteTableKey({ port: String(port), ns, cluster, families, labels, rest }));
    },
    { equal: sameData },
  );

  const routeSlice: Query<Slice> = graph.query<Slice>(
    'routeSlice',
    (reader, key) => {
      const { owner, filter, ...whole } = parseRouteSliceKey(key);
      if (isNarrowed({ owner, filter })) {
        return narrowSlice(reader.read(routeSlice, renderRouteSliceKey(whole)), { owner, filter });
      }
      const { near, cluster, families, port, ...slice } = whole;
      return reader.read(ports.httpServices, httpServicesKey(renderSliceKey(slice), port)).map((service) => {
        const own = slice.private === '' ? near : nearOf(service, slice.private);
        return {
          service,
          keys: [renderVirtualHostKey({ kind: 'service', service, port, near: own, cluster, families })],
        };
      });
    },
    { equal: sameData },
  );

  /** By client namespace: services of other namespaces that have another name here. */
  const aliasedServices = graph.query<readonly string[]>(
    'aliasedServices',
    (reader, ns) =>
      reader
        .read(services.aliasedHosts, ns)
        .flatMap((host) => reader.read(services.servicesByHostname, host))
        .filter((id) => {
          const service = reader.read(services.service, id);
          return service !== undefined && service.namespace !== ns && isSeen(reader, services, service, ns);
        }),
    { equal: sameData },
  );
  const servesHttpOn = (reader: Reader, id: string, port: string): boolean => {
    const service = reader.read(services.service, id);
    return service?.ports.some((served) => String(served.port) === port && namesHosts(service, served)) ?? false;
  };

  const routeTable = graph.query<ComposedRouteTable>(
    'routeTable',
    (reader, text) => {
      const key = parseRouteTableKey(text);
      if (key.service !== '') return detectedTable(key);
      if (key.egress !== '')
        return scopedTable(reader, { services, ports, overrides, members: egress, aliasedServices }, key);
      const { port, ns, cluster, families, labels } = key;
      const slices = reader.read(services.visibleSlices, ns).map((text) => {
        const slice = parseSliceKey(text);
        const near = slice.public === ns ? ns : '';
        return renderRouteSliceKey({ ...slice, port, near, cluster, families });
      });
      const own = { port, cluster, families, client: ns, labels };
      const changed = new Map<string, readonly string[]>();
      const aliased = reader.read(aliasedServices, ns);
      for (const service of aliased) {
        const near = { kind: 'service', service, port, near: ns, cluster, families };
        if (servesHttpOn(reader, service, port)) changed.set(service, [renderVirtualHostKey(near)]);
      }
      for (const service of reader.read(overrides.routedServices, ns)) {
        if (!servesHttpOn(reader, service, port)) continue;
        const near = aliased.includes(service) ? ns : nearOf(service, ns);
        changed.set(service, [renderVirtualHostKey({ kind: 'service', service, near, ...own })]);
      }
      for (const id of reader.read(hosts.hiddenServices, ns).keys()) changed.set(id, []);
      const special = reader
        .read(overrides.specialHosts, ns)
        .filter((host) => isRoutedOn(reader, overrides, host, Number(port)));
      const free = [...new Set([...reader.read(overrides.freeHosts, port), ...special])];
      const named = free.map((host) => {
        const client = special.includes(host) ? { client: ns, labels } : {};
        return renderVirtualHostKey({ kind: 'host', host, port, ...client, rest: key.rest });
      });
      const rest = free.includes('*') ? [] : [renderVirtualHostKey({ kind: 'any', rest: key.rest })];
      return { name: port, slices, overrides: changed, extra: [...named, ...rest] };
    },
    { equal: sameData },
  );

  return { viewRouteTables, routeTable, routeSlice, viewHttpPorts };
}

/** Clients of the service's own namespace know it by its short name. */
function nearOf(service: string, client: string): string {
  return parseServiceId(service).namespace === client ? client : '';
}

/** The table behind one service port whose protocol is detected: everything that arrives is for that service. */
function detectedTable(key: RouteTableKey): ComposedRouteTable {
  const { service, port, client, labels, by } = key;
  const host = renderVirtualHostKey({ kind: 'detected', service, port, client, labels, by });
  return { name: `${parseServiceId(service).hostname}:${port}`, slices: [], overrides: new Map(), extra: [host] };
}
