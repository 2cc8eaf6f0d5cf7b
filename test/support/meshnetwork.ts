/**
 * A mesh without Kubernetes: our pipeline and discovery service in this process, real Envoys in network namespaces. Control
 * plane and certificates are reached over Unix sockets, which namespaces share; identities are given, not proven.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { CertificateAuthority } from '#ca/index.ts';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { createSourceIndex } from '#cmd/discovery/source-index.ts';
import { createStatusSubjects } from '#cmd/discovery/status-subjects.ts';
import { DeliveryLedger, indexFacts, resolveDelivery } from '#controllers/index.ts';
import { planConditions, type StatusCondition } from '#controllers/status/conditions.ts';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import {
  createDiscoveryService,
  createGrpcListener,
  type DiscoveryService,
  type DiscoverySettings,
  type ServedResource,
} from '#xds/index.ts';
import { type RunningEnvoy, startEnvoy } from './envoy.ts';
import { eventually } from './eventually.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { buildPodBootstrap, type PodProxy } from './podbootstrap.ts';
import { overSocket, serveCertificates } from './proxysockets.ts';

export interface MeshProxyOptions extends PodProxy {
  /** A command that runs what follows it where the proxy lives. */
  readonly within: readonly string[];
  /** Further arguments of Envoy. */
  readonly args?: readonly string[];
}

/** What Envoys refused, in their words. */
export type Rejections = string[];

export class MeshNetwork {
  readonly pipeline: Pipeline;
  readonly rejections: Rejections = [];
  readonly authority: CertificateAuthority;
  readonly #folder: string;
  readonly #service: DiscoveryService;
  readonly #ledger: DeliveryLedger<ServedResource>;
  readonly #subjects: ReturnType<typeof createStatusSubjects>;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];
  /** What is served to each. */
  readonly #envoys = new Map<RunningEnvoy, AbortController>();

  private constructor(folder: string, authority: CertificateAuthority, settings: Partial<DiscoverySettings>) {
    this.#folder = folder;
    this.authority = authority;
    this.pipeline = startPipeline({ secrets: { mayReadSecrets: () => Promise.resolve(true) } });
    const { graph, inputs, model, generations, source } = this.pipeline;
    const ledger = new DeliveryLedger('istiod-0', createSourceIndex(source, generations));
    const onEdited = () => () => undefined;
    this.#ledger = ledger;
    this.#subjects = createStatusSubjects({
      graph,
      inputs,
      model,
      generations,
      clusterId: 'Kubernetes',
      onEdited,
      clock: systemClock,
    });
    this.#service = createDiscoveryService({
      source,
      observer: {
        connected: (proxy, progress) => ledger.connected(proxy, progress),
        progressed: (id) => ledger.progressed(id),
        acknowledged: (id, revision) => ledger.acknowledged(id, revision),
        rejected: (id, error) => {
          this.rejections.push(`${error.resources.join()}: ${error.message}`);
          ledger.rejected(id, error);
        },
        waiting: (id, clusters) => ledger.waiting(id, clusters),
        disconnected: (id) => ledger.disconnected(id),
      },
      logger: silentLogger,
      metrics: createMetrics(),
      settings,
    });
  }

  static async start(settings: Partial<DiscoverySettings> = {}): Promise<MeshNetwork> {
    const folder = await mkdtemp(join(tmpdir(), 'lateen-mesh-'));
    await chmod(folder, 0o777);
    return new MeshNetwork(folder, await openAuthority(), settings);
  }

  /** Starts a proxy and waits until it serves. */
  async startProxy(options: MeshProxyOptions): Promise<RunningEnvoy> {
    const serving = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, serving.signal]);
    const sds = await this.#serveCertificates(options, signal);
    const xds = await this.#serveDiscovery(options, signal);
    const bootstrap = buildPodBootstrap(options, sds);
    const envoy = await startEnvoy(overSocket(bootstrap, xds, 'plaintext'), {
      within: options.within,
      args: options.args ?? [],
    });
    this.#envoys.set(envoy, serving);
    return envoy;
  }

  /** Ends a proxy, and what was served to it alone. */
  async stopProxy(envoy: RunningEnvoy): Promise<void> {
    const serving = this.#envoys.get(envoy);
    this.#envoys.delete(envoy);
    await envoy.stop();
    serving?.abort();
  }

  /** A condition that the status controller would write now on a resource that had none. */
  condition(kind: string, namespace: string, name: string, type: string): StatusCondition | undefined {
    const key = `Kubernetes/${kind}/${namespace}/${name}`;
    const subject = this.#subjects.find(key);
    if (subject === undefined) return undefined;
    const facts = indexFacts([this.#ledger.report()]).get(key) ?? [];
    const delivery = resolveDelivery(facts, 1, subject.uid, subject.generation);
    const conditions = planConditions({ ...subject, ...(delivery === undefined ? {} : { delivery }) }, [], '');
    return conditions?.find((condition) => condition.type === type);
  }

  /** Resolves when every proxy has acknowledged what there is now. */
  async converged(): Promise<void> {
    await this.pipeline.settled();
    await eventually(
      () => this.#service.streams(),
      (streams) => {
        const behind = streams.filter((stream) => stream.acknowledgedRevision < stream.revision);
        expect(behind.map(({ proxy, waitingFor }) => `${proxy.podName} waits for ${waitingFor}`)).to.deep.equal([]);
        expect(streams).to.have.length(this.#envoys.size);
      },
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#envoys.keys()].map((envoy) => envoy.stop()));
    this.#stopping.abort();
    await Promise.all(this.#running);
    await this.pipeline.stop();
    await rm(this.#folder, { recursive: true });
  }

  async #serveCertificates({ pod, namespace, serviceAccount }: MeshProxyOptions, signal: AbortSignal): Promise<string> {
    const { privateKey, chain } = issueCredentials(this.authority, { namespace, serviceAccount });
    const socketPath = join(this.#folder, `${pod}-sds.sock`);
    const certificates = { socketPath, chain, privateKey, roots: this.authority.rootsPem };
    this.#running.push(...(await serveCertificates(certificates, signal)));
    return socketPath;
  }

  async #serveDiscovery({ pod, namespace, serviceAccount }: MeshProxyOptions, signal: AbortSignal): Promise<string> {
    const socketPath = join(this.#folder, `${pod}-xds.sock`);
    const identity = { trustDomain: 'cluster.local', namespace, serviceAccount };
    await new Promise<void>((resolve, reject) => {
      const running = createGrpcListener({
        name: `xds of ${pod}`,
        address: `unix:${socketPath}`,
        credentials: ServerCredentials.createInsecure(),
        services: [
          (server, connections) =>
            this.#service.register(server, connections, {
              authenticate: () => Promise.resolve({ ok: true, identity }),
            }),
        ],
        // That closes all streams, those on other sockets too.
        onStop: () => {
          if (this.#stopping.signal.aborted) this.#service.close();
        },
        onListening: () => resolve(),
        logger: silentLogger,
      }).run(signal);
      running.catch(reject);
      this.#running.push(running);
    });
    await chmod(socketPath, 0o666);
    return socketPath;
  }
}
