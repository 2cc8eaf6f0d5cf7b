/** A client that asks and never reads a byte of the answer. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { encode } from '#wire/index.ts';
import { CLUSTER_URL, sidecarNode } from './adsclient.ts';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Asks for all clusters over bare HTTP/2; whoever calls destroys the session. */
export function askWithoutReading(port: number, pod: string): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  // The server may end what nobody reads.
  session.on('error', () => session.destroy());
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const request = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', {
    node: sidecarNode(pod),
    typeUrl: CLUSTER_URL,
  });
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(request.length, 1);
  const stream = session.request(headers);
  stream.on('error', () => session.destroy());
  stream.write(Buffer.concat([frame, request]));
  return session;
}
