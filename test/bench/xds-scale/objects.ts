/** A mesh of any size as Kubernetes objects: services with their endpoints and pods, spread over namespaces. */

export interface MeshSize {
  readonly services: number;
  readonly endpointsPerService: number;
  readonly namespaces: number;
}

type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
};

export const namespaceOf = (index: number, { namespaces }: MeshSize): string => `ns${index % namespaces}`;

export const podAddress = (service: number, endpoint: number): string =>
  `10.${1 + (service >> 8)}.${service & 255}.${endpoint + 1}`;

export function describeMesh(size: MeshSize): readonly KubernetesObject[] {
  return Array.from({ length: size.services }, (_, index) => [
    describeService(index, size),
    ...Array.from({ length: size.endpointsPerService }, (_, endpoint) => describePod(index, endpoint, size)),
    describeSlice(index, size),
  ]).flat();
}

export function describeService(index: number, size: MeshSize): KubernetesObject {
  const address = `10.${200 + (index >> 14)}.${(index >> 7) & 127}.${(index & 127) + 1}`;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${index}`, namespace: namespaceOf(index, size) },
    spec: {
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: ['IPv4'],
      selector: { app: `s${index}` },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    },
  };
}

function describePod(service: number, endpoint: number, size: MeshSize): KubernetesObject {
  const ip = podAddress(service, endpoint);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `s${service}-${endpoint}`,
      namespace: namespaceOf(service, size),
      labels: { app: `s${service}`, version: `v${1 + (endpoint % 2)}`, 'security.istio.io/tlsMode': 'istio' },
    },
    spec: { serviceAccountName: `s${service}`, nodeName: 'node-1', containers: [{ name: 'app' }] },
    status: { podIP: ip, podIPs: [{ ip }], phase: 'Running' },
  };
}

/** The endpoints of a service; `without` leaves one out. */
export function describeSlice(service: number, size: MeshSize, without?: number): KubernetesObject {
  const namespace = namespaceOf(service, size);
  const endpoints = Array.from({ length: size.endpointsPerService }, (_, endpoint) => ({
    addresses: [podAddress(service, endpoint)],
    conditions: { ready: endpoint !== without },
    targetRef: { kind: 'Pod', name: `s${service}-${endpoint}`, namespace },
    nodeName: 'node-1',
  }));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s${service}-1`, namespace, labels: { 'kubernetes.io/service-name': `s${service}` } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
  };
}

/** A route whose timeout tells its versions apart. */
export function describeRoute(service: number, size: MeshSize, version: number): KubernetesObject {
  const host = `s${service}`;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: host, namespace: namespaceOf(service, size) },
    spec: { hosts: [host], http: [{ timeout: `${version}s`, route: [{ destination: { host } }] }] },
  };
}

/** Two subsets and a connection pool whose size tells its versions apart. */
export function describeRule(service: number, size: MeshSize, version: number): KubernetesObject {
  const host = `s${service}`;
  const subset = (name: string) => ({ name, labels: { version: name } });
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: host, namespace: namespaceOf(service, size) },
    spec: {
      host,
      trafficPolicy: { connectionPool: { tcp: { maxConnections: version } } },
      subsets: [subset('v1'), subset('v2')],
    },
  };
}
