/** Which outbound listeners a view has: one per HTTP port, one per address and port otherwise. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { EndpointQueries } from '../discovery/endpoints.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import {
  parseFields,
  parseListenerKey,
  parseViewKey,
  renderFields,
  renderListenerKey,
  renderRouteTableKey,
  renderSliceKey,
  sliceFields,
} from '../keys.ts';
import { type EgressQueries, readRest } from '../sidecar/egress.ts';
import { isNarrowed, narrowSlice } from '../sidecar/narrow.ts';
import type { Composition, Slice } from '../types/resolved.ts';
import type { OverrideQueries } from './overrides.ts';
import type { RouteTableQueries } from './routetables.ts';
import { type ListenerClient, serviceListenerKeys } from './servicelisteners.ts';

export interface ListenerListQueries {
  /** By view key. */
  readonly viewListeners: Query<Composition>;
  /** By listener slice key. */
  readonly listenerSlice: Query<Slice>;
}

const listenerSliceFields = [...sliceFields, 'cluster', 'families'] as const;

export interface ListenerListParts {
  readonly services: ServiceQueries;
  readonly endpoints: EndpointQueries;
  readonly tables: RouteTableQueries;
  readonly overrides: OverrideQueries;
  readonly egress: EgressQueries;
}

export function defineListenerLists(graph: Graph, parts: ListenerListParts): ListenerListQueries {
  const { services, endpoints, tables, overrides, egress } = parts;
  const keysOf = (reader: Reader, id: string, client: ListenerClient): readonly string[] => {
    const service = reader.read(services.service, id);
    return service === undefined ? [] : serviceListenerKeys(reader, endpoints, service, client);
  };

  const listenerSlice: Query<Slice> = graph.query<Slice>(
    'listenerSlice',
    (reader, key) => {
      const { owner, filter, ...whole } = parseFields(listenerSliceFields, key);
      if (isNarrowed({ owner, filter })) {
        return narrowSlice(reader.read(listenerSlice, renderFields(listenerSliceFields, whole)), { owner, filter });
      }
      const { cluster, families, ...slice } = whole;
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
      const view = parseViewKey(key);
      const { role, ns, cluster, families, mode, labels } = view;
      if (role === 'router') return { slices: [], overrides: new Map(), extra: [] };
      const plan = reader.read(egress.egressPlan, key);
      if (plan !== undefined) return plan.listeners;
      const rest = readRest(reader, egress, view);
      const suffix = renderFields(['cluster', 'families'] as const, { cluster, families });
      const changed = new Map<string, readonly string[]>();
      for (const service of reader.read(overrides.routedServices, ns)) {
        const keys = keysOf(reader, service, { cluster, families, client: ns, labels });
        if (keys.length > 0) changed.set(service, keys);
      }
      const extra = [
        renderListenerKey({ kind: 'virtualOutbound', mode: mode === 'TPROXY' ? mode : '', families, rest }),
        ...reader
          .read(tables.viewHttpPorts, key)
          .map((port) => renderListenerKey({ kind: 'http', port: String(port), families, rest })),
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

/** The route table that belongs to one listener alone, where there is one. */
export function listenerRouteTable(listenerKey: string): string | undefined {
  const { kind, service, port, client, labels, by } = parseListenerKey(listenerKey);
  return kind === 'auto' ? renderRouteTableKey({ service, port, client, labels, by }) : undefined;
}
