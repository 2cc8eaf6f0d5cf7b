/** Resolved values that between them use every field the builders spell: for golden files and for the real Envoy. */
import type {
  Cluster,
  ClusterName,
  EndpointGroup,
  FilterChain,
  Listener,
  Route,
  RouteTable,
  VirtualHost,
} from '#model/types/index.ts';

const reviews = (subset = ''): ClusterName => ({
  direction: 'outbound',
  port: 9080,
  subset,
  hostname: 'reviews.bookinfo.svc.cluster.local',
});

const spiffe = 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews';
const service = { hostname: 'reviews.bookinfo.svc.cluster.local', name: 'reviews', namespace: 'bookinfo' };

export const endpointGroup: EndpointGroup = {
  cluster: reviews(),
  localities: [
    {
      locality: { region: 'eu', zone: 'eu-1', subzone: '' },
      priority: 0,
      weight: 3,
      endpoints: [
        {
          address: '10.0.0.1',
          additionalAddresses: ['fd00::1'],
          port: 9080,
          weight: 1,
          healthy: true,
          draining: false,
          acceptsMtls: true,
          workload: 'reviews-v1;bookinfo;reviews;v1;Kubernetes',
        },
        {
          address: '10.0.0.2',
          additionalAddresses: [],
          port: 9080,
          weight: 2,
          healthy: false,
          draining: false,
          acceptsMtls: false,
          workload: '',
        },
      ],
    },
    {
      locality: { region: 'eu', zone: 'eu-2', subzone: 'rack-1' },
      priority: 1,
      weight: 1,
      endpoints: [
        {
          address: 'fd00::3',
          additionalAddresses: [],
          port: 9080,
          weight: 1,
          healthy: true,
          draining: true,
          acceptsMtls: true,
          workload: 'reviews-v2;bookinfo;reviews;v2;Kubernetes',
        },
      ],
    },
  ],
};

const base = { connectTimeoutMs: 10_000, loadBalancing: 'LEAST_REQUEST', sources: [] } as const;

/** By golden file name. */
export const clusters: Readonly<Record<string, Cluster>> = {
  'eds-auto-mtls-http': {
    ...base,
    name: reviews(),
    discovery: { kind: 'eds' },
    protocol: 'http1',
    tls: {
      kind: 'auto-mtls',
      sni: 'outbound_.9080_._.reviews.bookinfo.svc.cluster.local',
      subjectAltNames: [spiffe],
      alpn: 'http',
    },
    service,
  },
  'eds-istio-mutual-grpc-pool': {
    ...base,
    name: reviews('v1'),
    discovery: { kind: 'eds' },
    loadBalancing: 'ROUND_ROBIN',
    protocol: 'http2',
    tls: { kind: 'istio-mutual', sni: 'reviews', subjectAltNames: [spiffe], alpn: 'http' },
    connectionPool: {
      maxConnections: 100,
      maxPendingRequests: 10,
      maxRequests: 20,
      maxRequestsPerConnection: 5,
      maxRetries: 3,
      idleTimeoutMs: 1500,
      tcpKeepalive: { probes: 3, timeMs: 30_000, intervalMs: 5_000 },
    },
    outlierDetection: {
      consecutive5xx: 7,
      consecutiveGatewayErrors: 5,
      consecutiveLocalOriginFailures: 4,
      splitExternalLocalOriginErrors: true,
      intervalMs: 5_000,
      baseEjectionTimeMs: 30_000,
      maxEjectionPercent: 50,
      minHealthPercent: 30,
    },
    service,
  },
  'eds-detected-protocol': {
    ...base,
    name: { direction: 'outbound', port: 7000, subset: '', hostname: 'any.default.svc.cluster.local' },
    discovery: { kind: 'eds' },
    loadBalancing: 'RANDOM',
    protocol: 'downstream',
    tls: { kind: 'auto-mtls', sni: 'any', subjectAltNames: [], alpn: 'auto' },
  },
  'dns-simple-tls': {
    ...base,
    name: { direction: 'outbound', port: 443, subset: '', hostname: 'api.example.com' },
    discovery: {
      kind: 'strict-dns',
      endpoints: {
        cluster: { direction: 'outbound', port: 443, subset: '', hostname: 'api.example.com' },
        localities: [
          {
            locality: { region: '', zone: '', subzone: '' },
            priority: 0,
            weight: 1,
            endpoints: [
              {
                address: 'api.example.com',
                additionalAddresses: [],
                port: 443,
                weight: 1,
                healthy: true,
                draining: false,
                acceptsMtls: false,
                workload: '',
              },
            ],
          },
        ],
      },
    },
    protocol: 'http2',
    tls: { kind: 'tls', sni: 'api.example.com', subjectAltNames: ['api.example.com'], insecureSkipVerify: false },
  },
  'static-mutual-tls-by-secret': {
    ...base,
    name: { direction: 'outbound', port: 8443, subset: '', hostname: 'db.example.com' },
    discovery: { kind: 'static', endpoints: endpointGroup },
    protocol: 'tcp',
    tls: {
      kind: 'tls',
      sni: '',
      subjectAltNames: [spiffe],
      clientCertificate: { secret: 'kubernetes://db-client' },
      caCertificates: { secret: 'kubernetes://db-client-cacert' },
      insecureSkipVerify: false,
    },
  },
  'logical-dns-skip-verify': {
    ...base,
    name: { direction: 'outbound', port: 9443, subset: '', hostname: 'lax.example.com' },
    discovery: { kind: 'logical-dns', endpoints: { ...endpointGroup, localities: endpointGroup.localities.slice(1) } },
    protocol: 'http1',
    tls: { kind: 'tls', sni: 'lax.example.com', subjectAltNames: [], insecureSkipVerify: true },
  },
  'inbound-original-dst': {
    ...base,
    name: { direction: 'inbound', port: 9080 },
    discovery: { kind: 'original-dst' },
    protocol: 'downstream',
    tls: { kind: 'none' },
    upstreamBindAddress: '127.0.0.6',
    service,
  },
  passthrough: {
    ...base,
    name: { direction: 'special', name: 'PassthroughCluster' },
    discovery: { kind: 'original-dst' },
    protocol: 'downstream',
    tls: { kind: 'none' },
  },
  'black-hole': {
    ...base,
    name: { direction: 'special', name: 'BlackHoleCluster' },
    discovery: {
      kind: 'static',
      endpoints: { cluster: { direction: 'special', name: 'BlackHoleCluster' }, localities: [] },
    },
    protocol: 'tcp',
    tls: { kind: 'none' },
  },
};

const forward = { kind: 'forward', timeoutMs: 0 } as const;
const anything: Route['match'] = {
  path: { kind: 'prefix', value: '/' },
  ignoreCase: false,
  headers: [],
  queryParameters: [],
};
const route = (
  name: string,
  match: Partial<Route['match']>,
  action: Route['action'],
  rest: Partial<Route> = {},
): Route => ({
  name,
  match: { ...anything, ...match },
  action,
  sources: [],
  ...rest,
});

const host: VirtualHost = {
  name: 'reviews.bookinfo.svc.cluster.local:9080',
  domains: ['reviews.bookinfo.svc.cluster.local', 'reviews', '10.96.0.20'],
  requireTls: false,
  sources: [],
  routes: [
    route(
      'matches',
      {
        path: { kind: 'exact', value: '/exact' },
        ignoreCase: true,
        headers: [
          { name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false },
          { name: ':method', match: { kind: 'regex', value: 'GET|POST' }, invert: false },
          { name: 'x-internal', match: { kind: 'present' }, invert: true },
          { name: 'x-unwanted', match: { kind: 'exact', value: 'v' }, invert: true },
          { name: 'x-tail', match: { kind: 'suffix', value: 'end' }, invert: false },
        ],
        queryParameters: [
          { name: 'q', match: { kind: 'prefix', value: 'a' }, invert: false },
          { name: 'p', match: { kind: 'present' }, invert: false },
        ],
      },
      {
        ...forward,
        clusters: [
          { cluster: reviews('v1'), weight: 90, hostRewrite: 'v1.example.com' },
          { cluster: reviews('v2'), weight: 10, requestHeaders: { set: { 'x-v': '2' }, add: {}, remove: ['x-old'] } },
        ],
        timeoutMs: 2_500,
        retry: {
          attempts: 3,
          perTryTimeoutMs: 500,
          retryOn: 'connect-failure,refused-stream,retriable-status-codes',
          retriableStatusCodes: [503],
        },
      },
      {
        requestHeaders: { set: { a: '1' }, add: { b: '2' }, remove: ['c'] },
        responseHeaders: { set: {}, add: { d: '%PROTOCOL%' }, remove: [] },
      },
    ),
    route(
      'regex',
      { path: { kind: 'regex', value: '/v[0-9]+/.*' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { regex: { pattern: '^/v[0-9]+/(.*)', substitution: '/\\1' }, authority: 'inner.example.com' },
      },
    ),
    route(
      'full',
      { path: { kind: 'prefix', value: '/full' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { fullPath: '/one\\two' },
      },
    ),
    route(
      'prefix',
      { path: { kind: 'prefix', value: '/old/' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { prefix: '/new/' },
      },
    ),
    route(
      'redirect',
      { path: { kind: 'prefix', value: '/go' } },
      {
        kind: 'redirect',
        host: 'other.example.com',
        path: '/there',
        port: 8443,
        scheme: 'https',
        code: 308,
      },
    ),
    route(
      'teapot',
      { path: { kind: 'exact', value: '/tea' } },
      { kind: 'direct-response', status: 418, body: 'short' },
    ),
    route('default', {}, { ...forward, clusters: [{ cluster: reviews(), weight: 1 }] }),
  ],
};

const redirecting: VirtualHost = {
  name: 'secure.example.com:80',
  domains: ['secure.example.com'],
  requireTls: true,
  sources: [],
  routes: [route('', {}, { kind: 'redirect', prefixRewrite: '/', httpsRedirect: true, code: 301 })],
};

const unknown: VirtualHost = {
  name: 'allow_any',
  domains: ['*'],
  requireTls: false,
  sources: [],
  routes: [
    route(
      'allow_any',
      {},
      {
        ...forward,
        clusters: [{ cluster: { direction: 'special', name: 'PassthroughCluster' }, weight: 1 }],
      },
    ),
  ],
};

export const routeTable: RouteTable = { name: '9080', virtualHosts: [host, redirecting, unknown] };

const inboundTable: RouteTable = {
  name: 'inbound|9080||',
  virtualHosts: [
    {
      name: 'inbound|http|9080',
      domains: ['*'],
      requireTls: false,
      sources: [],
      routes: [
        route('default', {}, { ...forward, clusters: [{ cluster: { direction: 'inbound', port: 9080 }, weight: 1 }] }),
      ],
    },
  ],
};

const http = (
  role: 'sidecar-outbound' | 'sidecar-inbound' | 'gateway',
  routes: { readonly rds: string } | { readonly inline: RouteTable },
): FilterChain['handler'] => ({
  kind: 'http',
  routes,
  statPrefix: role,
  role,
  useRemoteAddress: role === 'gateway',
  forwardClientCert: role === 'gateway' ? 'SANITIZE_SET' : role === 'sidecar-inbound' ? 'APPEND_FORWARD' : 'SANITIZE',
});

const tcp = (...names: ClusterName[]): FilterChain['handler'] => ({
  kind: 'tcp',
  statPrefix: 'tcp',
  clusters: names.map((cluster) => ({ cluster, weight: 50 })),
});

const mesh = ['istio-h2', 'istio-http/1.0', 'istio-http/1.1'];

/** By golden file name. */
export const listeners: Readonly<Record<string, Listener>> = {
  'virtual-inbound': {
    name: 'virtualInbound',
    addresses: [
      { address: '0.0.0.0', port: 15006 },
      { address: '::', port: 15006 },
    ],
    direction: 'inbound',
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    tlsInspector: true,
    httpInspector: true,
    detectionTimeoutMs: 5_000,
    filterChains: [
      {
        name: '0.0.0.0_9080-mtls-http',
        match: { destinationPort: 9080, transportProtocol: 'tls', applicationProtocols: mesh },
        tls: { kind: 'mesh-mtls', alpn: ['h2', 'http/1.1'] },
        handler: http('sidecar-inbound', { inline: inboundTable }),
        sources: [],
      },
      {
        name: '0.0.0.0_9080-mtls-tcp',
        match: {
          destinationPort: 9080,
          transportProtocol: 'tls',
          applicationProtocols: ['istio', 'istio-peer-exchange'],
        },
        tls: { kind: 'mesh-mtls', alpn: ['istio'] },
        handler: tcp({ direction: 'inbound', port: 9080 }),
        sources: [],
      },
      {
        name: '0.0.0.0_9080-plain-http',
        match: { destinationPort: 9080, transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] },
        handler: http('sidecar-inbound', { inline: inboundTable }),
        sources: [],
      },
      {
        name: 'virtualInbound-catchall-tcp',
        match: { prefixRanges: ['0.0.0.0/0'], transportProtocol: 'raw_buffer' },
        handler: tcp({ direction: 'special', name: 'InboundPassthroughCluster' }),
        sources: [],
      },
      {
        name: 'virtualInbound-catchall-tcp-6',
        match: { prefixRanges: ['::/0'] },
        handler: tcp({ direction: 'special', name: 'InboundPassthroughCluster' }),
        sources: [],
      },
    ],
    sources: [],
  },
  'virtual-outbound': {
    name: 'virtualOutbound',
    addresses: [{ address: '0.0.0.0', port: 15001 }],
    direction: 'outbound',
    bindToPort: true,
    useOriginalDst: true,
    transparent: true,
    tlsInspector: false,
    httpInspector: false,
    detectionTimeoutMs: 0,
    filterChains: [
      {
        name: 'virtualOutbound-catchall-tcp',
        match: {},
        handler: tcp({ direction: 'special', name: 'PassthroughCluster' }),
        sources: [],
      },
    ],
    sources: [],
  },
  'outbound-detected': {
    name: '10.96.0.20_9080',
    addresses: [{ address: '10.96.0.20', port: 9080 }],
    direction: 'outbound',
    bindToPort: false,
    useOriginalDst: false,
    transparent: false,
    tlsInspector: true,
    httpInspector: true,
    detectionTimeoutMs: 0,
    filterChains: [
      {
        name: 'http',
        match: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] },
        handler: http('sidecar-outbound', { rds: '9080' }),
        sources: [],
      },
    ],
    defaultFilterChain: {
      name: 'tcp',
      match: {},
      handler: { ...tcp(reviews('v1'), reviews('v2')), kind: 'tcp', idleTimeoutMs: 60_000 } as FilterChain['handler'],
      sources: [],
    },
    sources: [],
  },
  'gateway-https': {
    name: '0.0.0.0_8443',
    addresses: [{ address: '0.0.0.0', port: 8443 }],
    direction: 'gateway',
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    tlsInspector: true,
    httpInspector: false,
    detectionTimeoutMs: 0,
    filterChains: [
      {
        name: 'simple',
        match: { serverNames: ['bookinfo.example.com', '*.example.org'] },
        tls: { kind: 'server', secret: 'kubernetes://bookinfo-cert', alpn: ['h2', 'http/1.1'] },
        handler: http('gateway', { inline: routeTable }),
        sources: [],
      },
      {
        name: 'mutual',
        match: { serverNames: ['mutual.example.com'] },
        tls: {
          kind: 'server',
          secret: 'kubernetes://mutual-cert',
          alpn: ['h2', 'http/1.1'],
          clientCa: { secret: 'kubernetes://mutual-cert-cacert' },
          minProtocolVersion: 'TLSV1_2',
          maxProtocolVersion: 'TLSV1_3',
          cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
        },
        handler: http('gateway', { rds: 'https.443.https.gateway.bookinfo' }),
        sources: [],
      },
    ],
    sources: [],
  },
};
