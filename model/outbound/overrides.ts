/** Hosts that one kind of client routes differently from everybody, and hosts that are no service where they are routed. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { isHttp, isSeen, readConcreteHost, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import {
  claimants,
  exportsOf,
  type VirtualServiceConfig,
  type VirtualServiceQueries,
} from '../frontend/istio/virtualservices.ts';
import { hostWithin, isWildcard } from '../hosts.ts';
import { boundToMesh, EXPORTED_BY_DEFAULT, hostsOf } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import { exportedTo, isPublic } from '../selection.ts';
import type { ServicePort } from '../types/inputs.ts';

export interface OverrideQueries {
  /** By host: ids of the services that it stands for, wherever they are visible. */
  readonly servicesOfHost: Query<readonly string[]>;
  /** By host: the ports of the services that it stands for or is another name of. On all others it is free. */
  readonly takenPorts: Query<readonly number[]>;
  /**
   * By client namespace: service ids whose routes depend on the client, because a VirtualService is exported to few
   * namespaces or tests where a call comes from.
   */
  readonly routedServices: Query<readonly string[]>;
  /** By client namespace: all hosts of such VirtualServices. */
  readonly specialHosts: Query<readonly string[]>;
  /** By port: hosts of public VirtualServices with HTTP routes that are free on it and routed on it. */
  readonly freeHosts: Query<readonly string[]>;
  /** By key of a VirtualService: the HTTP ports of the services among its hosts. */
  readonly routedPorts: Query<readonly number[]>;
  /** By host: where it is routed beside the usual port, if it is free there. */
  readonly freeHostPorts: Query<readonly number[]>;
}

/**
 * A host that is no service has no ports to say where clients address it: it is routed on the usual one, and where its
 * VirtualService names services too, on theirs. Istio does the same with services that lack the port.
 */
const USUAL_PORT = 80;

/** Whether a VirtualService routes its free hosts on this port. */
export function routesFreeHosts(
  reader: Reader,
  { routedPorts }: Pick<OverrideQueries, 'routedPorts'>,
  { cluster, namespace, name }: VirtualServiceConfig,
  port: number,
): boolean {
  return port === USUAL_PORT || reader.read(routedPorts, renderObjectKey(cluster, namespace, name)).includes(port);
}

/** Whether a host is free on a port and some VirtualService routes it there. */
export function isRoutedOn(
  reader: Reader,
  { takenPorts, freeHostPorts }: Pick<OverrideQueries, 'takenPorts' | 'freeHostPorts'>,
  host: string,
  port: number,
): boolean {
  if (port !== USUAL_PORT && !reader.read(freeHostPorts, host).includes(port)) return false;
  return !reader.read(takenPorts, host).includes(port);
}

/** Whether there is such a port. */
export function isRoutedSomewhere(reader: Reader, overrides: Parameters<typeof isRoutedOn>[1], host: string): boolean {
  const ports = [USUAL_PORT, ...reader.read(overrides.freeHostPorts, host)];
  return ports.some((port) => isRoutedOn(reader, overrides, host, port));
}

export function defineOverrides(
  graph: Graph,
  services: ServiceQueries,
  virtualServices: VirtualServiceQueries,
): OverrideQueries {
  const { inputs, settings } = virtualServices;

  const servicesOfHost = graph.query<readonly string[]>(
    'servicesOfHost',
    (reader, host) => {
      if (!isWildcard(host)) return reader.read(services.servicesByHostname, host);
      return reader
        .buckets(inputs.services, 'hostname')
        .filter((hostname) => hostWithin(hostname, host))
        .flatMap((hostname) => reader.read(services.servicesByHostname, hostname));
    },
    { equal: sameData },
  );

  /** Those that say nothing themselves, where the mesh lets few see them. */
  const exportedByDefault = (reader: Reader, client: string): readonly VirtualServiceConfig[] => {
    const { defaultVirtualServiceExportTo: exportTo } = reader.read(settings, '');
    if (isPublic(exportTo)) return [];
    if (exportTo.includes(client)) return reader.bucket(inputs.virtualServices, 'exportedTo', EXPORTED_BY_DEFAULT);
    return reader
      .bucket(inputs.virtualServices, 'namespace', client)
      .filter(({ spec }) => (spec.exportTo ?? []).length === 0);
  };

  const specialHosts = graph.query<readonly string[]>(
    'specialHosts',
    (reader, client) => {
      const hosts = new Set<string>();
      const own = [
        ...reader.bucket(inputs.virtualServices, 'exportedTo', client),
        ...exportedByDefault(reader, client),
      ];
      const testing = reader.bucket(inputs.virtualServices, 'source', 'tested');
      for (const config of [...own, ...testing]) {
        if (!boundToMesh(config.spec)) continue;
        if (!exportedTo(exportsOf(reader, settings, config), config.namespace, client)) continue;
        for (const host of hostsOf(config, inputs.domainSuffix)) hosts.add(host);
      }
      return [...hosts].sort();
    },
    { equal: sameData },
  );

  const routedServices = graph.query<readonly string[]>(
    'routedServices',
    (reader, client) => {
      const ids = new Set(reader.read(specialHosts, client).flatMap((host) => reader.read(servicesOfHost, host)));
      return [...ids].sort().filter((id) => {
        const service = reader.read(services.service, id);
        return service !== undefined && isSeen(reader, services, service, client);
      });
    },
    { equal: sameData },
  );

  /** `reviews.default` and `reviews.default.svc` are other names of a service and stay with it. */
  const namesOf = (host: string): readonly string[] => {
    const [service = '', namespace = '', svc, ...rest] = host.split('.');
    const isShort = rest.length === 0 && (svc === undefined || svc === 'svc');
    return isShort ? [host, `${service}.${namespace}.svc.${inputs.domainSuffix}`] : [host];
  };

  const portsOf = (
    reader: Reader,
    ids: readonly string[],
    serves: (port: ServicePort) => boolean = () => true,
  ): readonly number[] =>
    sortNumbers(
      ids.flatMap(
        (id) =>
          reader
            .read(services.service, id)
            ?.ports.filter(serves)
            .map(({ port }) => port) ?? [],
      ),
    );

  const takenPorts = graph.query<readonly number[]>(
    'takenPorts',
    (reader, host) => {
      // Pods of a headless service have names below its own.
      const names = namesOf(isWildcard(host) ? host.slice(2) : host);
      const named = names.flatMap((name) =>
        reader.read(services.servicesByHostname, readConcreteHost(reader, services, name)),
      );
      return portsOf(reader, [...reader.read(servicesOfHost, host), ...named]);
    },
    { equal: sameData },
  );

  const isPubliclyRouted = graph.query<boolean>('isPubliclyRouted', (reader, host) =>
    claimants(reader, virtualServices, host, undefined).some(({ spec }) => (spec.http ?? []).length > 0),
  );

  const routedPorts = graph.query<readonly number[]>(
    'routedPorts',
    (reader, key) => {
      const config = reader.get(inputs.virtualServices, key);
      const hosts = config === undefined ? [] : hostsOf(config, inputs.domainSuffix);
      const ids = hosts.flatMap((host) => reader.read(servicesOfHost, host));
      return portsOf(reader, ids, ({ protocol }) => isHttp(protocol) || protocol === 'Auto');
    },
    { equal: sameData },
  );

  const freeHostPorts = graph.query<readonly number[]>(
    'freeHostPorts',
    (reader, host) => {
      const configs = reader.bucket(inputs.virtualServices, 'host', host);
      return sortNumbers(
        configs.flatMap(({ cluster, namespace, name }) =>
          reader.read(routedPorts, renderObjectKey(cluster, namespace, name)),
        ),
      );
    },
    { equal: sameData },
  );

  const freeHosts = graph.query<readonly string[]>(
    'freeHosts',
    (reader, port) =>
      reader
        .buckets(inputs.virtualServices, 'host')
        .filter(
          (host) =>
            isRoutedOn(reader, { takenPorts, freeHostPorts }, host, Number(port)) &&
            reader.read(isPubliclyRouted, host),
        ),
    { equal: sameData },
  );

  return { servicesOfHost, takenPorts, routedServices, specialHosts, freeHosts, routedPorts, freeHostPorts };
}

const sortNumbers = (numbers: readonly number[]): readonly number[] => [...new Set(numbers)].sort((a, b) => a - b);
