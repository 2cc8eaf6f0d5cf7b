/**
 * The agent's own stream to the control plane: a delta stream beside Envoy's that says of itself that it is an agent's, so
 * that the control plane does not take it for a proxy. What is said and asked for on it are its topics.
 */
import { type Clock, type Component, type LateenError, pause } from '#runtime/core/index.ts';
import { type AgentTypes, codec } from '#wire/agent.ts';
import { Backoff } from '../backoff.ts';
import { openDuplex } from '../grpc/duplex.ts';
import type { Logger } from '../log.ts';

/** What the stream is authenticated with. */
export interface Credentials {
  /** PEM of the workload's certificate with its intermediates. */
  readonly chain: string;
  /** PEM; never logged. */
  readonly privateKey: string;
  /** PEM of the roots that the control plane's certificate must chain to. */
  readonly roots: string;
}

const requestType = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const responseType = 'envoy.service.discovery.v3.DeltaDiscoveryResponse';

export type DiscoveryRequest = Omit<AgentTypes[typeof requestType], 'node' | 'typeUrl'>;
export type DiscoveryResponse = AgentTypes[typeof responseType];

export interface Topic {
  /** Of requests and responses. */
  readonly typeUrl: string;
  /** What to say when a stream opens; undefined: nothing yet. */
  opening(): DiscoveryRequest | undefined;
  /** Puts a response in force, or throws: then it is refused as a whole with the error's message. */
  take(response: DiscoveryResponse): void;
}

export interface OwnStreamOptions {
  readonly discovery: { readonly host: string; readonly port: number; readonly serverName: string };
  /** The node as Envoy's own stream names it. */
  readonly node: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> };
  /** Undefined until there is a certificate. */
  readonly credentials: () => Credentials | undefined;
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
}

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const maximumMessage = 32 * 1024 * 1024;
/** Milliseconds between looks whether there is a certificate. */
const certificateInterval = 100;
/** A stream that lived so long was no failure, in milliseconds. */
const steadyAfter = 10_000;

/** What decides which names a pod sees, who it is, and what it registers as. */
const told = [
  'AUTO_REGISTER_GROUP',
  'CLUSTER_ID',
  'DNS_CAPTURE',
  'INSTANCE_IPS',
  'INTERCEPTION_MODE',
  'ISTIO_VERSION',
  'LABELS',
  'NAME',
  'NAMESPACE',
  'NETWORK',
  'SERVICE_ACCOUNT',
  'WORKLOAD_ENTRY',
] as const;

export class OwnStream implements Component {
  readonly name = 'own stream';
  readonly #options: OwnStreamOptions;
  readonly #topics: ReadonlyMap<string, Topic>;
  readonly #backoff: Backoff;
  #send: ((typeUrl: string, request: DiscoveryRequest) => void) | undefined;

  constructor(options: OwnStreamOptions) {
    this.#options = options;
    this.#topics = new Map(options.topics.map((topic) => [topic.typeUrl, topic]));
    this.#backoff = new Backoff(200, 10_000, options.random);
  }

  /** Says something more about a topic; while no stream is open, it is left to the topic's next opening. */
  say(typeUrl: string, request: DiscoveryRequest): void {
    this.#send?.(typeUrl, request);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, credentials, log } = this.#options;
    while (!signal.aborted) {
      const current = credentials();
      if (current === undefined) {
        await pause(clock, certificateInterval, signal);
        continue;
      }
      const opened = clock.monotonic();
      const reason = await this.#follow(current, signal);
      this.#send = undefined;
      if (signal.aborted) return;
      if (clock.monotonic() - opened >= steadyAfter) this.#backoff.reset();
      const delay = this.#backoff.next();
      log.warn('the stream to the control plane ended, what it told stays in force', {
        code: reason.code,
        error: reason.message,
        retryInMs: delay,
      });
      await pause(clock, delay, signal);
    }
  }

  /** One stream until its end. */
  #follow({ chain, privateKey, roots }: Credentials, signal: AbortSignal): Promise<LateenError> {
    const { discovery, node } = this.#options;
    const host = discovery.host.includes(':') ? `[${discovery.host}]` : discovery.host;
    const stream = openDuplex({
      authority: `https://${host}:${discovery.port}`,
      path,
      connection: {
        ca: roots,
        cert: chain,
        key: privateKey,
        minVersion: 'TLSv1.2',
        servername: discovery.serverName,
      },
      maximumMessage,
      signal,
      onMessage: (message) => this.#take(message),
    });
    const metadata = Object.fromEntries(told.map((name) => [name, node.metadata[name]]).filter(([, value]) => value));
    let introduced = false;
    this.#send = (typeUrl, request) => {
      const self = introduced
        ? {}
        : { node: { id: node.id, metadata: { ...metadata, GENERATOR: 'agent' }, userAgentName: 'pilot-agent' } };
      introduced = true;
      stream.send(codec.encode(requestType, codec.fromJson(requestType, { ...self, typeUrl, ...request })));
    };
    for (const topic of this.#topics.values()) {
      const opening = topic.opening();
      if (opening !== undefined) this.#send(topic.typeUrl, opening);
    }
    return stream.ended;
  }

  /** Hands a response to its topic and answers it: taken, or refused as a whole. */
  #take(message: Uint8Array): void {
    const response = codec.decode(responseType, message);
    this.#backoff.reset();
    const { typeUrl = '', nonce: responseNonce = '' } = response;
    try {
      const topic = this.#topics.get(typeUrl);
      if (topic === undefined) throw new TypeError(`"${typeUrl}" was not asked for`);
      topic.take(response);
      this.say(typeUrl, { responseNonce });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#options.log.error('a response of the control plane is refused, what was there stays in force', {
        type: typeUrl,
        error: text,
      });
      this.say(typeUrl, { responseNonce, errorDetail: { code: 3, message: text } });
    }
  }
}
