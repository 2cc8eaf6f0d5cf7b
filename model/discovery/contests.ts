/** Hosts that several namespaces declare. ServiceEntries may declare any name, those of Services too. */
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseHostKey } from '../keys.ts';
import { isPublic } from '../selection.ts';
import type { MeshService, ServiceQueries } from './services.ts';

/** What one namespace says of a host, as far as it decides who sees it. */
export interface Declaration extends Pick<MeshService, 'id' | 'namespace' | 'registry' | 'exportTo'> {
  readonly ports: readonly number[];
}

type Declarations = ReadonlyMap<string, readonly Declaration[]>;

export interface ContestQueries {
  /** By namespace: hosts that its ServiceEntries declare and other namespaces do as well. */
  readonly contestedIn: Query<Declarations>;
  /** Key '': all such hosts; each with its declarations, the strongest claim first. Usually there are none. */
  readonly contestedHosts: Query<Declarations>;
}

/** No host is contested without a ServiceEntry, so nothing is read of namespaces that have none. */
export function defineContests(
  graph: Graph,
  inputs: MeshInputs,
  { service, servicesByHostname }: Pick<ServiceQueries, 'service' | 'servicesByHostname'>,
): ContestQueries {
  const contestedIn = graph.query<Declarations>(
    'contestedIn',
    (reader, namespace) => {
      const contested = new Map<string, readonly Declaration[]>();
      for (const key of reader.bucketKeys(inputs.services, 'declaring', namespace)) {
        const hostname = parseHostKey(key).host;
        const ids = reader.read(servicesByHostname, hostname);
        if (ids.length < 2 || contested.has(hostname)) continue;
        const declarations = ids.flatMap((id) => reader.read(service, id) ?? []).map(declarationOf);
        contested.set(hostname, declarations);
      }
      return contested;
    },
    { equal: sameData },
  );
  const contestedHosts = graph.query<Declarations>(
    'contestedHosts',
    (reader) => {
      const namespaces = reader.buckets(inputs.services, 'declaring');
      return new Map(namespaces.flatMap((namespace) => [...reader.read(contestedIn, namespace)]));
    },
    { equal: sameData },
  );
  return { contestedIn, contestedHosts };
}

function declarationOf({ id, namespace, registry, exportTo, ports }: MeshService): Declaration {
  return { id, namespace, registry, exportTo, ports: ports.map(({ port }) => port) };
}

/**
 * Which of several declarations clients of a namespace see, of those that are open to them, the strongest claim first: that
 * of their own namespace, then that of Kubernetes, then what is exported to few before what is public, then the oldest.
 */
export function chooseDeclaration<D extends Pick<Declaration, 'namespace' | 'registry' | 'exportTo'>>(
  open: readonly D[],
  client: string,
): D | undefined {
  return (
    open.find(({ namespace }) => namespace === client) ??
    open.find(({ registry }) => registry === 'Kubernetes') ??
    open.find(({ exportTo }) => !isPublic(exportTo)) ??
    open[0]
  );
}
