/** Which outbound listeners a view has: one per port that services share, one per address and port otherwise. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { EndpointQueries } from '../discovery/endpoints.ts';
import type { HostQueries } from '../discovery/hosts.ts';
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
import type { MeshSettings } from '../types/settings.ts';
import type { OverrideQueries } from './overrides.ts';
import { definePortListeners } from './portlisteners.ts';
import type { PortQueries } from './ports.ts';
import { callerFields } from './reach.ts';
import type { RouteTableQueries } from './routetables.ts';
import { type ListenerClient, serviceListenerKeys } from './servicelisteners.ts';

export interface ListenerListQueries {
  /** By view key. */
  readonly viewListeners: Query<Composition>;
  /** By listener slice key. */
  readonly listenerSlice: Query<Slice>;
}

const listenerSliceFields = [...sliceFields, ...callerFields] as const;

export interface ListenerListParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly hosts: HostQueries;
  readonly endpoints: EndpointQueries;
  readonly ports: PortQueries;
  readonly tables: RouteTableQueries;
  readonly overrides: OverrideQueries;
  readonly egress: EgressQueries;
}

export function defineListenerLists(graph: Graph, parts: ListenerListParts): ListenerListQueries {
  const { services, hosts, endpoints, overrides, egress } = parts;
  const portListeners = definePortListeners(graph, parts);
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
      const { cluster, families, dns, ...slice } = whole;
      return reader.read(services.serviceSlice, renderSliceKey(slice)).flatMap((service) => {
        const keys = keysOf(reader, service, { cluster, families, dns });
        return keys.length === 0 ? [] : [{ service, keys }];
      });
    },
    { equal: sameData },
  );

  const viewListeners = graph.query<Composition>(
    'viewListeners',
    (reader, key) => {
      const view = parseViewKey(key);
      const { role, ns, cluster, families, dns, mode, labels } = view;
      if (role === 'router') return { slices: [], overrides: new Map(), extra: [] };
      const plan = reader.read(egress.egressPlan, key);
      if (plan !== undefined) return plan.listeners;
      const rest = readRest(reader, egress, view);
      const suffix = renderFields(callerFields, { cluster, families, dns });
      const changed = new Map<string, readonly string[]>();
      for (const service of reader.read(overrides.routedServices, ns)) {
        const keys = keysOf(reader, service, { cluster, families, dns, client: ns, labels });
        if (keys.length > 0) changed.set(service, keys);
      }
      for (const [id, by] of reader.read(hosts.hiddenServices, ns)) {
        changed.set(id, []);
        if (!changed.has(by)) changed.set(by, keysOf(reader, by, { cluster, families, dns }));
      }
      const extra = [
        renderListenerKey({ kind: 'virtualOutbound', mode: mode === 'TPROXY' ? mode : '', families, rest }),
        ...portListeners(reader, key, rest),
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
