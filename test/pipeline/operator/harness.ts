import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IstioOperatorStatus } from '#api/index.ts';
import { createOperator, type OperatorOptions } from '#controllers/operator/index.ts';
import {
  createKubeClient,
  createKubeconfigConnection,
  type KubeClient,
  KubeError,
  type KubeObject,
  type Resource,
  resourcePath,
  resources,
} from '#kube/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { findStatusFaults, judgeLikeArgo, judgeLikeKstatus } from '#test/support/health-rules.ts';

export const istioOperators: Resource = {
  group: 'install.istio.io',
  version: 'v1alpha1',
  plural: 'istiooperators',
  kind: 'IstioOperator',
  namespaced: true,
};

export interface MeshObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: IstioOperatorStatus;
}

export interface ServiceObject extends KubeObject {
  readonly spec: { readonly ports: readonly { readonly name: string; readonly port: number }[] };
}

export interface DeploymentObject extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

const root = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** An API server with our definitions, where the test itself plays the kubelet and istiod. */
export class OperatorHarness {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** What the webhook probe answers; undefined means istiod answers. */
  silence: string | undefined;
  #stop: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(server: ApiServer) {
    this.server = server;
    this.client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
  }

  static async start(options: { controllerManager?: boolean } = {}): Promise<OperatorHarness> {
    const server = await startApiServer(options);
    const directory = join(import.meta.dirname, '../../../crds');
    await server.kubectl(
      ['apply', '--server-side', '-f', '-'],
      await readFile(join(directory, 'istiooperators.install.istio.io.yaml'), 'utf8'),
    );
    for (const namespace of ['istio-system', 'lateen-operator'])
      await server.kubectl(['create', 'namespace', namespace]);
    return new OperatorHarness(server);
  }

  startOperator(options: Partial<OperatorOptions> = {}): void {
    this.#stop = new AbortController();
    this.#running = createOperator({
      client: this.client,
      profilesDirectory: join(import.meta.dirname, '../../../config/profiles'),
      namespace: 'lateen-operator',
      identity: 'test',
      probeWebhook: async () => this.silence,
      leaseDurationMs: 3_000,
      ...options,
    }).run(this.#stop.signal);
  }

  async stopOperator(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
  }

  async stop(): Promise<void> {
    await this.stopOperator();
    await this.client.close();
    await this.server.stop();
  }

  async create(name: string, spec: Readonly<Record<string, unknown>>, namespace = 'istio-system'): Promise<MeshObject> {
    return await this.client.create<MeshObject>(istioOperators, { metadata: { name, namespace }, spec });
  }

  async get(name: string, namespace = 'istio-system'): Promise<MeshObject> {
    return await this.client.get<MeshObject>(istioOperators, { name, namespace });
  }

  async patchSpec(name: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
    await this.client.patch(istioOperators, { name, namespace: 'istio-system' }, { spec });
  }

  async remove(name: string): Promise<void> {
    await this.client.delete(istioOperators, { name, namespace: 'istio-system' });
    await this.until(
      async () => (await this.client.find(istioOperators, { name, namespace: 'istio-system' })) === undefined,
      `${name} is gone`,
    );
  }

  /** Plays kubelet and deployment controller: every Deployment of the namespace gets all its replicas. */
  async bringUp(namespace = 'istio-system'): Promise<void> {
    const { items } = await this.client.list<DeploymentObject>(resources.deployments, { namespace });
    for (const { metadata, spec } of items) {
      const replicas = spec.replicas ?? 1;
      await this.setDeploymentStatus(
        metadata.name,
        { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas },
        namespace,
      );
    }
  }

  async setDeploymentStatus(
    name: string,
    status: Readonly<Record<string, unknown>>,
    namespace = 'istio-system',
  ): Promise<void> {
    try {
      const deployment = await this.client.get(resources.deployments, { namespace, name });
      await this.client.transport.send({
        method: 'PATCH',
        path: resourcePath(resources.deployments, namespace, name, 'status'),
        contentType: 'application/merge-patch+json',
        body: { status: { observedGeneration: deployment.metadata.generation, ...status } },
      });
    } catch (thrown) {
      // Pruned between our listing and now: there is nobody whose status could be played.
      if (!(thrown instanceof KubeError && thrown.code === 'not-found')) throw thrown;
    }
  }

  /** Plays istiod: publishes a root. */
  async publishRoot(namespace = 'istio-system', text = root): Promise<void> {
    const metadata = { namespace, name: 'istio-ca-root-cert' };
    await this.client.apply(
      resources.configMaps,
      { metadata, data: { 'root-cert.pem': text } },
      { fieldManager: 'istiod', force: true },
    );
  }

  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    for (let waited = 0; waited < 60_000; waited += 25) {
      if (await condition()) return;
      await sleep(25);
    }
    throw new Error(`gave up waiting until ${what}`);
  }

  /**
   * Waits for a state at the newest generation; every status seen on the way must be well-behaved. On the way to HEALTHY
   * whatever Deployment comes up meanwhile gets its replicas.
   */
  async untilStatus(name: string, status: string): Promise<MeshObject> {
    let last: MeshObject | undefined;
    for (let waited = 0; waited < 60_000; waited += 25) {
      last = await this.get(name);
      const faults = findStatusFaults(last);
      if (faults.length > 0) throw new Error(`${faults.join(', ')}: ${JSON.stringify(last.status)}`);
      if (last.status?.status === status && last.status.observedGeneration === last.metadata.generation) return last;
      if (status === 'HEALTHY' && waited % 500 === 0) await this.bringUp();
      await sleep(25);
    }
    throw new Error(`${name} did not become ${status}: ${JSON.stringify(last?.status, null, 1)}`);
  }
}

/** How the two tools see it, in one line. */
export function judge(object: MeshObject): string {
  return `${judgeLikeArgo(object)} ${judgeLikeKstatus(object)}`;
}
