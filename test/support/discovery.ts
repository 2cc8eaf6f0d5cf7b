/** Our real discovery server on loopback, fed by a test. */
import { ServerCredentials } from '@grpc/grpc-js';
import { type Clock, createLogger, createMetrics, type Metrics } from '#runtime/index.ts';
import {
  createDiscoveryService,
  createGrpcListener,
  type DebugResponder,
  type DiscoveryService,
  type DiscoverySettings,
  type GrpcListenerOptions,
  type PeerAuthenticator,
  type SnapshotSource,
} from '#xds/index.ts';
import { MemorySource, RecordingObserver } from './snapshots.ts';

export interface DiscoveryServer {
  readonly port: number;
  readonly source: MemorySource;
  readonly observer: RecordingObserver;
  readonly service: DiscoveryService;
  readonly metrics: Metrics;
  /** Log lines so far, parsed. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

export interface DiscoveryServerOptions {
  readonly credentials?: ServerCredentials;
  readonly authenticator?: PeerAuthenticator;
  readonly settings?: Partial<DiscoverySettings>;
  readonly source?: MemorySource;
  readonly debug?: DebugResponder;
  readonly clock?: Clock;
  readonly onDistrust?: GrpcListenerOptions['onDistrust'];
  readonly onTurnedAway?: GrpcListenerOptions['onTurnedAway'];
  readonly limits?: GrpcListenerOptions['limits'];
  /** Default: a free one. */
  readonly port?: number;
}

export async function startDiscovery(options: DiscoveryServerOptions = {}): Promise<DiscoveryServer> {
  const source = options.source ?? new MemorySource();
  return { ...(await serveSource(source, options)), source };
}

/** The same, fed by whatever serves snapshots. */
export async function serveSource(
  source: SnapshotSource,
  options: Omit<DiscoveryServerOptions, 'source'> = {},
): Promise<Omit<DiscoveryServer, 'source'>> {
  const observer = new RecordingObserver();
  const metrics = createMetrics();
  const logged: Record<string, unknown>[] = [];
  const logger = createLogger({
    level: 'debug',
    write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>),
  });
  const { settings = {}, clock, debug, onTurnedAway, limits = {} } = options;
  const service = createDiscoveryService({
    ...{ source, observer, logger, metrics, settings },
    ...(clock === undefined ? {} : { clock }),
    ...(debug === undefined ? {} : { debug }),
  });
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((onListening, reject) => {
    running = createGrpcListener({
      name: 'xds',
      address: `127.0.0.1:${options.port ?? 0}`,
      credentials: options.credentials ?? ServerCredentials.createInsecure(),
      services: [(server, connections) => service.register(server, connections, options.authenticator)],
      ...(options.onDistrust === undefined ? {} : { onDistrust: options.onDistrust }),
      ...(onTurnedAway === undefined ? {} : { onTurnedAway }),
      ...(clock === undefined ? {} : { clock }),
      limits,
      onStop: () => service.close(),
      onListening,
      logger,
    }).run(stopping.signal);
    running.catch(reject);
  });
  return {
    ...{ port, observer, service, metrics, logged },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
