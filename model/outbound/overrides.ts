/** Hosts that one kind of client routes differently from everybody, and hosts that are no service at all. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { isHttp, isSeen, type ServiceQueries } from '../discovery/services.ts';
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

export interface OverrideQueries {
  /** By host: ids of the services that it stands for, wherever they are visible. */
  readonly servicesOfHost: Query<readonly string[]>;
  /** By host: whether it is no service and no other name of one. */
  readonly isFreeHost: Query<boolean>;
  /**
   * By client namespace: service ids whose routes depend on the client, because a VirtualService is exported to few
   * namespaces or tests where a call comes from.
   */
  readonly routedServices: Query<readonly string[]>;
  /** By client namespace: hosts of such VirtualServices that are no visible service. */
  readonly routedHosts: Query<readonly string[]>;
  /** Key '': hosts of public VirtualServices with HTTP routes that are no service. */
  readonly freeHosts: Query<readonly string[]>;
  /** By key of a VirtualService: the HTTP ports of the services among its hosts. */
  readonly routedPorts: Query<readonly number[]>;
  /** By host that is no service: where it is routed beside the usual port. */
  readonly freeHostPorts: Query<readonly number[]>;
}

/**
 * A host that is no service has no ports to say where clients address it: it is routed on the usual one, and where its
 * VirtualService names services too, on theirs.
 */
const USUAL_PORT = 80;

/** Whether a VirtualService routes its hosts that are no service on this port. */
export function routesFreeHosts(
  reader: Reader,
  { routedPorts }: Pick<OverrideQueries, 'routedPorts'>,
  { cluster, namespace, name }: VirtualServiceConfig,
  port: number,
): boolean {
  return port === USUAL_PORT || reader.read(routedPorts, renderObjectKey(cluster, namespace, name)).includes(port);
}

/** Whether some VirtualService routes this host, which is no service, on a port. */
export function isRoutedOn(
  reader: Reader,
  { freeHostPorts }: Pick<OverrideQueries, 'freeHostPorts'>,
  host: string,
  port: number,
): boolean {
  return port === USUAL_PORT || reader.read(freeHostPorts, host).includes(port);
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

  const isFreeHost = graph.query<boolean>('isFreeHost', (reader, host) => {
    if (reader.read(servicesOfHost, host).length > 0 || aliasesService(host)) return false;
    return !isWildcard(host) || reader.read(services.servicesByHostname, host.slice(2)).length === 0;

    /** `reviews.default` and `reviews.default.svc` are other names of a service and stay with it. */
    function aliasesService(name: string): boolean {
      const [service = '', namespace = '', svc, ...rest] = name.split('.');
      if (rest.length > 0 || (svc !== undefined && svc !== 'svc')) return false;
      return reader.read(services.servicesByHostname, `${service}.${namespace}.svc.${inputs.domainSuffix}`).length > 0;
    }
  });

  const routedHosts = graph.query<readonly string[]>(
    'routedHosts',
    (reader, client) => reader.read(specialHosts, client).filter((host) => reader.read(isFreeHost, host)),
    { equal: sameData },
  );

  const isPubliclyRouted = graph.query<boolean>('isPubliclyRouted', (reader, host) =>
    claimants(reader, virtualServices, host, undefined).some(({ spec }) => (spec.http ?? []).length > 0),
  );

  const freeHosts = graph.query<readonly string[]>(
    'freeHosts',
    (reader) =>
      reader
        .buckets(inputs.virtualServices, 'host')
        .filter((host) => reader.read(isFreeHost, host) && reader.read(isPubliclyRouted, host)),
    { equal: sameData },
  );

  const routedPorts = graph.query<readonly number[]>(
    'routedPorts',
    (reader, key) => {
      const config = reader.get(inputs.virtualServices, key);
      const hosts = config === undefined ? [] : hostsOf(config, inputs.domainSuffix);
      const ports = hosts
        .flatMap((host) => reader.read(servicesOfHost, host))
        .flatMap((id) => reader.read(services.service, id)?.ports ?? [])
        .filter(({ protocol }) => isHttp(protocol) || protocol === 'Auto')
        .map(({ port }) => port);
      return sortNumbers(ports);
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

  return { servicesOfHost, isFreeHost, routedServices, routedHosts, freeHosts, routedPorts, freeHostPorts };
}

const sortNumbers = (numbers: readonly number[]): readonly number[] => [...new Set(numbers)].sort((a, b) => a - b);
