/** Which outbound listeners a view has: one per HTTP port, one per address and port otherwise. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { type EndpointQueries, portOf } from '../discovery/endpoints.ts';
import { isHeadless, isHttp, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import {
  parseFields,
  parseListenerKey,
  parseViewKey,
  renderFields,
  renderListenerKey,
  renderRouteTableKey,
  renderSliceKey,
} from '../keys.ts';
import type { Composition, Slice } from '../types/resolved.ts';
import type { OverrideQueries } from './overrides.ts';
import type { RouteTableQueries } from './routetables.ts';

export interface ListenerListQueries {
  /** By view key. */
  readonly viewListeners: Query<Composition>;
  /** By listener slice key. */
  readonly listenerSlice: Query<Slice>;
}

/** Who uses a service's own listeners; `client` and `labels` only where its routes depend on them. */
interface ListenerClient {
  readonly cluster: string;
  readonly families: string;
  readonly client?: string;
  readonly labels?: string;
}

const sliceFields = ['public', 'private', 'cluster', 'families'] as const;

export function defineListenerLists(
  graph: Graph,
  services: ServiceQueries,
  endpoints: EndpointQueries,
  tables: RouteTableQueries,
  overrides: OverrideQueries,
): ListenerListQueries {
  const keysOf = (reader: Reader, id: string, client: ListenerClient): readonly string[] => {
    const service = reader.read(services.service, id);
    return service === undefined ? [] : listenerKeys(reader, endpoints, service, client);
  };

  const listenerSlice = graph.query<Slice>(
    'listenerSlice',
    (reader, key) => {
      const { cluster, families, ...slice } = parseFields(sliceFields, key);
      return reader.read(services.serviceSlice, renderSliceKey(slice)).flatMap((service) => {
        const keys = keysOf(reader, service, { cluster, families });
        return keys.length === 0 ? [] : [{ service, keys }];
      });
    },
    { equal: sameData },
  );

  const viewListeners = graph.query<Composition>(
    'viewListeners',
    (reader, key) => {
      const { role, ns, cluster, families, mode, labels } = parseViewKey(key);
      if (role === 'router') return { slices: [], overrides: new Map(), extra: [] };
      const bound = mode === 'NONE' ? mode : '';
      const suffix = renderFields(['cluster', 'families'] as const, { cluster, families });
      const changed = new Map<string, readonly string[]>();
      for (const service of reader.read(overrides.routedServices, ns)) {
        const keys = keysOf(reader, service, { cluster, families, client: ns, labels });
        if (keys.length > 0) changed.set(service, keys);
      }
      const extra = [
        renderListenerKey({ kind: 'virtualOutbound', mode: mode === 'TPROXY' ? mode : '', families }),
        ...reader
          .read(tables.viewHttpPorts, key)
          .map((port) => renderListenerKey({ kind: 'http', port: String(port), mode: bound, families })),
      ];
      return {
        slices: reader.read(services.visibleSlices, ns).map((slice) => (suffix === '' ? slice : `${slice};${suffix}`)),
        overrides: changed,
        extra,
      };
    },
    { equal: sameData },
  );

  return { viewListeners, listenerSlice };
}

function listenerKeys(
  reader: Reader,
  endpoints: EndpointQueries,
  service: MeshService,
  client: ListenerClient,
): readonly string[] {
  return service.ports
    .filter((port) => !isHttp(port.protocol))
    .flatMap((port) => {
      const fields = {
        kind: port.protocol === 'Auto' ? 'auto' : 'tcp',
        service: service.id,
        port: String(port.port),
        ...client,
      };
      if (!isHeadless(service)) {
        return addressesFor(service, client).length > 0 ? [renderListenerKey(fields)] : [];
      }
      // Ready or not: without its listener, connections to a pod would be cut whenever it becomes unready for a while.
      const pods = reader
        .read(endpoints.serviceEndpoints, service.id)
        .filter((endpoint) => endpoint.cluster === client.cluster && portOf(endpoint, port.name) !== undefined)
        .flatMap((endpoint) => endpoint.addresses)
        .filter((address) => client.families === '' || client.families.includes(address.includes(':') ? '6' : '4'));
      return [...new Set(pods)].sort().map((bind) => renderListenerKey({ ...fields, bind }));
    });
}

/** The virtual addresses that a client of this cluster and these families uses. */
export function addressesFor(
  service: MeshService,
  client: { readonly cluster: string; readonly families: string },
): readonly string[] {
  return service.addresses
    .filter(({ cluster }) => cluster === client.cluster)
    .filter(({ family }) => client.families === '' || client.families.includes(family === 'ipv6' ? '6' : '4'))
    .map(({ address }) => address);
}

/** The route table that belongs to one listener alone, where there is one. */
export function listenerRouteTable(listenerKey: string): string | undefined {
  const { kind, service, port, client, labels } = parseListenerKey(listenerKey);
  return kind === 'auto' ? renderRouteTableKey({ service, port, client, labels }) : undefined;
}
