/** A client of a discovery service that takes whatever it is sent: what an Envoy asks for, over a connection of its own. */
import { Client, credentials } from '@grpc/grpc-js';
import { decode, encode, type Message } from '#wire/index.ts';
import { CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST } from '#xds/index.ts';

type Request = Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>;

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Connects to `address` (`host:port`); returns how to leave. What goes wrong on the way ends it silently. */
export function connectClient(address: string, node: NonNullable<Request['node']>, routes: readonly string[]) {
  // A connection for each, as every Envoy has.
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const stream = client.makeBidiStreamRequest<Request, Buffer>(
    METHOD,
    (request) => Buffer.from(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)),
    (bytes) => bytes,
  );
  const assigned = new Set<string>();
  stream.on('error', () => client.close());
  stream.on('data', (bytes: Buffer) => {
    const response = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
    const { typeUrl = '', nonce = '', resources = [], removedResources = [] } = response;
    stream.write({ typeUrl, responseNonce: nonce });
    if (typeUrl !== CLUSTER) return;
    const names = resources.flatMap(({ name = '' }) =>
      name.startsWith('outbound|') && !assigned.has(name) ? name : [],
    );
    const gone = removedResources.filter((name) => assigned.delete(name));
    for (const name of names) assigned.add(name);
    if (names.length + gone.length > 0)
      stream.write({ typeUrl: ENDPOINT, resourceNamesSubscribe: names, resourceNamesUnsubscribe: gone });
  });
  stream.write({ node, typeUrl: CLUSTER });
  stream.write({ typeUrl: LISTENER });
  stream.write({ typeUrl: ROUTE, resourceNamesSubscribe: [...routes] });
  stream.write({ typeUrl: VIRTUAL_HOST });
  return () => {
    stream.cancel();
    client.close();
  };
}
