/** Random objects of Kubernetes' own kinds. */
import fc from 'fast-check';
import { base64, mintKeyPair } from '../keypair.ts';
import { app, namespace, node, octet, often, rarely, type Shape, spec, version } from './vocabulary.ts';

const port = fc.constantFrom(
  { name: 'http', port: 9080, targetPort: 9080 },
  { name: 'http', port: 80, targetPort: 'web' },
  { name: 'grpc', port: 9080, targetPort: 9080 },
  { name: 'tcp', port: 9080, targetPort: 9080 },
  { name: 'tcp-db', port: 5432, targetPort: 5432 },
  { name: 'unnamed', port: 7000, targetPort: 7000 },
  { name: 'https', port: 443, targetPort: 8443 },
  { name: 'odd', port: 8000, targetPort: 9080, appProtocol: 'http' },
);
const ports = fc.uniqueArray(port, { minLength: 1, maxLength: 3, selector: (one) => one.port });

const distributionAnnotation = fc
  .constantFrom('PreferClose', 'prefersamenode', 'nonsense')
  .map((to) => ({ 'networking.istio.io/traffic-distribution': to }));

/** Which endpoints clients use and prefer. */
const preference = fc.constantFrom(
  {},
  {},
  {},
  { trafficDistribution: 'PreferClose' },
  { trafficDistribution: 'PreferSameNode' },
  { internalTrafficPolicy: 'Local' },
  { publishNotReadyAddresses: true },
);

export const service: Shape = {
  apiVersion: 'v1',
  kind: 'Service',
  name: app,
  namespace,
  annotations: rarely(
    fc.oneof(
      fc.constantFrom('*', '.', '~', 'shop', '.,bookinfo').map((to) => ({ 'networking.istio.io/exportTo': to })),
      distributionAnnotation,
    ),
  ),
  rest: spec(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(octet, ports, fc.constantFrom(['IPv4'], ['IPv4', 'IPv6']), rarely(app), preference)
          .map(([last, ports, families, selected, preferred]) => ({
            ...preferred,
            clusterIP: `10.96.1.${last}`,
            clusterIPs: families.length === 2 ? [`10.96.1.${last}`, `fd96::${last}`] : [`10.96.1.${last}`],
            ipFamilies: families,
            selector: { app: selected ?? 'reviews' },
            ports,
          })),
      },
      fc.tuple(ports, preference).map(([ports, preferred]) => ({
        ...preferred,
        ...{ clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'reviews' }, ports },
      })),
      fc
        .tuple(
          ports,
          fc.constantFrom('api.example.com', 'reviews.shop.svc.cluster.local', 'details.bookinfo.svc.cluster.local'),
        )
        .map(([ports, externalName]) => ({ type: 'ExternalName', externalName, ports })),
    ),
  ),
};

export const pod: Shape = {
  apiVersion: 'v1',
  kind: 'Pod',
  name: fc.tuple(app, version).map(([name, of]) => `${name}-${of}-0`),
  namespace,
  labels: fc
    .tuple(
      app,
      version,
      fc.boolean(),
      rarely(fc.constantFrom('net-1', 'net-2')),
      rarely(fc.constantFrom<object>({ 'istio-locality': 'region-1.zone-2' }, { 'istio.io/draining': 'true' })),
    )
    .map(([name, of, inMesh, network, locality]) => ({
      app: name,
      version: of,
      ...(inMesh ? { 'security.istio.io/tlsMode': 'istio' } : {}),
      ...(network === undefined ? {} : { 'topology.istio.io/network': network }),
      ...(locality === undefined ? {} : locality),
    })),
  rest: fc
    .tuple(octet, fc.boolean(), node, app, fc.constantFrom('Running', 'Running', 'Running', 'Failed'))
    .map(([last, six, nodeName, account, phase]) => ({
      spec: {
        serviceAccountName: `sa-${account}`,
        nodeName,
        containers: [{ name: 'app', ports: [{ name: 'web', containerPort: 8080 }] }],
      },
      status: {
        podIP: `10.1.1.${last}`,
        podIPs: [{ ip: `10.1.1.${last}` }, ...(six ? [{ ip: `fd01::${last}` }] : [])],
        phase,
      },
    })),
};

const endpoint = fc
  .tuple(octet, app, version, fc.constantFrom('ready', 'unready', 'terminating'), fc.boolean(), often(node))
  .map(([last, name, of, state, hasPod, nodeName]) => ({
    last,
    conditions: { ready: state === 'ready', serving: state !== 'unready', terminating: state === 'terminating' },
    ...(hasPod ? { targetRef: { kind: 'Pod', name: `${name}-${of}-0` } } : {}),
    ...(nodeName === undefined ? { zone: 'zone-9' } : { nodeName }),
  }));

export const endpointSlice: Shape = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  name: fc.tuple(app, fc.constantFrom('a', 'b')).map(([name, part]) => `${name}-${part}`),
  namespace,
  labels: app.map((name) => ({ 'kubernetes.io/service-name': name })),
  rest: fc
    .tuple(
      fc.uniqueArray(endpoint, { maxLength: 4, selector: ({ last }) => last }),
      fc.constantFrom('IPv4', 'IPv4', 'IPv6'),
      ports,
    )
    .map(([endpoints, addressType, ports]) => ({
      addressType,
      ports: ports.map(({ name, port }) => ({ name, port })),
      endpoints: endpoints.map(({ last, ...rest }) => ({
        ...rest,
        addresses: [addressType === 'IPv6' ? `fd01::${last}` : `10.1.1.${last}`],
      })),
    })),
};

export const nodeShape: Shape = {
  apiVersion: 'v1',
  kind: 'Node',
  name: node,
  labels: fc.constantFrom('zone-1', 'zone-2').map((zone) => ({
    'topology.kubernetes.io/region': 'region-1',
    'topology.kubernetes.io/zone': zone,
  })),
  rest: fc.constant({}),
};

export const namespaceShape: Shape = {
  apiVersion: 'v1',
  kind: 'Namespace',
  name: namespace,
  labels: fc.constantFrom({}, { team: 'a' }, { 'istio-injection': 'enabled' }),
  annotations: rarely(distributionAnnotation),
  rest: fc.constant({}),
};

export const secret: Shape = {
  apiVersion: 'v1',
  kind: 'Secret',
  name: fc.constantFrom('cert', 'other-cert'),
  namespace: fc.constant('istio-system'),
  rest: fc.constantFrom(mintKeyPair(), mintKeyPair()).map(({ certificate, key }) => {
    const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key) };
    return { type: 'kubernetes.io/tls', data };
  }),
};
