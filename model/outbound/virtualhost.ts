/** Virtual hosts of sidecars, shared by all views that see them alike. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { Alias } from '../discovery/aliases.ts';
import {
  findService,
  isHeadless,
  type MeshService,
  readConcreteHost,
  readPublicOwner,
  type ServiceQueries,
} from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { matchAll } from '../frontend/istio/httpmatch.ts';
import { type FindCluster, resolveHttpRoutes } from '../frontend/istio/httproute.ts';
import { resolveRetry } from '../frontend/istio/retry.ts';
import { readVirtualServices, type VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import { isWildcard, renderDomain, resolveHost } from '../hosts.ts';
import { parseLabels, parseServiceId, parseVirtualHostKey, type VirtualHostKey } from '../keys.ts';
import { sourceOf } from '../selection.ts';
import type { ClusterName, VirtualHost } from '../types/resolved.ts';
import { type OverrideQueries, routesFreeHosts } from './overrides.ts';
import { addressesFor } from './reach.ts';
import { restHost } from './resthost.ts';

export interface VirtualHostParts {
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly overrides: OverrideQueries;
}

/** `virtualHost`: by virtual host key. */
export function defineVirtualHosts(graph: Graph, parts: VirtualHostParts): Query<VirtualHost> {
  return graph.query<VirtualHost>(
    'virtualHost',
    (reader, text) => {
      const key = parseVirtualHostKey(text);
      if (key.kind === 'any') return restHost(key.rest, reader.read(parts.virtualServices.settings, ''));
      const hostname = key.kind === 'host' ? key.host : parseServiceId(key.service).hostname;
      const service = key.kind === 'host' ? undefined : reader.read(parts.services.service, key.service);
      const aliases = service === undefined ? [] : reader.read(parts.services.aliases, hostname);
      const { routes, sources } = routesOf(reader, parts, key, hostname, service);
      return {
        name: `${hostname}:${key.port}`,
        domains: domainsOf(hostname, key, service, aliases),
        requireTls: false,
        routes,
        sources: [...(service?.entry?.sources ?? []), ...sources],
      };
    },
    { equal: sameData },
  );
}

/**
 * Those of the first VirtualService that has any for this port and this caller. One that has none decides nothing: the
 * service is reached as if there were no route, and other hosts as if nobody had named them.
 */
function routesOf(
  reader: Reader,
  parts: VirtualHostParts,
  key: VirtualHostKey,
  hostname: string,
  service: MeshService | undefined,
): Pick<VirtualHost, 'routes' | 'sources'> {
  const port = Number(key.port);
  const { services, virtualServices } = parts;
  const settings = reader.read(virtualServices.settings, '');
  const { domainSuffix } = virtualServices.inputs;
  for (const config of readVirtualServices(reader, virtualServices, hostname, key)) {
    if (key.kind === 'host' && !routesFreeHosts(reader, parts.overrides, config, port)) continue;
    const routes = resolveHttpRoutes(config, {
      scope: { port, gateways: ['mesh'], namespace: key.client, labels: parseLabels(key.labels) },
      findCluster: findClusterFor(reader, services, domainSuffix, config.namespace, port, {
        client: key.client,
        service,
      }),
      retryDefaults: settings.defaultRetries,
    });
    if (routes.length > 0) return { routes, sources: [sourceOf('VirtualService', config)] };
  }
  if (service === undefined) return restHost(key.rest, settings);
  const cluster: ClusterName = { direction: 'outbound', port, subset: '', hostname };
  const retry = resolveRetry(undefined, settings.defaultRetries);
  const action = {
    kind: 'forward',
    clusters: [{ cluster, weight: 1 }],
    timeoutMs: 0,
    ...(retry ? { retry } : {}),
  } as const;
  return { routes: [{ name: 'default', match: matchAll, action, sources: [] }], sources: [] };
}

/**
 * The cluster behind a destination that a resource of `namespace` names. Without a port the only port of the service
 * is meant, or the one that the client addressed. The service is the one that clients of `client` see, or everybody, and
 * `service` itself where its own host is named.
 */
export function findClusterFor(
  reader: Reader,
  services: ServiceQueries,
  domainSuffix: string,
  namespace: string,
  port: number,
  { client, service }: { readonly client: string; readonly service?: MeshService | undefined },
): FindCluster {
  const find = (hostname: string): MeshService | undefined => {
    if (hostname === service?.hostname) return service;
    const seen =
      client === '' ? readPublicOwner(reader, services, hostname) : findService(reader, services, hostname, client);
    return seen ?? findService(reader, services, hostname, namespace);
  };
  return (destination) => {
    const hostname = readConcreteHost(reader, services, resolveHost(destination.host, namespace, domainSuffix));
    const named = destination.port?.number;
    const subset = destination.subset ?? '';
    if (named !== undefined && named !== 0) return { direction: 'outbound', port: named, subset, hostname };
    const served = find(hostname)?.ports ?? [];
    const [only] = served;
    return {
      direction: 'outbound',
      port: served.length === 1 && only !== undefined ? only.port : port,
      subset,
      hostname,
    };
  };
}

/** Names under which clients may know a host; ports are part of them only where the table serves several. */
function domainsOf(
  hostname: string,
  key: VirtualHostKey,
  service: MeshService | undefined,
  aliases: readonly Alias[],
): readonly string[] {
  if (key.kind === 'detected') return ['*'];
  const names = namesOf(hostname, key, service, aliases);
  if (key.named === '') return names;
  const withPort = names.map((name) => `${name}:${key.port}`);
  return key.port === '80' ? [...names, ...withPort] : withPort;
}

function namesOf(
  hostname: string,
  key: VirtualHostKey,
  service: MeshService | undefined,
  aliases: readonly Alias[],
): readonly string[] {
  if (service === undefined) return [renderDomain(hostname)];
  const own = service.registry === 'Kubernetes' ? clusterNames(service, key.near) : entryNames(hostname);
  const names = [...own, ...aliases.flatMap((alias) => clusterNames(alias, key.near))];
  const pods = isHeadless(service) ? names.map((name) => `*.${name}`) : [];
  const addresses = addressesFor(service, key).map(renderDomain);
  return [...names, ...pods, ...addresses];
}

/** A name with a dot at its end is complete. */
const entryNames = (hostname: string): readonly string[] =>
  isWildcard(hostname) ? [hostname] : [hostname, `${hostname}.`];

/** The names that the cluster's DNS completes for clients of the namespace `near`. */
function clusterNames({ hostname, name, namespace }: Alias, near: string): readonly string[] {
  const local = `${name}.${namespace}`;
  return [hostname, `${hostname}.`, ...(near === namespace ? [name] : []), local, `${local}.svc`];
}
