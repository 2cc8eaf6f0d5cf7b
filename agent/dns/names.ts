/**
 * The name table from the control plane: a delta stream of its own that asks for nothing else and says of itself that it
 * is an agent's, so that the control plane does not take it for a proxy.
 */
import type { Clock, Component, LateenError } from '#runtime/core/index.ts';
import { type AgentTypes, codec, typeUrl } from '#wire/agent.ts';
import { Backoff } from '../backoff.ts';
import { openDuplex } from '../grpc/duplex.ts';
import type { Logger } from '../log.ts';
import { type NameTable, parseNames } from './table.ts';

/** What the stream is authenticated with. */
export interface Credentials {
  /** PEM of the workload's certificate with its intermediates. */
  readonly chain: string;
  /** PEM; never logged. */
  readonly privateKey: string;
  /** PEM of the roots that the control plane's certificate must chain to. */
  readonly roots: string;
}

export interface NameSourceOptions {
  readonly discovery: { readonly host: string; readonly port: number; readonly serverName: string };
  /** The node as Envoy's own stream names it. */
  readonly node: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> };
  /** Undefined until there is a certificate. */
  readonly credentials: () => Credentials | undefined;
  readonly table: NameTable;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** After each change of the table. */
  readonly onUpdate: () => void;
}

type Response = AgentTypes['envoy.service.discovery.v3.DeltaDiscoveryResponse'];

const requestType = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const tableType = 'istio.networking.nds.v1.NameTable';
const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const maximumMessage = 32 * 1024 * 1024;
/** Milliseconds between looks whether there is a certificate. */
const certificateInterval = 100;

/** What decides which names a pod sees, and who it is. */
const told = [
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
] as const;

export class NameSource implements Component {
  readonly name = 'name table';
  readonly #options: NameSourceOptions;
  readonly #backoff: Backoff;
  /** Versions of the parts that the table holds: what the control plane need not send again. */
  readonly #versions = new Map<string, string>();

  constructor(options: NameSourceOptions) {
    this.#options = options;
    this.#backoff = new Backoff(200, 10_000, options.random);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, credentials, log } = this.#options;
    const pause = (ms: number) =>
      clock.sleep(ms, signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      });
    while (!signal.aborted) {
      const current = credentials();
      if (current === undefined) {
        await pause(certificateInterval);
        continue;
      }
      const reason = await this.#follow(current, signal);
      if (signal.aborted) return;
      const delay = this.#backoff.next();
      log.warn('name table stream ended, the last table stays in force', {
        code: reason.code,
        error: reason.message,
        retryInMs: delay,
      });
      await pause(delay);
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
      onMessage: (message) => stream.send(this.#take(message)),
    });
    const metadata = Object.fromEntries(told.map((name) => [name, node.metadata[name]]).filter(([, value]) => value));
    stream.send(
      codec.encode(
        requestType,
        codec.fromJson(requestType, {
          node: { id: node.id, metadata: { ...metadata, GENERATOR: 'agent' }, userAgentName: 'pilot-agent' },
          typeUrl: typeUrl(tableType),
          initialResourceVersions: Object.fromEntries(this.#versions),
        }),
      ),
    );
    return stream.ended;
  }

  /** Puts a response in force and gives what to answer: taken, or refused as a whole. */
  #take(message: Uint8Array): Uint8Array {
    const response = codec.decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', message);
    this.#backoff.reset();
    const answer = { typeUrl: typeUrl(tableType), responseNonce: response.nonce ?? '' };
    try {
      this.#apply(response);
      return codec.encode(requestType, answer);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#options.log.error('name table refused, the last table stays in force', { error: text });
      return codec.encode(requestType, { ...answer, errorDetail: { code: 3, message: text } });
    }
  }

  #apply(response: Response): void {
    const { table, log, onUpdate } = this.#options;
    const resources = response.resources ?? [];
    const parts = resources.map(({ name = '', resource }) => {
      const decoded = codec.unpack(tableType, resource ?? {});
      if (decoded === undefined) throw new TypeError(`resource "${name}" is no name table`);
      return [name, parseNames(decoded.table ?? {})] as const;
    });
    const removed = response.removedResources ?? [];
    table.update(parts, removed);
    for (const name of removed) this.#versions.delete(name);
    for (const { name = '', version = '' } of resources) this.#versions.set(name, version);
    log.debug('name table updated', { changed: parts.length, removed: removed.length });
    onUpdate();
  }
}
