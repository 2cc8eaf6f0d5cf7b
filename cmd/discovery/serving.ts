/** What every istiod has, wherever its objects come from: snapshots, sessions, the ledger of what was delivered, and ports. */
import { ServerCredentials } from '@grpc/grpc-js';
import {
  addCertificateService,
  buildServerCredentials,
  type CallerAuthenticator,
  type CaMetrics,
  type CertificateAuthority,
  onDistrust,
  type ServerCertificate,
} from '#ca/index.ts';
import { DeliveryLedger } from '#controllers/index.ts';
import type { Clock, Component, Logger, Metrics } from '#runtime/index.ts';
import { createSnapshotSource, type MeshSnapshotSource, type SecretAuthorizer } from '#translate/index.ts';
import {
  createDiscoveryService,
  createGrpcListener,
  declareConnectionMetrics,
  type GrpcListenerOptions,
  type ServedResource,
  type WorkloadReception,
} from '#xds/index.ts';
import { version } from '../version.ts';
import { createDebug, type Debug } from './debug/index.ts';
import type { Mesh } from './mesh.ts';
import { declareMeshMetrics } from './mesh-metrics.ts';
import { createRehearsal } from './rehearsal/index.ts';
import type { DiscoverySettings } from './settings.ts';
import { createSourceIndex } from './source-index.ts';
import { createTidier, tidyAfterConnections } from './tidy.ts';

export interface ServingOptions {
  readonly settings: DiscoverySettings;
  readonly mesh: Mesh;
  /** Settles once every source has delivered its first list. */
  readonly synced: Promise<void>;
  /** Called when this replica has prepared for the proxies that are going to connect. */
  readonly onRehearsed: () => void;
  readonly secrets: SecretAuthorizer;
  /** Proves who asks for debug pages. */
  readonly callers: Pick<CallerAuthenticator, 'authenticate'>;
  /** Learns of workloads outside of Kubernetes. */
  readonly workloads: WorkloadReception;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What the secure port is made of. */
export interface SecureParts {
  readonly authority: CertificateAuthority;
  readonly certificate: ServerCertificate;
  readonly callers: CallerAuthenticator;
  readonly caMetrics: CaMetrics;
  /** Services beside discovery and certificates. */
  readonly more?: GrpcListenerOptions['services'];
}

export interface Serving {
  readonly snapshots: MeshSnapshotSource;
  readonly ledger: DeliveryLedger<ServedResource>;
  readonly debug: Debug;
  /** Gives back memory. */
  readonly tidier: Component;
  /** Prepares for those who are going to connect. */
  readonly rehearsal: Component;
  /** The plaintext port, where one is asked for. */
  readonly plaintext: readonly Component[];
  /** The port for proven identities. */
  secure(parts: SecureParts): Component;
}

/**
 * How many connections over TLS begin: as many at once as a replica configures in some seconds, then as many as it could
 * configure, which leaves half of the main thread's time to what proxies have to be told.
 */
const secureConnections = { perSecond: 200, burst: 500 };

export function createServing(options: ServingOptions): Serving {
  const { settings, mesh, callers, clock, logger, metrics } = options;
  const scoped = (scope: string) => logger.child({ scope });
  const faults = scoped('translate');
  const meshMetrics = declareMeshMetrics(metrics, mesh, version);
  const snapshots = createSnapshotSource({
    graph: mesh.graph,
    builder: mesh.builder,
    model: mesh.model,
    synced: options.synced,
    secrets: options.secrets,
    clock,
    onFault: (what, error) => faults.error('a resource could not be built', { resource: what, error }),
    onSettled: () => ledger.touch(),
    onServed: (inputs) => meshMetrics.served(inputs),
  });
  mesh.onEdited((partial) => snapshots.edited(partial));
  const ledger = new DeliveryLedger(settings.podName, createSourceIndex(snapshots, mesh.generations));
  const debug = createDebug({
    ...mesh,
    snapshots,
    streams: () => discovery.streams(),
    callers,
    trustsLoopback: ownsLoopback(settings),
    administrators: () => new Set([settings.namespace, mesh.graph.read(mesh.model.settings, '').rootNamespace]),
    clock,
    clusterId: settings.clusterId,
    podName: settings.podName,
    version,
    logger: scoped('debug'),
  });
  const tidier = createTidier(clock);
  const discovery = createDiscoveryService({
    source: snapshots,
    observer: tidyAfterConnections(ledger, tidier),
    debug: debug.responder,
    workloads: options.workloads,
    logger: scoped('xds'),
    metrics,
    clock,
    settings: {
      warmMs: settings.xds.warmTimeout,
      missingMs: settings.xds.missingClusterTimeout,
      maxPendingBytes: settings.xds.maxPendingBytes,
      maxStreamsPerIdentity: settings.xds.maxStreamsPerIdentity,
      maxStreamsPerProxy: settings.xds.maxStreamsPerProxy,
      maxNameBytesPerStream: settings.xds.maxNameBytesPerStream,
      maxNameBytes: settings.xds.maxNameBytes,
    },
  });
  const onStop = () => discovery.close();
  const onTurnedAway = declareConnectionMetrics(metrics);
  const plaintext = createGrpcListener({
    name: 'plaintext xds',
    address: settings.grpcAddr,
    credentials: ServerCredentials.createInsecure(),
    services: [(server, connections) => discovery.register(server, connections)],
    ...{ clock, onTurnedAway, onStop, logger },
  });
  return {
    snapshots,
    ledger,
    debug,
    tidier,
    rehearsal: createRehearsal({
      ...{ mesh, snapshots, discovery, clock, synced: options.synced },
      withChanges: settings.rehearseChanges,
      logger: scoped('xds'),
      onDone: () => {
        options.onRehearsed();
        tidier.request();
      },
    }),
    plaintext: settings.grpcAddr === '' ? [] : [plaintext],
    secure: ({ authority, certificate, callers: proven, caMetrics, more = [] }) =>
      createGrpcListener({
        name: 'secure xds',
        address: settings.secureGrpcAddr,
        credentials: buildServerCredentials(certificate),
        maxConnectionAgeMs: settings.xds.maxConnectionAge,
        limits: { rate: secureConnections },
        services: [
          (server, connections) => discovery.register(server, connections, proven),
          (server) =>
            addCertificateService(server, { authority, callers: proven, metrics: caMetrics, logger: scoped('ca') }),
          ...more,
        ],
        onDistrust: (listener) => onDistrust(certificate, listener),
        ...{ clock, onTurnedAway, onStop, logger },
      }),
  };
}

/**
 * Whether nobody but this pod's own containers and ports forwarded to it come from loopback. On a network that a node's or
 * a machine's other processes share it is anybody's.
 */
function ownsLoopback({ debugFromLoopback, podIp, hostIp }: DiscoverySettings): boolean {
  return debugFromLoopback && podIp !== '' && hostIp !== '' && podIp !== hostIp;
}
