/**
 * A mesh in which things are made to wait: a real API server, the control plane as a process of its own, and a sidecar and
 * a gateway on real Envoys in network namespaces, which come over mutual TLS and whose names nobody answers.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds } from '#api/index.ts';
import {
  createKubeClient,
  createKubeconfigConnection,
  type KubeClient,
  type KubeObject,
  type Resource,
  resources,
} from '#kube/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { PodApplications, Stream } from '#test/support/insider.ts';
import type { Istiod } from '#test/support/istiod.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { redirectPod } from '#test/support/redirected.ts';
import { prepareOurs } from '../scale/servers.ts';
import { type Described, describeProxies, namespace } from './objects.ts';
import { type ProxyShape, type Resolver, startProxy, type WaitingProxy } from './proxy.ts';

const system = 'istio-system';

const proxyShapes = {
  sidecar: {
    ...{ type: 'sidecar', pod: 'client-0', namespace, serviceAccount: 'default', inside: 'pod' },
    labels: { app: 'client' },
  },
  gateway: {
    ...{ type: 'router', pod: 'gateway-0', namespace: system, serviceAccount: 'ingress', inside: 'peer' },
    labels: { istio: 'ingressgateway' },
  },
} as const satisfies Record<string, Omit<ProxyShape, 'resolver'>>;

const resourceOf = (kind: string): Resource => {
  const own = Object.values(kinds).find((definition) => definition.kind === kind);
  if (own !== undefined) {
    const { group, storageVersion, plural } = own;
    return { group, version: storageVersion, plural, kind, namespaced: true };
  }
  const found = Object.values(resources).find((resource) => resource.kind === kind);
  if (found === undefined) throw new TypeError(`no resource for ${kind}`);
  return found;
};

/** Lets the gateway have the Secrets of its namespace, and nobody else. */
const permissions = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets, namespace: ${system}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets, namespace: ${system}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: ingress, namespace: ${system}}]
`;

interface Reported extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

export class WaitingMesh {
  readonly #client: KubeClient;
  readonly #network: NetworkPair;
  readonly #applications: PodApplications;
  readonly #istiod: Istiod;
  readonly #folder: string;
  readonly #closers: (() => Promise<void>)[];
  readonly #proxies = new Map<'sidecar' | 'gateway', WaitingProxy>();

  private constructor(
    folder: string,
    parts: { client: KubeClient; network: NetworkPair; applications: PodApplications; istiod: Istiod },
    closers: (() => Promise<void>)[],
  ) {
    this.#folder = folder;
    this.#client = parts.client;
    this.#network = parts.network;
    this.#applications = parts.applications;
    this.#istiod = parts.istiod;
    this.#closers = closers;
  }

  /** Its files go into the folder. */
  static async start(folder: string, signal: AbortSignal): Promise<WaitingMesh> {
    const closers: (() => Promise<void>)[] = [];
    try {
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o755);
      const prepared = await prepareOurs(join(folder, 'program'));
      const api = await startApiServer({ signal });
      closers.push(() => api.stop());
      const client = createKubeClient(createKubeconfigConnection({ path: api.kubeconfig }));
      closers.push(() => client.close());
      await prepareCluster(api, client);
      const istiod = await prepared(api);
      closers.push(() => istiod.stop());
      const network = await prepareNetwork(closers);
      const applications = new PodApplications(network.command('peer'), 'name server');
      closers.push(() => applications.stop());
      const mesh = new WaitingMesh(folder, { client, network, applications, istiod }, closers);
      const { pod, peer } = network.addresses;
      for (const object of describeProxies({ sidecar: pod, gateway: peer })) await mesh.put(object);
      closers.push(async () => {
        for (const proxy of mesh.#proxies.values()) await proxy.stop();
      });
      for (const name of ['sidecar', 'gateway'] as const) await mesh.#startProxy(name, 'agent');
      return mesh;
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  get sidecar(): WaitingProxy {
    return this.#proxy('sidecar');
  }

  get gateway(): WaitingProxy {
    return this.#proxy('gateway');
  }

  /** Makes an object or another version of it. */
  async put(object: Described): Promise<void> {
    const { status, ...draft } = object;
    const resource = resourceOf(object.kind);
    await this.#client.apply(resource, draft, { fieldManager: 'lateen-bench', force: true });
    if (status === undefined) return;
    await this.#client.transport.send({
      method: 'PATCH',
      path: `/api/v1/namespaces/${object.metadata.namespace}/${resource.plural}/${object.metadata.name}/status`,
      contentType: 'application/merge-patch+json',
      body: { status },
    });
  }

  async remove({ kind, metadata }: Described): Promise<void> {
    await this.#client.delete(resourceOf(kind), metadata);
  }

  /** `REASON: MESSAGE` of a condition, as the API server has it now. */
  async condition({ kind, metadata }: Described, type: string): Promise<string> {
    const { status } = await this.#client.get<Reported>(resourceOf(kind), metadata);
    const found = status?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? '' : `${found.reason}: ${found.message}`;
  }

  /** The service's own address. */
  async addressOf(service: Described): Promise<string> {
    const { spec } = await this.#client.get<KubeObject & { readonly spec: { readonly clusterIP: string } }>(
      resources.services,
      service.metadata,
    );
    return spec.clusterIP;
  }

  /** Starts the application of a pod. */
  async run(app: string, address: string, port: number): Promise<void> {
    await this.#applications.open(app, address, port);
  }

  /** A connection from inside the sidecar's pod that is used until it is closed. */
  connect(address: string, port: number): Stream {
    return new Stream(this.#network.command('pod', 1000), address, port);
  }

  /** Another Envoy in the place of the sidecar; resolves with how long it took until that served, in milliseconds. */
  async restartSidecar(resolver: Resolver): Promise<number> {
    await this.sidecar.stop();
    this.#proxies.delete('sidecar');
    const started = performance.now();
    await this.#startProxy('sidecar', resolver);
    return performance.now() - started;
  }

  async stop(): Promise<void> {
    await closeAll(this.#closers);
  }

  async #startProxy(name: 'sidecar' | 'gateway', resolver: Resolver): Promise<void> {
    const place = { network: this.#network, istiod: this.#istiod, folder: this.#folder };
    this.#proxies.set(name, await startProxy(place, { ...proxyShapes[name], resolver }));
  }

  #proxy(name: 'sidecar' | 'gateway'): WaitingProxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new TypeError(`the ${name} does not run`);
    return proxy;
  }
}

async function prepareCluster(api: ApiServer, client: KubeClient): Promise<void> {
  await api.kubectl(['apply', '--server-side', '-k', 'crds']);
  await api.definitionsServed();
  for (const [name, account] of [
    [system, 'ingress'],
    [namespace, 'default'],
  ] as const) {
    await client.create(resources.namespaces, { metadata: { name } });
    await client.create(resources.serviceAccounts, { metadata: { name: account, namespace: name } });
  }
  await api.kubectl(['apply', '-f', '-'], permissions);
}

/** Addresses of pods are all in the peer's namespace, and so is a name server that says nothing. */
async function prepareNetwork(closers: (() => Promise<void>)[]): Promise<NetworkPair> {
  const network = await NetworkPair.create();
  closers.push(() => network.remove());
  await redirectPod(network);
  const { code, stderr } = await network.run('peer', ['ip', 'route', 'add', 'local', '10.97.0.0/16', 'dev', 'lo']);
  if (code !== 0) throw new Error(stderr);
  for (const inside of ['pod', 'peer'] as const) await network.useResolver(inside, network.addresses.peer);
  return network;
}

async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of [...closers].reverse()) await close();
}
