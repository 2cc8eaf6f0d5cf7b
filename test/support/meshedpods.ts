/**
 * Pods with sidecars of their own, each in a network namespace: an application and a real Envoy before it, which gets its
 * inbound listeners from the control plane and whose certificate names the pod's service account.
 */
import { expect } from 'chai';
import { renderDrainPath } from '#agent/proxy/admin.ts';
import type { DeployedPod, DeploymentOptions } from './deployment.ts';
import type { RunningEnvoy } from './envoy.ts';
import { PodApplications } from './insider.ts';
import type { MeshNetwork } from './meshnetwork.ts';
import type { NetworkPair } from './netns.ts';
import { RoutedPod } from './routedpod.ts';

interface MeshedPod {
  readonly network: RoutedPod;
  readonly application: PodApplications;
  sidecar?: RunningEnvoy;
}

export class MeshedPods {
  readonly #mesh: MeshNetwork;
  readonly #network: NetworkPair;
  readonly #running = new Map<string, MeshedPod>();
  /** How many have served and ended. */
  ended = 0;

  constructor(mesh: MeshNetwork, network: NetworkPair) {
    this.#mesh = mesh;
    this.#network = network;
  }

  /** Resolves when the pod is ready: its application listens and its sidecar has its configuration. The objects name it already. */
  async start({ name, namespace, port }: DeploymentOptions, pod: DeployedPod): Promise<void> {
    const network = await RoutedPod.create(this.#network, pod.ip);
    const application = new PodApplications(network.command(1000));
    const running: MeshedPod = { network, application };
    this.#running.set(pod.name, running);
    const [sidecar] = await Promise.all([
      this.#mesh.startProxy({
        ...{ type: 'sidecar', pod: pod.name, namespace, serviceAccount: name, ip: pod.ip },
        labels: { app: name, version: pod.version },
        within: network.command(1337),
        // As the agent runs it: a pod that ends has its grace period to be left alone, however slow the machine is.
        args: ['--drain-time-s', '45', '--drain-strategy', 'immediate'],
      }),
      application.open(name, pod.ip, port),
    ]);
    running.sidecar = sidecar;
  }

  /** What its agent does first when the pod is to end: whoever is connected is asked to go elsewhere. */
  async drain({ name }: DeployedPod): Promise<void> {
    const said = await this.#running.get(name)?.sidecar?.admin(renderDrainPath('inbound'), 'POST');
    expect(said?.trim(), `${name} is told to drain`).to.equal('OK');
  }

  /** Ends what runs in it, the application first, and takes it away. */
  async end({ name }: DeployedPod): Promise<void> {
    const pod = this.#running.get(name);
    if (pod === undefined) return;
    this.#running.delete(name);
    await pod.application.stop();
    if (pod.sidecar !== undefined) await this.#mesh.stopProxy(pod.sidecar);
    await pod.network.remove();
    this.ended += 1;
  }

  /** After the mesh has stopped, with its proxies. */
  async stop(): Promise<void> {
    for (const { application, network } of this.#running.values()) {
      await application.stop();
      await network.remove();
    }
  }
}
