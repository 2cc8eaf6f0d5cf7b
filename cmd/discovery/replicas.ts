import { isIPv6 } from 'node:net';
import type { Graph } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import type { ReplicaAddresses } from './delivery-client.ts';

/** The secure port by which replicas reach each other. */
const replicaPort = 15012;

export interface ReplicasOptions {
  readonly graph: Graph;
  readonly inputs: Pick<MeshInputs, 'endpointSlices'>;
  /** Key of the control plane's Service: `cluster/namespace/name`. */
  readonly service: string;
  /** This replica's own address, left out; the others are reached by its family. */
  readonly ownAddress: string;
  /** Calls the listener after edits of the graph; returns how to stop. */
  readonly onEdited: (listener: () => void) => () => void;
}

/** The other replicas of this revision, by the endpoints of their Service as the mesh itself sees them. */
export function createReplicas(options: ReplicasOptions): ReplicaAddresses {
  const { graph, inputs, service, ownAddress } = options;
  // A replica that is reached at two addresses would count twice.
  const family = isIPv6(ownAddress) ? 'ipv6' : 'ipv4';
  const query = graph.query<readonly string[]>(
    'replicas',
    (reader) => {
      const addresses = reader
        .bucket(inputs.endpointSlices, 'service', service)
        .flatMap((slice) =>
          slice.family === family
            ? slice.endpoints.filter((endpoint) => endpoint.ready).flatMap((endpoint) => endpoint.addresses)
            : [],
        );
      return [...new Set(addresses)].sort();
    },
    { equal: (a, b) => a.join() === b.join() },
  );
  const current = () =>
    graph
      .read(query, '')
      .filter((address) => address !== ownAddress)
      .map((address) => `${isIPv6(address) ? `[${address}]` : address}:${replicaPort}`);
  return {
    current,
    onChange: (listener) => {
      let before = current().join();
      return options.onEdited(() => {
        const now = current().join();
        if (now === before) return;
        before = now;
        listener();
      });
    },
  };
}
