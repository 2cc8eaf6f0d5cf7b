/** A gRPC client of the aggregated discovery service that speaks the protocol by hand. */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { decode, encode, type Message } from '#wire/index.ts';

type DeltaRequest = Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>;
type DeltaResponse = Message<'envoy.service.discovery.v3.DeltaDiscoveryResponse'>;
type WorldRequest = Message<'envoy.service.discovery.v3.DiscoveryRequest'>;
type WorldResponse = Message<'envoy.service.discovery.v3.DiscoveryResponse'>;
type Node = Message<'envoy.config.core.v3.Node'>;

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
export const CLUSTER_URL = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINT_URL = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LISTENER_URL = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const ROUTE_URL = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
export const EXTENSION_URL = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
export const SECRET_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** The node of a sidecar as Istio's agent describes it. */
export function sidecarNode(pod: string, namespace = 'default', metadata: Readonly<Record<string, string>> = {}): Node {
  const values = { NAMESPACE: namespace, SERVICE_ACCOUNT: 'default', ISTIO_VERSION: '1.31.0', ...metadata };
  return {
    id: `sidecar~10.0.0.1~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    userAgentName: 'envoy',
    userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40 } },
    metadata: {
      fields: Object.fromEntries(Object.entries(values).map(([key, stringValue]) => [key, { stringValue }])),
    },
  };
}

export interface ClientOptions {
  readonly credentials?: ChannelCredentials;
  readonly token?: string;
}

/** One stream. Responses are taken in order with `next`; the end of the stream is a status. */
export class AdsStream<Request, Response> {
  readonly #client: Client;
  readonly #begin: () => AdsStream<Request, Response>;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #encode: (request: Request) => Buffer;
  readonly #responses: Response[] = [];
  readonly #takers: ((response: Response) => void)[] = [];
  /** Resolves with the status that ended the stream. */
  readonly ended: Promise<{ readonly code: status; readonly details: string }>;

  constructor(
    method: string,
    port: number,
    options: ClientOptions,
    codec: { encode: (request: Request) => Buffer; decode: (bytes: Buffer) => Response },
    client?: Client,
  ) {
    this.#client =
      client ??
      new Client(`127.0.0.1:${port}`, options.credentials ?? credentials.createInsecure(), {
        'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
        // A connection for each, as proxies have.
        'grpc.use_local_subchannel_pool': 1,
      });
    this.#begin = () => new AdsStream(method, port, options, codec, this.#client);
    const metadata = new Metadata();
    if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
    this.#encode = codec.encode;
    const same = (bytes: Buffer) => bytes;
    this.#call = this.#client.makeBidiStreamRequest(`${PATH}/${method}`, same, same, metadata);
    this.#call.on('data', (bytes: Buffer) => {
      const response = codec.decode(bytes);
      const taker = this.#takers.shift();
      if (taker === undefined) this.#responses.push(response);
      else taker(response);
    });
    this.ended = new Promise((resolve) => {
      this.#call.on('error', (error: ServiceError) => resolve({ code: error.code, details: error.details }));
      this.#call.on('end', () => resolve({ code: status.OK, details: '' }));
    });
  }

  send(request: Request): void {
    this.#call.write(this.#encode(request));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes));
  }

  /** The next response; rejects when the stream ends first. */
  next(): Promise<Response> {
    const ready = this.#responses.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return Promise.race([
      new Promise<Response>((resolve) => this.#takers.push(resolve)),
      this.ended.then(({ code, details }) => Promise.reject(new Error(`stream ended: ${status[code]} ${details}`))),
    ]);
  }

  /** Responses that have come and were not taken. */
  get waiting(): readonly Response[] {
    return this.#responses;
  }

  /** Whether there is a connection to the server. */
  get connected(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Another stream on the same connection. */
  again(): AdsStream<Request, Response> {
    return this.#begin();
  }

  /** Breaks the stream and keeps the connection. */
  cancel(): void {
    this.#call.cancel();
  }

  /** Breaks the stream as a client that goes away does. */
  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

export type DeltaStream = AdsStream<DeltaRequest, DeltaResponse>;
export type WorldStream = AdsStream<WorldRequest, WorldResponse>;

export function openDelta(port: number, options: ClientOptions = {}): DeltaStream {
  return new AdsStream('DeltaAggregatedResources', port, options, {
    encode: (request: DeltaRequest) => Buffer.from(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)),
    decode: (bytes) => decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes),
  });
}

export function openWorld(port: number, options: ClientOptions = {}): WorldStream {
  return new AdsStream('StreamAggregatedResources', port, options, {
    encode: (request: WorldRequest) => Buffer.from(encode('envoy.service.discovery.v3.DiscoveryRequest', request)),
    decode: (bytes) => decode('envoy.service.discovery.v3.DiscoveryResponse', bytes),
  });
}

/** Names of a delta response's resources, removed ones with a dash. */
export function named(response: DeltaResponse): readonly string[] {
  return [
    ...(response.resources ?? []).map(({ name = '' }) => name),
    ...(response.removedResources ?? []).map((name) => `-${name}`),
  ];
}
