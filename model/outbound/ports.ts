/** Which ports of the services in a slice share listeners and tables, and which services are on them. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { isHttp, type MeshService, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { parseFields, renderFields, renderSliceKey, sliceFields } from '../keys.ts';
import type { ServicePort } from '../types/inputs.ts';
import { type Caller, callerFields, namesHosts, sharesPort } from './reach.ts';

export interface PortQueries {
  /** By slice key: port numbers on which hosts are told apart by HTTP. */
  readonly httpPorts: Query<readonly number[]>;
  /** By slice key and `port`: service ids of those that are on it. */
  readonly httpServices: Query<readonly string[]>;
  /** By the same key: those whose protocol on it is detected. */
  readonly detectedServices: Query<readonly string[]>;
  /** By slice key: HTTP ports of services whose address is looked up by the name in each request. */
  readonly lookupPorts: Query<readonly number[]>;
  /** By slice key and caller: port numbers on which other connections arrive on the listener of all addresses. */
  readonly sharedPorts: Query<readonly number[]>;
  /** By slice key, caller and `port`: service ids of those. */
  readonly sharedServices: Query<readonly string[]>;
}

const fields = [...sliceFields, 'port'] as const;
const sharedSuffix = [...callerFields, 'port'] as const;
const sharedFields = [...sliceFields, ...sharedSuffix] as const;

export const httpServicesKey = (slice: string, port: number | string): string => `${slice};port=${port}`;

/** Key of `sharedPorts`, and with a port of `sharedServices`. */
export function sharedKey(slice: string, { cluster, families, dns = '' }: Caller, port?: number | string): string {
  const suffix = renderFields(sharedSuffix, { cluster, families, dns, port: port === undefined ? '' : String(port) });
  return suffix === '' ? slice : `${slice};${suffix}`;
}

type Holds = (service: MeshService, port: ServicePort) => boolean;

/** HTTP to whatever host a request names, below one that the service stands for. */
export const looksUpHosts: Holds = (service, port) => service.resolution === 'dynamic-dns' && isHttp(port.protocol);

/**
 * The ports of all slices that a namespace sees together, as one caller has them; of the slices that every namespace sees
 * they are put together once for all.
 */
export function uniteVisible(
  graph: Graph,
  name: string,
  services: Pick<ServiceQueries, 'publicSlices'>,
  portsOf: (reader: Reader, slice: string, caller: string) => readonly number[],
): (reader: Reader, namespace: string, caller: string) => readonly number[] {
  const everybodys = graph.query<readonly number[]>(
    `${name}.public`,
    (reader, caller) => [
      ...new Set(reader.read(services.publicSlices, '').flatMap((slice) => portsOf(reader, slice, caller))),
    ],
    { equal: sameData },
  );
  return (reader, namespace, caller) =>
    [
      ...new Set([
        ...reader.read(everybodys, caller),
        ...portsOf(reader, renderSliceKey({ private: namespace }), caller),
      ]),
    ].sort((a, b) => a - b);
}

export function definePorts(graph: Graph, services: ServiceQueries): PortQueries {
  const servicesOf = (reader: Reader, slice: string): readonly MeshService[] =>
    reader.read(services.serviceSlice, slice).flatMap((id) => reader.read(services.service, id) ?? []);
  const portsOf = (reader: Reader, slice: string, holds: Holds): readonly number[] => {
    const found = new Set<number>();
    for (const service of servicesOf(reader, slice)) {
      for (const port of service.ports) if (holds(service, port)) found.add(port.port);
    }
    return [...found].sort((a, b) => a - b);
  };
  const servicesOn = (reader: Reader, slice: string, number: string, holds: Holds): readonly string[] =>
    servicesOf(reader, slice)
      .filter((service) => service.ports.some((port) => String(port.port) === number && holds(service, port)))
      .map((service) => service.id);

  const equal = { equal: sameData };
  const portsWhere = (name: string, holds: Holds) =>
    graph.query(name, (reader, slice) => portsOf(reader, slice, holds), equal);
  const servicesWhere = (name: string, holds: Holds) =>
    graph.query(
      name,
      (reader, key) => {
        const { port, ...slice } = parseFields(fields, key);
        return servicesOn(reader, renderSliceKey(slice), port, holds);
      },
      equal,
    );
  return {
    httpPorts: portsWhere('httpPorts', namesHosts),
    httpServices: servicesWhere('httpServices', namesHosts),
    detectedServices: servicesWhere('detectedServices', (_, port) => port.protocol === 'Auto'),
    lookupPorts: portsWhere('lookupPorts', looksUpHosts),
    sharedPorts: graph.query(
      'sharedPorts',
      (reader, key) => {
        const caller = parseFields(sharedFields, key);
        return portsOf(reader, renderSliceKey(caller), (service, port) => sharesPort(service, port, caller));
      },
      equal,
    ),
    sharedServices: graph.query(
      'sharedServices',
      (reader, key) => {
        const caller = parseFields(sharedFields, key);
        const shares: Holds = (service, port) => sharesPort(service, port, caller);
        return servicesOn(reader, renderSliceKey(caller), caller.port, shares);
      },
      equal,
    ),
  };
}
