/** The listeners that services of one port number share, as a namespace without a Sidecar of its own has them. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { parseFields, parseViewKey, renderFields, renderListenerKey, renderSliceKey, type ViewKey } from '../keys.ts';
import { isOwnPort } from '../ownports.ts';
import type { MeshSettings } from '../types/settings.ts';
import type { OverrideQueries } from './overrides.ts';
import { type PortQueries, sharedKey, uniteVisible } from './ports.ts';
import { callerFields } from './reach.ts';
import type { OutboundRest } from './rest.ts';
import type { RouteTableQueries } from './routetables.ts';

export interface PortListenerParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly hosts: HostQueries;
  readonly ports: PortQueries;
  readonly tables: RouteTableQueries;
  readonly overrides: OverrideQueries;
}

const namespaceFields = ['ns', ...callerFields] as const;

/** Where only HTTP is on a port, its listener is the same for everybody. None stands where the proxy has one of its own. */
export function definePortListeners(graph: Graph, parts: PortListenerParts) {
  const { settings, services, hosts, ports, tables, overrides } = parts;

  const sharedPorts = uniteVisible(graph, 'sharedPorts', services, (reader, slice, caller) =>
    reader.read(ports.sharedPorts, sharedKey(slice, parseFields(callerFields, caller))),
  );
  const lookupPorts = uniteVisible(graph, 'lookupPorts', services, (reader, slice) =>
    reader.read(ports.lookupPorts, slice),
  );
  const namespaceSharedPorts: Query<readonly number[]> = graph.query(
    'namespaceSharedPorts',
    (reader, key) => {
      const { ns, ...caller } = parseFields(namespaceFields, key);
      return sharedPorts(reader, ns, renderFields(callerFields, caller));
    },
    { equal: sameData },
  );
  const namespaceLookupPorts: Query<readonly number[]> = graph.query(
    'namespaceLookupPorts',
    (reader, ns) => lookupPorts(reader, ns, ''),
    { equal: sameData },
  );

  /** Whether what a namespace sees on a shared listener differs from what everybody sees. */
  const seesOwn = (reader: Reader, view: ViewKey, port: number): boolean =>
    reader.read(ports.sharedServices, sharedKey(renderSliceKey({ private: view.ns }), view, port)).length > 0 ||
    reader.read(hosts.hiddenServices, view.ns).size > 0 ||
    reader.read(overrides.routedServices, view.ns).length > 0;

  return (reader: Reader, key: string, rest: OutboundRest): readonly string[] => {
    const view = parseViewKey(key);
    const { ns, cluster, families, dns, labels, own } = view;
    const mesh = reader.read(settings, '');
    const http = reader.read(tables.viewHttpPorts, key);
    const lookup = reader.read(namespaceLookupPorts, ns);
    const shared = reader
      .read(namespaceSharedPorts, renderFields(namespaceFields, { ns, cluster, families, dns }))
      .filter((port) => !isOwnPort(port, mesh, own));
    return [...new Set([...http, ...shared])]
      .sort((a, b) => a - b)
      .map((port) => {
        const common = { port: String(port), families, rest, lookup: lookup.includes(port) ? '1' : '' };
        if (!shared.includes(port)) return renderListenerKey({ kind: 'http', ...common });
        return renderListenerKey({
          ...{ kind: 'shared', ...common, cluster, dns, http: http.includes(port) ? '1' : '' },
          ...(seesOwn(reader, view, port) ? { client: ns, labels } : {}),
        });
      });
  };
}
