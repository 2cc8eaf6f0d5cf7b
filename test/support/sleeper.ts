/** A client that asks and never reads a byte of the answer. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { encode, type Message } from '#wire/index.ts';
import { CLUSTER_URL, sidecarNode } from './adsclient.ts';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

export class Sleeper {
  readonly session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;

  /** Opens a stream on a connection of its own, over bare HTTP/2; whoever opens it closes it. */
  constructor(port: number) {
    this.session = connect(`http://127.0.0.1:${port}`);
    // The server may end what nobody reads.
    this.session.on('error', () => this.close());
    this.#stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('error', () => this.close());
  }

  send(request: Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>): void {
    this.sendBytes(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request));
  }

  sendBytes(bytes: Uint8Array): void {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    this.#stream.write(Buffer.concat([head, bytes]));
  }

  /** The connection is gone. */
  get isClosed(): boolean {
    return this.session.closed || this.session.destroyed;
  }

  close(): void {
    this.session.destroy();
  }
}

/** Asks for all clusters. */
export function askWithoutReading(port: number, pod: string, namespace = 'default'): Sleeper {
  const sleeper = new Sleeper(port);
  sleeper.send({ node: sidecarNode(pod, namespace), typeUrl: CLUSTER_URL });
  return sleeper;
}
