/**
 * A mesh under constant load: a sidecar and a gateway on real Envoys, services whose pods, with sidecars of their own or
 * without, come and go, and requests that never stop, from inside the sidecar's pod through its real redirection and
 * through the gateway's listener.
 */
import { parseStats } from '#agent/proxy/admin.ts';
import { type DeployedPod, Deployment, type DeploymentOptions } from './deployment.ts';
import type { RunningEnvoy } from './envoy.ts';
import type { LoadFailure, LoadTarget } from './inside/load.ts';
import { Load, PodApplications } from './insider.ts';
import { MeshedPods } from './meshedpods.ts';
import { MeshNetwork } from './meshnetwork.ts';
import { NetworkPair } from './netns.ts';
import { redirectPod } from './redirected.ts';
import { routePods } from './routedpod.ts';

const NAMESPACE = 'shop';
/** How long a pod goes on serving after every proxy has acknowledged that it is gone, as it does in its grace period. */
const GRACE_MS = 500;
/** As the agent runs Envoy, with a shorter drain time. */
export const DRAIN_SECONDS = 5;
/** Most connections that the load keeps to a target. */
const KEPT = 4;
/** As Envoy asks where nobody tells it otherwise: a host that does not resolve has its cluster warm for a minute. */
const DNS_QUERY = { timeoutSeconds: 5, tries: 4 };
const ENVOY_ARGUMENTS = ['--drain-time-s', String(DRAIN_SECONDS), '--drain-strategy', 'immediate'];

export const GATEWAY_PORT = 8080;
export const SECURE_PORT = 8443;

const gatewayObjects = (address: string) => `
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {serviceAccountName: ingress, nodeName: node-1, containers: [{name: istio-proxy}]}
status: {podIP: ${address}, podIPs: [{ip: ${address}}], phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: gateway, namespace: istio-system}
spec:
  clusterIP: 10.96.255.1
  clusterIPs: [10.96.255.1]
  ipFamilies: [IPv4]
  selector: {istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: ${GATEWAY_PORT}}, {name: https, port: 443, targetPort: ${SECURE_PORT}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: ${NAMESPACE}}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]
---`;

export class MeshUnderLoad {
  readonly mesh: MeshNetwork;
  readonly network: NetworkPair;
  /** From inside the sidecar's pod, and from outside of the mesh to the gateway. */
  readonly load: { readonly inside: Load; readonly outside: Load };
  readonly namespace = NAMESPACE;
  sidecar: RunningEnvoy | undefined;
  gateway: RunningEnvoy | undefined;
  readonly #applications: PodApplications;
  readonly #meshed: MeshedPods;
  /** Pods that serve out their grace period. */
  readonly #leaving = new Set<Promise<void>>();
  #retired = 0;
  #addresses = 0;
  #services = 0;

  private constructor(mesh: MeshNetwork, network: NetworkPair) {
    this.mesh = mesh;
    this.network = network;
    this.#applications = new PodApplications(network.command('peer'), 'name server');
    this.#meshed = new MeshedPods(mesh, network);
    this.load = {
      inside: new Load(network.command('pod', 1000), { kept: KEPT, drainMs: DRAIN_SECONDS * 1000 }),
      outside: new Load(network.command('peer', 1000), { kept: KEPT, drainMs: DRAIN_SECONDS * 1000 }),
    };
  }

  /** Names do not resolve: nobody answers who is asked. The proxies do not run yet: apply first what they are to find. */
  static async start(): Promise<MeshUnderLoad> {
    const network = await NetworkPair.create();
    await redirectPod(network);
    // Addresses of pods, many of them: the whole network is the namespace's own.
    await must(network, 'peer', ['ip', 'route', 'add', 'local', '10.97.0.0/16', 'dev', 'lo']);
    await routePods(network);
    for (const inside of ['pod', 'peer'] as const) await network.useResolver(inside, network.addresses.peer);
    const mesh = await MeshNetwork.start({ drainMs: DRAIN_SECONDS * 1000 });
    const world = new MeshUnderLoad(mesh, network);
    mesh.pipeline.objects.apply(gatewayObjects(network.addresses.peer));
    return world;
  }

  async startProxies(): Promise<void> {
    const { addresses } = this.network;
    this.sidecar = await this.mesh.startProxy({
      ...{ type: 'sidecar', pod: 'client-0', namespace: NAMESPACE, serviceAccount: 'client', ip: addresses.pod },
      labels: { app: 'client' },
      within: this.network.command('pod', 1337),
      args: ENVOY_ARGUMENTS,
      dnsQuery: DNS_QUERY,
    });
    this.gateway = await this.mesh.startProxy({
      ...{ type: 'router', pod: 'gateway-0', namespace: 'istio-system', serviceAccount: 'ingress' },
      ...{ ip: addresses.peer, labels: { istio: 'ingressgateway' } },
      within: this.network.command('peer', 1337),
      args: ENVOY_ARGUMENTS,
      dnsQuery: DNS_QUERY,
    });
    await this.mesh.converged();
  }

  /** A service that does not exist yet. */
  plan(options: Pick<DeploymentOptions, 'name' | 'port' | 'protocol' | 'sidecars'>): Deployment {
    this.#services += 1;
    const address = `10.96.${Math.floor(this.#services / 250)}.${1 + (this.#services % 250)}`;
    return new Deployment(this.mesh.pipeline, { ...options, namespace: NAMESPACE, address }, () => {
      this.#addresses += 1;
      return `10.${options.sidecars === true ? 99 : 97}.${Math.floor(this.#addresses / 250)}.${1 + (this.#addresses % 250)}`;
    });
  }

  /** Starts a service with its pods. */
  async deploy(deployment: Deployment, pods: readonly DeployedPod[]): Promise<void> {
    if (deployment.options.sidecars === true) {
      deployment.create([]);
      return this.bring(deployment, pods, 'pods');
    }
    await this.run(deployment, pods);
    deployment.create(pods);
  }

  /** Starts new pods; each is ready when all in it is. */
  async bring(deployment: Deployment, pods: readonly DeployedPod[], first: 'pods' | 'slice'): Promise<void> {
    if (deployment.options.sidecars === true) deployment.announce(pods, first);
    await this.run(deployment, pods);
    deployment.join(pods, first);
  }

  /** Starts what runs in new pods. Those with sidecars must be known to the control plane. */
  async run({ options }: Deployment, pods: readonly DeployedPod[]): Promise<void> {
    if (options.sidecars === true) await Promise.all(pods.map((pod) => this.#meshed.start(options, pod)));
    else await Promise.all(pods.map(({ ip }) => this.#applications.open(options.name, ip, options.port)));
  }

  /**
   * Ends pods that are terminating, or whose service has been removed, when nobody sends to them any more. Doesn't wait.
   * Their objects go at once, or with the end of the sidecars. Of the sidecars every other one drains from the beginning,
   * as a classic one does; the rest end with their applications, as native ones do.
   */
  retire(deployment: Deployment, pods: readonly DeployedPod[]): void {
    const leaving = (
      deployment.options.sidecars === true ? this.#endMeshed(deployment, pods) : this.#end(deployment, pods)
    ).then(() => void this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  async #end(deployment: Deployment, pods: readonly DeployedPod[]): Promise<void> {
    deployment.leave(pods);
    await this.#unused();
    await Promise.all(pods.map(({ ip }) => this.#applications.kill(ip, deployment.options.port)));
  }

  async #endMeshed(deployment: Deployment, pods: readonly DeployedPod[]): Promise<void> {
    const classic = pods.filter((_, at) => (this.#retired + at) % 2 === 0);
    this.#retired += pods.length;
    await Promise.all(classic.map((pod) => this.#meshed.drain(pod)));
    await this.#unused();
    await Promise.all(pods.map((pod) => this.#meshed.end(pod)));
    deployment.leave(pods);
  }

  /** Resolves when no proxy sends anything any more to what is gone now. */
  async #unused(): Promise<void> {
    await this.mesh.converged();
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
  }

  /** How many pods with sidecars have ended. */
  get ended(): number {
    return this.#meshed.ended;
  }

  /** Applies YAML, in one batch. */
  apply(yaml: string): void {
    this.mesh.pipeline.objects.apply(yaml);
  }

  /** Requests of the sidecar's pod to a service's own address. */
  targetOf(deployment: Deployment, apps: readonly string[] = [deployment.options.name]): LoadTarget {
    const { name, address, port, protocol } = deployment.options;
    return { id: name, host: address, port, headers: { host: `${name}:${port}` }, apps, fresh: protocol === 'tcp' };
  }

  /** Requests from outside for a host. */
  gatewayTarget(apps: readonly string[]): LoadTarget {
    const headers = { host: 'shop.example.com' };
    return { id: 'gateway', host: this.network.addresses.peer, port: GATEWAY_PORT, headers, apps };
  }

  /**
   * The most connections that the load may have kept to listeners which the sidecar (for the load inside) or the gateway has
   * replaced: only these may end without a word.
   */
  async mostRepeats(load: 'inside' | 'outside'): Promise<number> {
    const envoy = load === 'inside' ? this.sidecar : this.gateway;
    const filter = '^listener_manager.listener_(modified|in_place_updated|removed)$';
    const stats = parseStats((await envoy?.admin(`/stats?filter=${encodeURIComponent(filter)}`)) ?? '');
    return KEPT * [...stats.values()].reduce((sum, replaced) => sum + replaced, 0);
  }

  get failures(): readonly LoadFailure[] {
    return [...this.load.inside.failures, ...this.load.outside.failures];
  }

  /** Resolves when all pods that were retired have ended. */
  async retired(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  async stop(): Promise<void> {
    await Promise.all([this.load.inside.end(), this.load.outside.end()]);
    await Promise.allSettled(this.#leaving);
    await this.mesh.stop();
    await this.#applications.stop();
    await this.#meshed.stop();
    await this.network.remove();
  }
}

async function must(network: NetworkPair, inside: 'pod' | 'peer', args: readonly string[]): Promise<void> {
  const { code, stderr } = await network.run(inside, args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
}
