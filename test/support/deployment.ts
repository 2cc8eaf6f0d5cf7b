/**
 * A service with the pods of its deployments, as the Kubernetes objects that a control plane sees while they scale and
 * roll: a pod that goes is first terminating in its slice, then gone from it, then gone.
 */
import type { AnyObject } from '#registry/index.ts';
import type { Pipeline } from './pipeline.ts';

export interface DeployedPod {
  readonly name: string;
  readonly ip: string;
  readonly version: string;
  readonly phase: 'starting' | 'ready' | 'terminating';
}

export interface DeploymentOptions {
  readonly name: string;
  readonly namespace: string;
  /** The service's own address. */
  readonly address: string;
  /** Of the service and of the pods. */
  readonly port: number;
  readonly protocol: 'http' | 'tcp';
  /** Whether its pods have a sidecar, as injection labels them. */
  readonly sidecars?: boolean;
}

/** Objects of the namespace's service `name`; what changes is applied at once. */
export class Deployment {
  options: DeploymentOptions;
  readonly #pipeline: Pipeline;
  readonly #takeAddress: () => string;
  #pods: readonly DeployedPod[] = [];
  #serial = 0;

  /** `takeAddress` yields an address that no other pod has or had. */
  constructor(pipeline: Pipeline, options: DeploymentOptions, takeAddress: () => string) {
    this.#pipeline = pipeline;
    this.options = options;
    this.#takeAddress = takeAddress;
  }

  get pods(): readonly DeployedPod[] {
    return this.#pods;
  }

  of(version: string): readonly DeployedPod[] {
    return this.#pods.filter((pod) => pod.version === version && pod.phase === 'ready');
  }

  /** A pod that isn't in the objects yet. */
  plan(version: string): DeployedPod {
    this.#serial += 1;
    const { name } = this.options;
    return { name: `${name}-${version}-${this.#serial}`, ip: this.#takeAddress(), version, phase: 'ready' };
  }

  /** Everything at once, in one batch. */
  create(pods: readonly DeployedPod[]): void {
    this.#pods = pods;
    this.#pipeline.objects.apply([this.#service(), ...pods.map((pod) => this.#pod(pod)), this.#slice()]);
  }

  /** Pods with sidecars stay until they leave: a Pod is there as long as its containers run. */
  remove(): readonly DeployedPod[] {
    const { namespace, name, sidecars } = this.options;
    const { objects } = this.#pipeline;
    objects.delete('Service', namespace, name);
    objects.delete('EndpointSlice', namespace, `${name}-1`);
    const gone = this.#pods;
    this.#pods = [];
    if (sidecars !== true) this.leave(gone);
    return gone;
  }

  /** Makes its port another protocol's. */
  speak(protocol: DeploymentOptions['protocol']): void {
    this.options = { ...this.options, protocol };
    this.#pipeline.objects.apply([this.#service(), this.#slice()]);
  }

  /** Pods that are there and not ready. The slice may come before its pods, as watches of their own are in no order. */
  announce(pods: readonly DeployedPod[], first: 'pods' | 'slice'): void {
    this.#add(
      pods.map((pod) => ({ ...pod, phase: 'starting' })),
      first,
    );
  }

  /** Pods that are ready from now on, announced or not. */
  join(pods: readonly DeployedPod[], first: 'pods' | 'slice'): void {
    const names = new Set(pods.map(({ name }) => name));
    this.#pods = this.#pods.filter(({ name }) => !names.has(name));
    this.#add(pods, first);
  }

  #add(pods: readonly DeployedPod[], first: 'pods' | 'slice'): void {
    this.#pods = [...this.#pods, ...pods];
    const { objects } = this.#pipeline;
    const found = pods.map((pod) => this.#pod(pod));
    if (first === 'pods') objects.apply(found);
    objects.apply([this.#slice()]);
    if (first === 'slice') objects.apply(found);
  }

  /** Pods that are being deleted: in the slice still, no longer ready. */
  terminate(pods: readonly DeployedPod[]): void {
    this.#pods = this.#pods.map((pod) => (pods.includes(pod) ? { ...pod, phase: 'terminating' } : pod));
    this.#pipeline.objects.apply([this.#slice()]);
  }

  /** Takes pods out of the slice, if they still are in it, then away. */
  leave(pods: readonly DeployedPod[]): void {
    const names = new Set(pods.map(({ name }) => name));
    const rest = this.#pods.filter(({ name }) => !names.has(name));
    if (rest.length < this.#pods.length) {
      this.#pods = rest;
      this.#pipeline.objects.apply([this.#slice()]);
    }
    for (const name of names) this.#pipeline.objects.delete('Pod', this.options.namespace, name);
  }

  #service(): AnyObject {
    const { name, namespace, address, port, protocol } = this.options;
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      ...{
        spec: {
          clusterIP: address,
          clusterIPs: [address],
          ipFamilies: ['IPv4'],
          selector: { app: name },
          ports: [{ name: protocol, port, targetPort: port }],
        },
      },
    };
  }

  #pod({ name, ip, version }: DeployedPod): AnyObject {
    const { name: app, namespace, sidecars } = this.options;
    const injected = sidecars === true ? { 'security.istio.io/tlsMode': 'istio' } : {};
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app, version, ...injected } },
      ...{
        spec: { serviceAccountName: app, nodeName: 'node-1', containers: [{ name: 'app' }] },
        status: { podIP: ip, podIPs: [{ ip }], phase: 'Running' },
      },
    };
  }

  #slice(): AnyObject {
    const { name, namespace, port, protocol } = this.options;
    const endpoints = this.#pods.map((pod) => ({
      addresses: [pod.ip],
      conditions: {
        ready: pod.phase === 'ready',
        serving: pod.phase !== 'starting',
        terminating: pod.phase === 'terminating',
      },
      targetRef: { kind: 'Pod', name: pod.name, namespace },
      nodeName: 'node-1',
    }));
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      ...{ addressType: 'IPv4', ports: [{ name: protocol, port, protocol: 'TCP' }], endpoints },
    };
  }
}
