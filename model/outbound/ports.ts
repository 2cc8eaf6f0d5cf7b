/** Which ports of the services in a slice are HTTP (shared wildcard listeners and tables) and which stand alone. */
import type { Graph, Query } from '#graph/types.ts';
import { isHttp, type ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { parseFields, renderSliceKey, sliceFields } from '../keys.ts';
import type { Protocol } from '../types/inputs.ts';

export interface PortQueries {
  /** HTTP port numbers by slice key. */
  readonly httpPorts: Query<readonly number[]>;
  /** Service ids by slice key and `port`: those that serve HTTP on it. */
  readonly httpServices: Query<readonly string[]>;
  /** By the same key: those whose protocol on it is detected. */
  readonly detectedServices: Query<readonly string[]>;
}

const fields = [...sliceFields, 'port'] as const;

export const httpServicesKey = (slice: string, port: number | string): string => `${slice};port=${port}`;

export function definePorts(graph: Graph, services: ServiceQueries): PortQueries {
  const httpPorts = graph.query<readonly number[]>(
    'httpPorts',
    (reader, slice) => {
      const ports = new Set<number>();
      for (const id of reader.read(services.serviceSlice, slice)) {
        for (const port of reader.read(services.service, id)?.ports ?? [])
          if (isHttp(port.protocol)) ports.add(port.port);
      }
      return [...ports].sort((a, b) => a - b);
    },
    { equal: sameData },
  );
  const servicesOn = (name: string, speaks: (protocol: Protocol) => boolean) =>
    graph.query<readonly string[]>(
      name,
      (reader, key) => {
        const { port, ...slice } = parseFields(fields, key);
        return reader
          .read(services.serviceSlice, renderSliceKey(slice))
          .filter((id) =>
            reader
              .read(services.service, id)
              ?.ports.some((served) => String(served.port) === port && speaks(served.protocol)),
          );
      },
      { equal: sameData },
    );
  return {
    httpPorts,
    httpServices: servicesOn('httpServices', isHttp),
    detectedServices: servicesOn('detectedServices', (protocol) => protocol === 'Auto'),
  };
}
