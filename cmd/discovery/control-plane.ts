import { generateKeyPairSync } from 'node:crypto';
import { type ChannelCredentials, credentials, type ServerWritableStream } from '@grpc/grpc-js';
import {
  CallerAuthenticator,
  CertificateAuthority,
  declareCaMetrics,
  type Identity,
  ServerCertificate,
} from '#ca/index.ts';
import {
  createAddressAllocator,
  createRootCertificates,
  createStatusController,
  type DeliveryReport,
} from '#controllers/index.ts';
import type { KubeClient } from '#kube/index.ts';
import { createCertificateTime, createClusterSource } from '#registry/index.ts';
import {
  type Component,
  type Logger,
  type Metrics,
  readCredentials,
  runComponents,
  systemClock,
} from '#runtime/index.ts';
import type { Connections } from '#xds/index.ts';
import type { HttpServer } from '../http-server.ts';
import { createAddressClaims } from './address-claims.ts';
import { createAdmission } from './admission.ts';
import { createDeliveryClient } from './delivery-client.ts';
import { createDeliveryService, deliveryDefinition, type Empty, type ReplicaCheck } from './delivery-service.ts';
import { createRootStore, createSecretAuthorizer, createTokenVerifier } from './kube-adapters.ts';
import { createLeader } from './leader.ts';
import { createMesh } from './mesh.ts';
import { createMeshConfigEvents, type MeshConfigEvents } from './mesh-config-events.ts';
import { createReplicas } from './replicas.ts';
import { createServing } from './serving.ts';
import type { DiscoverySettings } from './settings.ts';
import { createStatusSubjects } from './status-subjects.ts';
import { createStatusReadings } from './stored-status.ts';
import { createTrustDomains, meshConfigMap, readTrustDomain, revisioned } from './trust-domain.ts';
import { createWorkloads } from './workloads.ts';

export interface ControlPlaneOptions {
  readonly settings: DiscoverySettings;
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The port of `/metrics`, which gets the debug pages and TLS once there is a certificate; without it they are served over xDS alone. */
  readonly monitoring?: Pick<HttpServer, 'delegate' | 'useCertificate'>;
}

export interface ControlPlane extends Component {
  /** What must still happen before this replica is ready, in words; empty when it is. */
  missing(): readonly string[];
}

/** What is waited for first. */
const readable = 'the API server, with a valid mesh configuration';

/** What proxies that connect at once will need at once. */
const prepared = 'the first snapshots';

/** The audience of tokens that pods present to the control plane. */
const audience = 'istio-ca';

/** Everything of istiod but the probe and the metrics page. */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const waiting = new Set([readable, 'the first lists', prepared, 'the certificate authority', 'the webhooks']);
  return {
    name: 'control plane',
    missing: () => [...waiting],
    run: async (signal) => {
      const meshConfigEvents = createMeshConfigEvents({
        ...meshConfigMap(options.settings),
        client: options.client,
        instance: options.settings.podName,
        clock: systemClock,
        logger: options.logger.child({ scope: 'registry' }),
      });
      const trustDomain = await awaitTrustDomain(options, meshConfigEvents, signal);
      if (trustDomain === undefined) return;
      waiting.delete(readable);
      if (!signal.aborted)
        await runComponents(join(options, trustDomain, meshConfigEvents, waiting), signal, {
          logger: options.logger,
          shutdownMs: options.settings.shutdownTimeout,
        });
    },
  };
}

/** Undefined when aborted. While this replica waits it says itself why; no other one may be there to do so. */
async function awaitTrustDomain(
  options: ControlPlaneOptions,
  events: MeshConfigEvents,
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController();
  const writing = events.writer.run(AbortSignal.any([signal, over.signal]));
  const trustDomain = await readTrustDomain({ ...options, onOutcome: events.report }, signal).catch(
    (reason: unknown) => {
      if (!signal.aborted) throw reason;
      return undefined;
    },
  );
  over.abort();
  await writing;
  return trustDomain;
}

/** Joins every part; order is start order, and the opposite is the order of stopping. */
function join(
  { settings, client, logger, metrics, monitoring }: ControlPlaneOptions,
  trustDomain: string,
  meshConfigEvents: MeshConfigEvents,
  waiting: Set<string>,
): readonly Component[] {
  const clock = systemClock;
  const random = Math.random;
  const scoped = (scope: string) => logger.child({ scope });
  const serviceName = revisioned('istiod', settings.revision);
  const mesh = createMesh(settings.domain, clock);
  const trustDomains = createTrustDomains(mesh, trustDomain);
  const own = (): Identity => ({
    trustDomain: trustDomains().trustDomain,
    namespace: settings.namespace,
    serviceAccount: settings.serviceAccount,
  });
  const stored = createStatusReadings(settings.clusterId);
  const source = createClusterSource({
    client,
    inputs: mesh.inputs,
    generations: mesh.generations,
    events: mesh.events,
    edit: (batch, partial) => mesh.builder.edit(batch, partial),
    clusterId: settings.clusterId,
    meshConfig: { ...meshConfigMap(settings), onOutcome: (outcome) => meshConfigEvents.report(outcome) },
    referencedSecrets: () => mesh.graph.read(mesh.model.referencedSecrets, ''),
    onEdited: mesh.onEdited,
    onConfig: stored.note,
    logger: scoped('registry'),
    clock,
    random,
  });
  void source.synced.then(() => waiting.delete('the first lists'));
  const certificateTime = createCertificateTime({
    inputs: mesh.inputs,
    nextChange: () => mesh.graph.read(mesh.model.nextCertificateChange, ''),
    edit: (batch) => mesh.builder.edit(batch),
    onEdited: mesh.onEdited,
    clock,
  });

  const caMetrics = declareCaMetrics(metrics);
  const authority = new CertificateAuthority({
    store: createRootStore(client, settings.namespace),
    trustDomain,
    clock,
    logger: scoped('ca'),
    metrics: caMetrics,
    random,
    defaultTtl: settings.workloadCertTtl,
    maxTtl: settings.maxWorkloadCertTtl,
  });
  authority.onChange(() => waiting.delete('the certificate authority'));
  const names = [...new Set([serviceName, 'istiod'])].flatMap((name) => [
    `${name}.${settings.namespace}.svc`,
    `${name}.${settings.namespace}`,
    `${name}.${settings.namespace}.svc.${settings.domain}`,
  ]);
  const certificate = new ServerCertificate({ authority, dnsNames: names, clock, logger: scoped('ca') });
  const callers = new CallerAuthenticator({
    tokens: createTokenVerifier(client),
    audiences: [audience],
    trustDomains,
    trust: () => authority.trust,
    clock,
  });

  const secrets = createSecretAuthorizer(client);
  const workloads = createWorkloads({ settings, client, mesh, synced: source.synced, clock, random, logger, metrics });
  const serving = createServing({
    ...{ settings, mesh, synced: source.synced, secrets, callers, clock, logger, metrics },
    workloads: workloads.reception,
    onRehearsed: () => waiting.delete(prepared),
  });
  const { snapshots, ledger, debug } = serving;
  const isReplica = async (call: ServerWritableStream<Empty, DeliveryReport>, connections: Connections) => {
    const verdict = await callers.authenticate({ ...readCredentials(call), authorization: [] });
    const allowed =
      verdict.ok &&
      verdict.identity.namespace === settings.namespace &&
      verdict.identity.serviceAccount === settings.serviceAccount;
    if (allowed && !call.cancelled) call.once('cancelled', connections.serve(call.getPeer()));
    return allowed;
  };
  const replicas = createReplicas({
    ...mesh,
    service: `${settings.clusterId}/${settings.namespace}/${serviceName}`,
    ownAddress: settings.podIp,
  });
  const secure = serving.secure({
    ...{ authority, certificate, callers, caMetrics },
    more: [
      (server, connections) => {
        const check: ReplicaCheck = (call) => isReplica(call, connections);
        server.addService(deliveryDefinition, createDeliveryService(ledger, clock, check));
      },
    ],
  });

  // Once, not with each term of leadership: its query lives as long as the graph.
  const subjects = createStatusSubjects({ ...mesh, clusterId: settings.clusterId, clock });
  const claims = createAddressClaims({ ...mesh, clusterId: settings.clusterId });
  const leaderWork = (): readonly Component[] => [
    meshConfigEvents.writer,
    ...workloads.leaderWork(),
    ...(settings.allocateAddresses
      ? [createAddressAllocator({ client, claims, clock, random, logger: scoped('addresses') })]
      : []),
    createStatusController({
      client,
      subjects,
      stored,
      delivery: createDeliveryClient({
        ledger,
        addresses: replicas,
        credentials: () => buildClientCredentials(authority, own()),
        serverName: `${serviceName}.${settings.namespace}.svc`,
        clock,
        onTrouble: (address, error) =>
          scoped('status').warn('a replica cannot be asked for its delivery facts', { address, error }),
      }),
      revision: settings.revision,
      clock,
      random,
      logger: scoped('status'),
    }),
    createRootCertificates({
      client,
      root: () => authority.rootsPem,
      onRootChange: (changed) => authority.onChange(changed),
      namespaces: source.namespaces,
      logger: scoped('root certificates'),
      clock,
      random,
    }),
  ];
  const admission = createAdmission({ settings, client, mesh, certificate, logger, metrics });
  certificate.onChange((pair) => {
    waiting.delete('the webhooks');
    monitoring?.useCertificate(pair);
  });
  monitoring?.delegate('/debug', debug.handler);
  const leader = createLeader({ settings, client, logger, work: leaderWork, synced: source.synced });
  const { rehearsal, plaintext, tidier } = serving;
  const services = [admission, ...workloads.components, ...plaintext, secure, tidier];
  // The rehearsal takes a port of its own, whichever is free: those that were asked for come first.
  return [source, certificateTime, authority, certificate, snapshots, ...services, rehearsal, leader];
}

function buildClientCredentials(authority: CertificateAuthority, own: Identity): ChannelCredentials {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { chain } = authority.issueWorkload(own, publicKey);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return credentials.createSsl(Buffer.from(authority.rootsPem), Buffer.from(key), Buffer.from(chain.join('')));
}
