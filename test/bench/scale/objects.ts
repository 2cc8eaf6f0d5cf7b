/** A mesh of any size as Kubernetes objects: services with their endpoints and pods, spread over namespaces. */

export interface MeshSize {
  readonly services: number;
  readonly endpointsPerService: number;
  readonly namespaces: number;
  /** So many of the endpoints are pods, first one of each service; left out: all. */
  readonly pods?: number;
  /** Every so many services, one has a TCP port too; left out: none. */
  readonly tcpEvery?: number;
}

export type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
};

/** How the endpoints of a service differ from those that it began with. */
export interface SliceEdit {
  /** This endpoint is not ready. */
  readonly without?: number;
  /** The last endpoint has this address. */
  readonly last?: string;
}

export const namespaceOf = (index: number, { namespaces }: Pick<MeshSize, 'namespaces'>): string =>
  `ns${index % namespaces}`;

export const hostOf = (index: number, size: Pick<MeshSize, 'namespaces'>): string =>
  `s${index}.${namespaceOf(index, size)}.svc.cluster.local`;

export const podAddress = (service: number, endpoint: number): string =>
  `10.${1 + (service >> 8)}.${service & 255}.${endpoint + 1}`;

export function describeMesh(size: MeshSize): readonly KubernetesObject[] {
  return Array.from({ length: size.services }, (_, index) => [
    describeService(index, size),
    ...Array.from({ length: size.endpointsPerService }, (_, endpoint) =>
      isPod(index, endpoint, size) ? [describePod(index, endpoint, size)] : [],
    ).flat(),
    describeSlice(index, size),
  ]).flat();
}

function isPod(service: number, endpoint: number, { services, pods }: MeshSize): boolean {
  return pods === undefined || (service < services && service + endpoint * services < pods);
}

function hasTcpPort(service: number, { services, tcpEvery }: MeshSize): boolean {
  return tcpEvery !== undefined && service < services && service % tcpEvery === 0;
}

export function describeService(index: number, size: MeshSize): KubernetesObject {
  const address = `10.${200 + (index >> 14)}.${(index >> 7) & 127}.${(index & 127) + 1}`;
  const http = { name: 'http', port: 80, targetPort: 8080 };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${index}`, namespace: namespaceOf(index, size) },
    spec: {
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: ['IPv4'],
      selector: { app: `s${index}` },
      ports: hasTcpPort(index, size) ? [http, { name: 'tcp-db', port: 5432, targetPort: 5432 }] : [http],
    },
  };
}

export function podLabels(service: number, endpoint: number): Record<string, string> {
  return { app: `s${service}`, version: `v${1 + (endpoint % 2)}`, 'security.istio.io/tlsMode': 'istio' };
}

function describePod(service: number, endpoint: number, size: MeshSize): KubernetesObject {
  const ip = podAddress(service, endpoint);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `s${service}-${endpoint}`,
      namespace: namespaceOf(service, size),
      labels: podLabels(service, endpoint),
    },
    spec: { serviceAccountName: `s${service}`, nodeName: 'node-1', containers: [{ name: 'app' }] },
    status: { podIP: ip, podIPs: [{ ip }], phase: 'Running' },
  };
}

export function describeSlice(service: number, size: MeshSize, edit: SliceEdit = {}): KubernetesObject {
  const namespace = namespaceOf(service, size);
  const endpoints = Array.from({ length: size.endpointsPerService }, (_, endpoint) => {
    const moved = edit.last !== undefined && endpoint === size.endpointsPerService - 1;
    return {
      addresses: [moved ? edit.last : podAddress(service, endpoint)],
      conditions: { ready: endpoint !== edit.without },
      nodeName: 'node-1',
      ...(isPod(service, endpoint, size) && !moved
        ? { targetRef: { kind: 'Pod', name: `s${service}-${endpoint}`, namespace } }
        : {}),
    };
  });
  const http = { name: 'http', port: 8080 };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s${service}-1`, namespace, labels: { 'kubernetes.io/service-name': `s${service}` } },
    addressType: 'IPv4',
    ports: hasTcpPort(service, size) ? [http, { name: 'tcp-db', port: 5432 }] : [http],
    endpoints,
  };
}

/** A route over two subsets whose timeout, in seconds, tells its versions apart. */
export function describeRoute(service: number, size: MeshSize, version: number): KubernetesObject {
  const host = hostOf(service, size);
  const part = (subset: string, weight: number) => ({ destination: { host, subset }, weight });
  const route = [part('v1', 1 + (version % 98)), part('v2', 99 - (version % 98))];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: `s${service}`, namespace: namespaceOf(service, size) },
    spec: { hosts: [host], http: [{ timeout: `${version}s`, route }] },
  };
}

/** Two subsets and a connection pool whose size tells its versions apart. */
export function describeRule(service: number, size: MeshSize, version: number): KubernetesObject {
  const subset = (name: string) => ({ name, labels: { version: name } });
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: `s${service}`, namespace: namespaceOf(service, size) },
    spec: {
      host: hostOf(service, size),
      trafficPolicy: { connectionPool: { tcp: { maxConnections: version } } },
      subsets: [subset('v1'), subset('v2')],
    },
  };
}
