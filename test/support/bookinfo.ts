/** Bookinfo as Kubernetes objects in YAML: for pipelines without a cluster. */

export interface WorkloadOptions {
  readonly namespace?: string;
  readonly app: string;
  readonly version: string;
  readonly ip: string;
  /** Whether it has a sidecar; default true. */
  readonly mesh?: boolean;
  readonly port?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export function service(name: string, ip: string, port = 9080, namespace = 'bookinfo', portName = 'http'): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  clusterIP: ${ip}
  clusterIPs: [${ip}]
  ipFamilies: [IPv4]
  selector: {app: ${name}}
  ports: [{name: ${portName}, port: ${port}, targetPort: ${port}}]
---`;
}

export function pod(options: WorkloadOptions): string {
  const { namespace = 'bookinfo', app, version, ip, mesh = true, port = 9080 } = options;
  const labels = {
    app,
    version,
    ...(mesh ? { 'security.istio.io/tlsMode': 'istio' } : {}),
    ...options.labels,
  };
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${app}-${version}-0, namespace: ${namespace}, labels: ${JSON.stringify(labels)}}
spec: {serviceAccountName: bookinfo-${app}, nodeName: node-1, containers: [{name: app, image: app, ports: [{containerPort: ${port}}]}]}
status: {podIP: ${ip}, podIPs: [{ip: ${ip}}], phase: Running}
---`;
}

export interface SliceMember {
  readonly ip: string;
  readonly pod: string;
  readonly ready?: boolean;
}

export function endpointSlice(
  name: string,
  members: readonly SliceMember[],
  port = 9080,
  namespace = 'bookinfo',
  portName = 'http',
): string {
  const endpoints = members.map(({ ip, pod: podName, ready = true }) => ({
    addresses: [ip],
    conditions: { ready, serving: ready, terminating: false },
    targetRef: { kind: 'Pod', name: podName, namespace },
    nodeName: 'node-1',
  }));
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: ${namespace}, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: ${portName}, port: ${port}, protocol: TCP}]
endpoints: ${JSON.stringify(endpoints)}
---`;
}

/** productpage, reviews v1 to v3, ratings: services, pods and slices. */
export const bookinfo = [
  service('productpage', '10.96.0.10'),
  pod({ app: 'productpage', version: 'v1', ip: '10.1.0.1' }),
  endpointSlice('productpage', [{ ip: '10.1.0.1', pod: 'productpage-v1-0' }]),
  service('reviews', '10.96.0.20'),
  pod({ app: 'reviews', version: 'v1', ip: '10.1.0.2' }),
  pod({ app: 'reviews', version: 'v2', ip: '10.1.0.3' }),
  pod({ app: 'reviews', version: 'v3', ip: '10.1.0.4' }),
  endpointSlice('reviews', [
    { ip: '10.1.0.2', pod: 'reviews-v1-0' },
    { ip: '10.1.0.3', pod: 'reviews-v2-0' },
    { ip: '10.1.0.4', pod: 'reviews-v3-0' },
  ]),
  service('ratings', '10.96.0.30'),
  pod({ app: 'ratings', version: 'v1', ip: '10.1.0.5' }),
  endpointSlice('ratings', [{ ip: '10.1.0.5', pod: 'ratings-v1-0' }]),
].join('\n');

export const reviewsSubsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---`;

export const reviewsSplit = (v1: number, v2: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: ${v1}}
    - {destination: {host: reviews, subset: v2}, weight: ${v2}}
---`;

export const ingress = `
apiVersion: v1
kind: Pod
metadata: {name: istio-ingressgateway-0, namespace: istio-system, labels: {istio: ingressgateway, app: istio-ingressgateway}}
spec: {serviceAccountName: ingress, nodeName: node-1, containers: [{name: istio-proxy, image: proxyv2}]}
status: {podIP: 10.1.0.9, podIPs: [{ip: 10.1.0.9}], phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  clusterIP: 10.96.0.90
  clusterIPs: [10.96.0.90]
  ipFamilies: [IPv4]
  selector: {istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bookinfo, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [bookinfo.example.com]
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [bookinfo.example.com]
    tls: {mode: SIMPLE, credentialName: bookinfo-cert}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo, namespace: bookinfo}
spec:
  hosts: [bookinfo.example.com]
  gateways: [bookinfo]
  http:
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: productpage, port: {number: 9080}}}]
---`;

/** What the ingress gateway's pod says of itself. */
export const ingressProxy = {
  type: 'router',
  namespace: 'istio-system',
  podName: 'istio-ingressgateway-0',
  ipAddresses: ['10.1.0.9'],
  labels: { istio: 'ingressgateway', app: 'istio-ingressgateway' },
  serviceAccount: 'ingress',
} as const;
