/**
 * Random edits of a mesh, of every kind of resource that a source reads, also ones that are invalid, dangling or in
 * conflict with each other. Few names and addresses, so that edits meet.
 */
import fc from 'fast-check';
import type { AnyObject } from '#registry/index.ts';
import { serviceEntry, workloadEntry } from './meshedits/entries.ts';
import { endpointSlice, namespaceShape, nodeShape, pod, secret, service } from './meshedits/kubernetes.ts';
import {
  app,
  exportTo,
  type Kind,
  namespace,
  often,
  present,
  rarely,
  type Shape,
  someOf,
  spec,
  version,
} from './meshedits/vocabulary.ts';
import type { Pipeline } from './pipeline.ts';

export { editedSocket } from './meshedits/entries.ts';
export { editedNamespaces } from './meshedits/vocabulary.ts';

export type MeshEdit =
  /** In one batch. */
  | { readonly kind: 'apply'; readonly objects: readonly AnyObject[] }
  | { readonly kind: 'remove'; readonly of: Kind; readonly namespace: string; readonly name: string }
  | { readonly kind: 'mesh'; readonly config: Readonly<Record<string, unknown>> };

/** A host as users write it: short, full, of another namespace, wildcard, outside. */
const host = fc.oneof(
  app,
  fc.tuple(app, namespace).map(([name, ns]) => `${name}.${ns}.svc.cluster.local`),
  fc.constantFrom('*.bookinfo.svc.cluster.local', '*.local', 'books.example.com', '*.example.com', 'api.example.com'),
);
const destination = fc
  .tuple(host, often(fc.constantFrom('v1', 'v2', 'nowhere')), rarely(fc.constantFrom(9080, 80, 4242)))
  .map(([name, subset, number]) => ({
    host: name,
    ...(subset === undefined ? {} : { subset }),
    ...(number === undefined ? {} : { port: { number } }),
  }));
const destinations = fc
  .uniqueArray(destination, { minLength: 1, maxLength: 2, selector: (one) => JSON.stringify(one) })
  .map((all) => all.map((one, at) => ({ destination: one, weight: all.length === 1 ? 100 : at === 0 ? 30 : 70 })));

const httpMatch = fc.constantFrom<object>(
  { uri: { prefix: '/a' } },
  { uri: { exact: '/b' }, method: { exact: 'GET' } },
  { uri: { regex: '/c.*' } },
  // Not in RE2: the resource is invalid.
  { uri: { regex: '(?<!x)' } },
  { headers: { 'end-user': { exact: 'jason' } } },
  { sourceLabels: { app: 'reviews' } },
  { sourceNamespace: 'shop' },
  { port: 9080 },
  { gateways: ['bookinfo/main'] },
);
const httpRoute = fc
  .tuple(often(fc.array(httpMatch, { minLength: 1, maxLength: 2 })), destinations, fc.integer({ min: 0, max: 4 }))
  .map(([match, route, form]) => ({
    ...(match === undefined ? {} : { match }),
    ...(form === 0 ? { redirect: { uri: '/elsewhere' } } : { route }),
    ...(form === 1 ? { timeout: '3s', retries: { attempts: 1 } } : {}),
    ...(form === 2 ? { rewrite: { uri: '/' }, headers: { request: { set: { a: 'b' } } } } : {}),
  }));
const virtualService: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  name: fc.constantFrom('one', 'two', 'three'),
  namespace,
  rest: spec(
    fc
      .record({
        hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }),
        gateways: often(fc.constantFrom(['mesh'], ['bookinfo/main'], ['mesh', 'bookinfo/main'], ['main'])),
        exportTo,
        http: often(fc.array(httpRoute, { minLength: 1, maxLength: 3 })),
        tcp: rarely(
          destinations.map((route) => [
            { match: [{ port: 5432 }], route },
            { match: [{ port: 9080 }], route },
          ]),
        ),
        tls: rarely(destinations.map((route) => [{ match: [{ port: 443, sniHosts: ['books.example.com'] }], route }])),
      })
      .map(present),
  ),
};

const policy = fc.constantFrom<object>(
  { loadBalancer: { simple: 'RANDOM' } },
  { connectionPool: { tcp: { connectTimeout: '2s', maxConnections: 5 } } },
  { outlierDetection: { consecutive5xxErrors: 3 } },
  { tls: { mode: 'DISABLE' } },
  { tls: { mode: 'ISTIO_MUTUAL' } },
  { portLevelSettings: [{ port: { number: 9080 }, loadBalancer: { simple: 'ROUND_ROBIN' } }] },
  // Not a duration: the resource is invalid.
  { connectionPool: { tcp: { connectTimeout: 'soon' } } },
);
const destinationRule: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  name: fc.constantFrom('one', 'two', 'three'),
  namespace,
  rest: spec(
    fc
      .record({
        host,
        exportTo,
        trafficPolicy: often(policy),
        workloadSelector: rarely(fc.constant({ matchLabels: { app: 'reviews' } })),
        subsets: often(
          someOf('v1', 'v2').chain((names) =>
            fc
              .tuple(version, rarely(policy))
              .map(([of, own]) =>
                names.map((name) =>
                  present({ name, labels: { version: name === 'v1' ? of : name }, trafficPolicy: own }),
                ),
              ),
          ),
        ),
      })
      .map(present),
  ),
};

const server = fc.constantFrom<object>(
  { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] },
  { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['bookinfo/books.example.com', 'shop/*'] },
  {
    port: { number: 80, name: 'http', protocol: 'HTTP' },
    hosts: ['books.example.com'],
    tls: { httpsRedirect: true },
  },
  {
    port: { number: 443, name: 'https', protocol: 'HTTPS' },
    hosts: ['books.example.com'],
    tls: { mode: 'SIMPLE', credentialName: 'cert' },
  },
  {
    port: { number: 443, name: 'tls', protocol: 'TLS' },
    hosts: ['*.example.com'],
    tls: { mode: 'PASSTHROUGH' },
  },
  { port: { number: 9000, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] },
);
const gateway: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  name: fc.constantFrom('main', 'other'),
  namespace: fc.constantFrom('bookinfo', 'istio-system'),
  rest: spec(
    fc.record({
      selector: fc.constantFrom({ istio: 'ingressgateway' }, { istio: 'ingressgateway' }, { app: 'nobody' }, {}),
      servers: fc.array(server, { minLength: 1, maxLength: 3 }),
    }),
  ),
};

const peerAuthentication: Shape = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  name: fc.constantFrom('default', 'own'),
  namespace,
  rest: spec(
    fc
      .record({
        mtls: fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE', 'UNSET', 'NONSENSE').map((mode) => ({ mode })),
        selector: often(app.map((name) => ({ matchLabels: { app: name } }))),
        portLevelMtls: rarely(fc.constant({ '9080': { mode: 'DISABLE' } })),
      })
      .map(present),
  ),
};

const egressHosts = fc.constantFrom<readonly string[]>(
  ...[['./*'], ['bookinfo/*'], ['~/*'], ['*/*'], ['*/reviews.bookinfo.svc.cluster.local']],
  ...[
    ['*/*', '~bookinfo/*'],
    ['*/*.bookinfo.svc.cluster.local', '~*/ratings.bookinfo.svc.cluster.local'],
  ],
  ['bookinfo/reviews.bookinfo.svc.cluster.local', 'shop/*.example.com'],
  // Hosts that several namespaces may declare.
  ...[
    ['*/api.example.com', '*/books.example.com'],
    ['./*', 'istio-system/*'],
    ['shop/books.example.com', 'bookinfo/*'],
  ],
);
/** Those with ports go first. */
const egressListeners = fc
  .tuple(
    fc.subarray<object>([
      { port: { number: 9080, name: 'http', protocol: 'HTTP' } },
      { port: { number: 5432, name: 'tcp', protocol: 'TCP' } },
      { port: { number: 7070, name: 'any' }, bind: '127.0.0.1', captureMode: 'NONE' },
      { port: { number: 3128, name: 'proxy', protocol: 'HTTP_PROXY' }, bind: '127.0.0.1', captureMode: 'NONE' },
      { port: { number: 0, name: 'socket', protocol: 'HTTP' }, bind: 'unix:///run/out.sock' },
    ]),
    fc.array(egressHosts, { minLength: 6, maxLength: 6 }),
    fc.constantFrom<object>({}, {}, {}, { captureMode: 'NONE' }),
  )
  .map(([listeners, hosts, last]) => [...listeners, last].map((listener, at) => ({ ...listener, hosts: hosts[at] })));
const ingressListeners = fc.subarray<object>(
  [
    { port: { number: 9080, name: 'http', protocol: 'HTTP' }, defaultEndpoint: '127.0.0.1:9080' },
    { port: { number: 9081, name: 'own', protocol: 'GRPC' }, captureMode: 'NONE', defaultEndpoint: '0.0.0.0:9080' },
    { port: { number: 9082, name: 'tcp', protocol: 'TCP' }, defaultEndpoint: 'unix:///run/app.sock' },
  ],
  { minLength: 1 },
);
const sidecar: Shape = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  name: fc.constantFrom('default', 'own'),
  namespace,
  rest: spec(
    fc
      .record({
        workloadSelector: often(app.map((name) => ({ labels: { app: name } }))),
        egress: egressListeners,
        ingress: rarely(ingressListeners),
        inboundConnectionPool: rarely(fc.constant({ tcp: { maxConnections: 10 } })),
        outboundTrafficPolicy: rarely(
          fc.constantFrom<object>(
            { mode: 'REGISTRY_ONLY' },
            { mode: 'ALLOW_ANY', egressProxy: { host: 'reviews.bookinfo.svc.cluster.local', port: { number: 9080 } } },
          ),
        ),
      })
      .map(present),
  ),
};

const meshConfig = fc
  .record({
    accessLogFile: fc.constantFrom('', '/dev/stdout'),
    enableAutoMtls: fc.boolean(),
    outboundTrafficPolicy: fc
      .constantFrom('ALLOW_ANY', 'REGISTRY_ONLY', 'ALLOW_ANY_DYNAMIC_DNS')
      .map((mode) => ({ mode })),
    defaultServiceExportTo: rarely(fc.constantFrom(['.'], ['*'])),
    rootNamespace: rarely(fc.constant('istio-system')),
    trustDomain: rarely(fc.constant('example.org')),
    discoverySelectors: rarely(fc.constant([{ matchLabels: { team: 'a' } }])),
    protocolDetectionTimeout: rarely(fc.constant('5s')),
    defaultHttpRetryPolicy: rarely(fc.constant({ attempts: 0 })),
  })
  .map(present);

const shapes: readonly { readonly weight: number; readonly shape: Shape }[] = [
  { weight: 4, shape: service },
  { weight: 4, shape: pod },
  { weight: 4, shape: endpointSlice },
  { weight: 1, shape: nodeShape },
  { weight: 1, shape: namespaceShape },
  { weight: 1, shape: secret },
  { weight: 5, shape: virtualService },
  { weight: 5, shape: destinationRule },
  { weight: 2, shape: gateway },
  { weight: 2, shape: peerAuthentication },
  { weight: 2, shape: sidecar },
  { weight: 6, shape: serviceEntry },
  { weight: 2, shape: workloadEntry },
];

function objectOf(shape: Shape): fc.Arbitrary<AnyObject> {
  const { apiVersion, kind, name, labels, annotations, rest } = shape;
  return fc
    .tuple(
      name,
      shape.namespace ?? fc.constant(undefined),
      labels ?? fc.constant(undefined),
      annotations ?? fc.constant(undefined),
      rest,
    )
    .map(([name, namespace, labels, annotations, rest]) => ({
      apiVersion,
      kind,
      metadata: present({ name, namespace, labels, annotations }),
      ...rest,
    }));
}

const anyObject = fc.oneof(...shapes.map(({ weight, shape }) => ({ weight, arbitrary: objectOf(shape) })));

const removal = fc
  .oneof(
    ...shapes.map(({ weight, shape }) => ({
      weight,
      arbitrary: fc.tuple(fc.constant(shape.kind), shape.namespace ?? fc.constant(''), shape.name),
    })),
  )
  .map(([of, namespace, name]) => ({ kind: 'remove' as const, of, namespace, name }));

export const meshEdit: fc.Arbitrary<MeshEdit> = fc.oneof(
  { weight: 8, arbitrary: anyObject.map((object) => ({ kind: 'apply' as const, objects: [object] })) },
  {
    weight: 2,
    arbitrary: fc
      .array(anyObject, { minLength: 2, maxLength: 5 })
      .map((objects) => ({ kind: 'apply' as const, objects })),
  },
  { weight: 3, arbitrary: removal },
  { weight: 1, arbitrary: meshConfig.map((config) => ({ kind: 'mesh' as const, config })) },
);

export function performEdit({ objects }: Pipeline, edit: MeshEdit): void {
  if (edit.kind === 'apply') objects.apply(edit.objects);
  else if (edit.kind === 'remove') objects.delete(edit.of, edit.namespace, edit.name);
  else objects.applyMeshConfig(edit.config);
}
