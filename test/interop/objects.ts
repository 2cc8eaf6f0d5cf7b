/** What is in the cluster: a service that the pod asks, and the pod with a service of its own. */
export const namespace = 'shop';
export const client = {
  ...{ pod: 'client-v1-0', serviceAccount: 'client', port: 9080 },
  labels: { app: 'client', version: 'v1' },
} as const;
/** The name that the pod asks for, and the address behind it, which is nobody's. */
export const ordersHost = `orders.${namespace}.svc.cluster.local`;
const ordersAddress = '10.96.1.1';

export type KubernetesObject = Readonly<Record<string, unknown>>;

interface Place {
  readonly address: string;
  readonly port: number;
}

export function describeOrders(at: Place): readonly KubernetesObject[] {
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'orders', namespace } },
      spec: { clusterIP: ordersAddress, ports: [{ name: 'http', port: 80, targetPort: at.port }] },
    },
    describeSlice('orders', at),
  ];
}

export function describeClient(address: string): readonly KubernetesObject[] {
  const { pod, serviceAccount, port, labels } = client;
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'client', namespace } },
      spec: { selector: { app: labels.app }, ports: [{ name: 'http', port, targetPort: port }] },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: pod, namespace, labels } },
      spec: {
        ...{ serviceAccountName: serviceAccount, nodeName: 'node-1' },
        containers: [{ name: 'client', image: 'client', ports: [{ containerPort: port }] }],
      },
    },
    describeSlice('client', { address, port }, { kind: 'Pod', name: pod, namespace }),
  ];
}

export const describeClientStatus = (address: string): KubernetesObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: client.pod, namespace } },
  status: {
    ...{ phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});

function describeSlice(service: string, { address, port }: Place, targetRef?: object): KubernetesObject {
  const labels = { 'kubernetes.io/service-name': service };
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: `${service}-1`, namespace, labels },
    ports: [{ name: 'http', port }],
    endpoints: [
      { addresses: [address], conditions: { ready: true }, ...(targetRef === undefined ? {} : { targetRef }) },
    ],
  };
}

/** Answers the paths below `/teapot` in the proxy itself. */
export const teapot: KubernetesObject = {
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'orders', namespace } },
  spec: {
    hosts: [ordersHost],
    http: [
      { match: [{ uri: { prefix: '/teapot' } }], directResponse: { status: 418 } },
      { route: [{ destination: { host: ordersHost } }] },
    ],
  },
};

export const strict: KubernetesObject = {
  ...{ apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: { name: 'default', namespace } },
  spec: { mtls: { mode: 'STRICT' } },
};
