/** A cluster's API server, our control plane on it at Istio's own ports, and a pod in which an application answers. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '#hack/setup/command.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { type Istiod, istiodName, requestCertificate, startIstiod } from '#test/support/istiod.ts';
import type { NetworkPair } from '#test/support/netns.ts';
import { startUpstream, type Upstream } from '#test/support/upstream.ts';
import { IstioAgent } from './istio-agent.ts';
import {
  client,
  describeClient,
  describeClientStatus,
  describeOrders,
  type KubernetesObject,
  namespace,
} from './objects.ts';

const plainPort = 15010;
const securePort = 15012;
const system = 'istio-system';

export interface Programs {
  /** Paths: Istio's agent, its template of Envoy's bootstrap, its command-line tool. */
  readonly agent: string;
  readonly bootstrap: string;
  readonly istioctl: string | undefined;
}

export type Upstreams = Readonly<Record<'blue' | 'green', Upstream>>;

export class InteropWorld {
  readonly network: NetworkPair;
  readonly programs: Programs;
  readonly api: ApiServer;
  readonly upstreams: Upstreams;
  /** For files of the tools. */
  readonly folder: string;
  #istiod: Istiod;
  #agent: IstioAgent | undefined;
  readonly #stops: readonly (() => Promise<void>)[];

  private constructor(
    network: NetworkPair,
    programs: Programs,
    parts: { readonly api: ApiServer; readonly istiod: Istiod; readonly upstreams: Upstreams; readonly folder: string },
    stops: readonly (() => Promise<void>)[],
  ) {
    this.network = network;
    this.programs = programs;
    this.api = parts.api;
    this.upstreams = parts.upstreams;
    this.folder = parts.folder;
    this.#istiod = parts.istiod;
    this.#stops = stops;
  }

  static async start(network: NetworkPair, programs: Programs): Promise<InteropWorld> {
    const { pod, peer } = network.addresses;
    const api = await startApiServer();
    const upstreams = { blue: await startUpstream('blue', peer), green: await startUpstream('green', peer) };
    await api.kubectl(['apply', '--server-side', '-k', 'crds']);
    await api.definitionsServed();
    for (const name of [system, namespace]) await api.kubectl(['create', 'namespace', name]);
    const apply = applyTo(api);
    await apply([...describeOrders({ address: peer, port: upstreams.blue.port }), ...describeClient(pod)]);
    await apply([describeClientStatus(pod)], '--subresource=status');
    const istiod = await startControlPlane(api);
    const relay = await relayPlaintext(peer);
    await network.useHost('pod', istiodName, peer);
    await network.useResolver('pod', peer);
    const route = await network.run('pod', ['ip', 'route', 'add', 'default', 'dev', 'eth0']);
    if (route.code !== 0) throw new Error(route.stderr);
    const application = `require('node:http').createServer((request, response) =>
      response.end(JSON.stringify({ name: 'application', headers: request.headers }))
    ).listen(${client.port}, '0.0.0.0', () => console.log('serves'))`;
    const stopApplication = await network.serve('pod', application);
    const folder = await mkdtemp(join(tmpdir(), 'lateen-istioctl-'));
    return new InteropWorld(network, programs, { api, istiod, upstreams, folder }, [
      stopApplication,
      async () => {
        relay.close();
      },
      () => upstreams.blue.close(),
      () => upstreams.green.close(),
      () => rm(folder, { recursive: true }),
      () => api.stop(),
    ]);
  }

  get roots(): string {
    return this.#istiod.roots;
  }

  async apply(...objects: readonly KubernetesObject[]): Promise<void> {
    await applyTo(this.api)(objects);
  }

  async remove(...objects: readonly KubernetesObject[]): Promise<void> {
    await this.api.kubectl(['delete', '-f', '-'], renderObjects(objects));
  }

  /** The service `orders` has one endpoint, this one. */
  async serveOrders(by: 'blue' | 'green'): Promise<void> {
    await this.apply(...describeOrders({ address: this.network.addresses.peer, port: this.upstreams[by].port }));
  }

  /** Ends our control plane and starts another. */
  async restartControlPlane(): Promise<void> {
    await this.#istiod.stop();
    this.#istiod = await startControlPlane(this.api);
  }

  /** What the pod's traffic is redirected with is Istio's, too. */
  async redirect(): Promise<void> {
    const flags = [
      ...['-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', ''],
      ...['-b', '*', '-d', '15090,15021,15020', '--redirect-dns'],
    ];
    const { code, stdout, stderr } = await this.network.run('pod', [this.programs.agent, 'istio-iptables', ...flags]);
    if (code !== 0) throw new Error(`${stdout}${stderr}`);
  }

  /** One at a time. */
  async startAgent(variant: {
    readonly proxyConfig: Readonly<Record<string, unknown>>;
    readonly env: Readonly<Record<string, string>>;
  }): Promise<IstioAgent> {
    const { network, programs } = this;
    const { pod, serviceAccount, labels } = client;
    const token = await this.#istiod.token(namespace, serviceAccount);
    this.#agent = await IstioAgent.start({
      ...{ network, program: programs.agent, bootstrap: programs.bootstrap, roots: this.roots, token },
      ...{ namespace, pod, serviceAccount, labels, authority: `${istiodName}:${securePort}`, ...variant },
    });
    return this.#agent;
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  /** A certificate of the mesh for a service account. */
  async certificate(namespace: string, serviceAccount: string) {
    const token = await this.#istiod.token(namespace, serviceAccount);
    return requestCertificate({ securePort, roots: this.roots }, token, namespace, serviceAccount);
  }

  /** What istioctl prints. */
  async istioctl(...parameters: readonly string[]): Promise<string> {
    const { istioctl = '' } = this.programs;
    return runCommand(istioctl, parameters, { env: { KUBECONFIG: this.api.kubeconfig } });
  }

  /** Flags with which istioctl asks our control plane, with a certificate of that one's namespace. */
  async istioctlAccess(): Promise<readonly string[]> {
    const { chain, key } = await this.certificate(system, 'default');
    const files = { 'cert-chain.pem': chain, 'key.pem': key, 'root-cert.pem': this.roots };
    for (const [name, content] of Object.entries(files)) await writeFile(join(this.folder, name), content);
    return [`--xds-address=127.0.0.1:${securePort}`, `--cert-dir=${this.folder}`, `--authority=${istiodName}`];
  }

  async stop(): Promise<void> {
    await this.stopAgent();
    await this.#istiod.stop();
    for (const stop of this.#stops) await stop();
  }
}

const startControlPlane = (api: ApiServer): Promise<Istiod> =>
  startIstiod(api, { flags: [`--secure-grpc-addr=:${securePort}`, `--grpc-addr=127.0.0.1:${plainPort}`] }).then(
    (istiod) => ({
      ...istiod,
      securePort,
    }),
  );

/** Our control plane serves plaintext on loopback alone; this is what a forwarded port is. */
async function relayPlaintext(host: string): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(plainPort, '127.0.0.1');
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  }).listen(plainPort, host);
  await once(server, 'listening');
  return server;
}

const renderObjects = (objects: readonly KubernetesObject[]): string =>
  objects.map((o) => JSON.stringify(o)).join('\n');

const applyTo =
  (api: ApiServer) =>
  (objects: readonly KubernetesObject[], ...more: readonly string[]): Promise<string> =>
    api.kubectl(['apply', '--server-side', '--force-conflicts', ...more, '-f', '-'], renderObjects(objects));
