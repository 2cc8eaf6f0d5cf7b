/** The route table of one port as a listener of a Sidecar fills it. */
import type { Query, Reader } from '#graph/types.ts';
import { isHttp, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import {
  parseServiceId,
  parseSliceKey,
  type RouteTableKey,
  renderRouteSliceKey,
  renderVirtualHostKey,
} from '../keys.ts';
import { isRoutedOn, type OverrideQueries } from '../outbound/overrides.ts';
import { httpServicesKey, type PortQueries } from '../outbound/ports.ts';
import { namesHosts } from '../outbound/reach.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { ComposedRouteTable } from '../types/resolved.ts';
import { portsImported } from './hostfilter.ts';
import { type MemberQueries, readMembers, routeFields } from './members.ts';
import { readEgress, renderEgressKey } from './scope.ts';

export interface ScopedTableParts {
  readonly services: ServiceQueries;
  readonly ports: PortQueries;
  readonly overrides: OverrideQueries;
  readonly members: MemberQueries;
  /** By client namespace: services of other namespaces that have another name there. */
  readonly aliasedServices: Query<readonly string[]>;
}

/** The port that hosts which are no service are addressed at in a table of many ports. Services have theirs there. */
const DEFAULT_PORT = '80';

export function scopedTable(reader: Reader, parts: ScopedTableParts, key: RouteTableKey): ComposedRouteTable {
  const egress = renderEgressKey(key, Number(key.egress));
  const listener = readEgress(reader, parts.members.sidecarScope, egress);
  const isProxy = key.port === '0' || listener?.port?.protocol === 'HTTP_PROXY';
  const hostPort = isProxy ? DEFAULT_PORT : key.port;
  const routed = [...reader.read(parts.members.egressRoutes, egress).hosts].filter(
    ([host]) =>
      isRoutedOn(reader, parts.overrides, host, Number(hostPort)) &&
      !(isProxy && reader.read(parts.overrides.takenPorts, host).length > 0),
  );
  const hosts = routed.map(([host, choice]) =>
    renderVirtualHostKey({
      kind: 'host',
      host,
      port: hostPort,
      ...routeFields(choice, key),
      rest: key.rest,
      named: isProxy ? '1' : '',
    }),
  );
  const rest = routed.some(([host]) => host === '*') ? [] : [renderVirtualHostKey({ kind: 'any', rest: key.rest })];
  if (isProxy) {
    const name = key.port === '0' ? (listener?.bind ?? '') : key.port;
    const services = proxiedHosts(reader, parts, key);
    return { name, slices: [], overrides: new Map(), extra: [...services, ...hosts, ...rest], matchesPort: true };
  }
  const { slices, services, hidden } = reader.read(parts.members.egressServices, egress);
  const routes = reader.read(parts.members.egressRoutes, egress).services;
  const { port, ns, cluster, families } = key;
  const overrides = new Map<string, readonly string[]>();
  const override = (id: string, serves: (service: MeshService, port: ServicePort) => boolean) => {
    const service = reader.read(parts.services.service, id);
    if (!service?.ports.some((candidate) => String(candidate.port) === port && serves(service, candidate))) return;
    const fields = {
      service: id,
      port,
      near: nearIn(reader, parts, id, ns),
      cluster,
      families,
      ...routeFields(routes.get(id), key),
    };
    overrides.set(id, [renderVirtualHostKey({ kind: 'service', ...fields })]);
  };
  const detects = key.detects !== '';
  const detected = detects
    ? slices.flatMap((slice) => reader.read(parts.ports.detectedServices, httpServicesKey(slice, port)))
    : [];
  const aliased = reader
    .read(parts.aliasedServices, ns)
    .filter(
      (id) =>
        services.has(id) || (listener !== undefined && portsImported([{ hosts: listener.hosts }], id) !== undefined),
    );
  for (const id of new Set([...services.keys(), ...routes.keys(), ...aliased, ...detected])) {
    override(id, (service, one) => namesHosts(service, one) || (detects && one.protocol === 'Auto'));
  }
  for (const id of hidden) overrides.set(id, []);
  return {
    name: port,
    slices: slices.map((text) => {
      const slice = parseSliceKey(text);
      return renderRouteSliceKey({ ...slice, port, near: slice.public === ns ? ns : '', cluster, families });
    }),
    overrides,
    extra: [...hosts, ...rest],
  };
}

/** Every service on every HTTP port, as clients of a proxy address them: by host and port. */
function proxiedHosts(reader: Reader, parts: ScopedTableParts, key: RouteTableKey): readonly string[] {
  const { ns, cluster, families } = key;
  return readMembers(reader, parts.services, parts.members, key, Number(key.egress)).flatMap(
    ({ service, ports, client }) =>
      ports
        .filter(({ protocol }) => isHttp(protocol) || protocol === 'Auto')
        .map(({ port }) =>
          renderVirtualHostKey({
            kind: 'service',
            service: service.id,
            port: String(port),
            near: nearIn(reader, parts, service.id, ns),
            cluster,
            families,
            ...client,
            named: '1',
          }),
        ),
  );
}

/** The client's namespace where the service has short names in it. */
function nearIn(reader: Reader, { aliasedServices }: ScopedTableParts, id: string, client: string): string {
  return parseServiceId(id).namespace === client || reader.read(aliasedServices, client).includes(id) ? client : '';
}
