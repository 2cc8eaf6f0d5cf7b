/** Kubernetes objects in the short form tests need. */
export interface TestPod {
  readonly name: string;
  readonly ip: string;
  readonly ip6?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  readonly sidecar?: boolean;
  readonly ready?: boolean;
}

export interface TestService {
  readonly name: string;
  readonly namespace?: string;
  readonly address?: string;
  readonly address6?: string;
  /** `name:port[:target]`. */
  readonly ports: readonly string[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly pods?: readonly TestPod[];
}

/** A Service with its EndpointSlices and Pods. */
export function serviceObjects(service: TestService) {
  const namespace = service.namespace ?? 'default';
  const { name } = service;
  const addresses = [service.address, service.address6].filter((address) => address !== undefined);
  const ports = service.ports.map((text) => {
    const [portName = '', port = '', target] = text.split(':');
    return { name: portName, port: Number(port), targetPort: Number(target ?? port) };
  });
  const pods = service.pods ?? [];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, ...(service.annotations ? { annotations: service.annotations } : {}) },
      spec: {
        clusterIP: addresses[0] ?? 'None',
        clusterIPs: addresses.length === 0 ? ['None'] : addresses,
        selector: service.selector ?? { app: name },
        ports,
      },
    },
    sliceObject(service, 'IPv4'),
    ...(pods.some((pod) => pod.ip6 !== undefined) ? [sliceObject(service, 'IPv6')] : []),
    ...pods.map((pod) => podObject(pod, namespace)),
  ];
}

export function sliceObject(service: TestService, addressType: 'IPv4' | 'IPv6') {
  const pods = (service.pods ?? []).filter((pod) => addressType === 'IPv4' || pod.ip6 !== undefined);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.name}-${addressType.toLowerCase()}`,
      namespace: service.namespace ?? 'default',
      labels: { 'kubernetes.io/service-name': service.name },
    },
    addressType,
    ports: service.ports.map((text) => {
      const [name = '', port = '', target] = text.split(':');
      return { name, port: Number(target ?? port) };
    }),
    endpoints: pods.map((pod) => ({
      addresses: [addressType === 'IPv4' ? pod.ip : (pod.ip6 ?? '')],
      conditions: { ready: pod.ready ?? true },
      targetRef: { kind: 'Pod', name: pod.name },
    })),
  };
}

export function podObject(pod: TestPod, namespace: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace,
      labels: { ...pod.labels, ...(pod.sidecar === false ? {} : { 'security.istio.io/tlsMode': 'istio' }) },
    },
    spec: { serviceAccountName: pod.serviceAccount ?? 'default' },
    status: {
      phase: 'Running',
      podIP: pod.ip,
      podIPs: [{ ip: pod.ip }, ...(pod.ip6 === undefined ? [] : [{ ip: pod.ip6 }])],
      ...(pod.ready === undefined ? {} : { conditions: [{ type: 'Ready', status: pod.ready ? 'True' : 'False' }] }),
    },
  };
}

/** `reviews` with versions v1 to v3 behind it, as Istio's sample has it. */
export const reviews: TestService = {
  name: 'reviews',
  address: '10.96.0.10',
  ports: ['http:9080'],
  pods: ['v1', 'v2', 'v3'].map((version, at) => ({
    name: `reviews-${version}-1`,
    ip: `10.0.1.${at + 1}`,
    labels: { app: 'reviews', version },
    serviceAccount: 'bookinfo-reviews',
  })),
};
