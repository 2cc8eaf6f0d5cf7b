/** Services that a Sidecar imports by hosts without wildcards. */
import type { Reader } from '#graph/types.ts';
import { isVisible, type ServiceQueries } from '../discovery/services.ts';
import { isWildcard } from '../hosts.ts';
import { parseServiceId, renderServiceId } from '../keys.ts';
import { type PortImport, type PortSet, unitePorts } from './hostfilter.ts';
import { excludesService, type HostPattern } from './hosts.ts';

/** By service id: the ports that are imported of it. */
export function importNamed(
  reader: Reader,
  services: ServiceQueries,
  imports: readonly PortImport[],
  client: string,
): Map<string, PortSet> {
  const named = new Map<string, PortSet>();
  for (const { hosts, port } of imports) {
    for (const pattern of hosts.imported) {
      if (isWildcard(pattern.host)) continue;
      for (const id of servicesNamed(reader, services, pattern, client)) {
        const { namespace, hostname } = parseServiceId(id);
        if (!excludesService(hosts, namespace, hostname)) addPorts(named, id, port === undefined ? 'all' : [port]);
      }
    }
  }
  return named;
}

/** The visible services behind a host without a wildcard. Another name of a service stands for it. */
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
    return visible(declared === undefined ? known : known.filter((id) => id === declared));
  }
  if (declared !== undefined && reader.read(services.service, declared) === undefined) return [];
  const concrete = reader.read(services.concreteHost, host);
  return concrete === undefined || concrete === host ? [] : visible(reader.read(services.servicesByHostname, concrete));
}

export function addPorts(services: Map<string, PortSet>, id: string, ports: PortSet): void {
  services.set(id, unitePorts(services.get(id) ?? [], ports));
}
