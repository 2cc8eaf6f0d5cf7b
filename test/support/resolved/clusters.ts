/** Resolved values that between them use every field the builders spell: for golden files and for the real Envoy. */
import type { Cluster, ClusterName, EndpointGroup } from '#model/types/index.ts';

export const reviews = (subset = ''): ClusterName => ({
  direction: 'outbound',
  port: 9080,
  subset,
  hostname: 'reviews.bookinfo.svc.cluster.local',
});

const spiffe = 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews';
const service = { hostname: 'reviews.bookinfo.svc.cluster.local', name: 'reviews', namespace: 'bookinfo' };

export const endpointGroup: EndpointGroup = {
  cluster: reviews(),
  sources: [],
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
    tls: { kind: 'istio-mutual', sni: 'reviews', subjectAltNames: [spiffe, 'reviews.example.com'], alpn: 'http' },
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
      lookup: { families: '46', refreshMs: 30_000 },
      endpoints: {
        cluster: { direction: 'outbound', port: 443, subset: '', hostname: 'api.example.com' },
        sources: [],
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
    discovery: {
      kind: 'logical-dns',
      lookup: { families: '4', refreshMs: 60_000 },
      endpoints: { ...endpointGroup, localities: endpointGroup.localities.slice(1) },
    },
    protocol: 'http1',
    tls: { kind: 'tls', sni: 'lax.example.com', subjectAltNames: [], insecureSkipVerify: true },
  },
  'inbound-original-dst': {
    ...base,
    name: { direction: 'inbound', port: 9080 },
    discovery: { kind: 'original-dst' },
    protocol: 'downstream',
    tls: { kind: 'none' },
    upstreamBindAddresses: ['127.0.0.6', '::6'],
    service,
  },
  'inbound-socket': {
    ...base,
    name: { direction: 'inbound', port: 9081 },
    discovery: {
      kind: 'static',
      endpoints: {
        cluster: { direction: 'inbound', port: 9081 },
        localities: [
          {
            locality: { region: '', zone: '', subzone: '' },
            ...{ priority: 0, weight: 1 },
            endpoints: [
              {
                ...{ address: 'unix:///run/app.sock', port: 0, additionalAddresses: [], weight: 1, healthy: true },
                ...{ draining: false, acceptsMtls: false, workload: '' },
              },
            ],
          },
        ],
        sources: [],
      },
    },
    protocol: 'http1',
    tls: { kind: 'none' },
    service,
  },
  'original-dst-port': {
    ...base,
    name: { direction: 'outbound', port: 80, subset: '', hostname: '*.example.com' },
    discovery: { kind: 'original-dst', port: 8080 },
    protocol: 'http1',
    tls: { kind: 'none' },
  },
  'dynamic-dns': {
    ...base,
    name: { direction: 'outbound', port: 443, subset: '', hostname: '*.example.org' },
    discovery: { kind: 'dynamic-dns', lookup: { families: '46', refreshMs: 30_000 } },
    protocol: 'tcp',
    tls: { kind: 'none' },
  },
  'dynamic-dns-http': {
    ...base,
    name: { direction: 'outbound', port: 80, subset: '', hostname: '*.example.org' },
    discovery: { kind: 'dynamic-dns', lookup: { families: '4', refreshMs: 60_000 } },
    protocol: 'http2',
    tls: { kind: 'tls', sni: '', subjectAltNames: [], insecureSkipVerify: false },
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
      endpoints: { cluster: { direction: 'special', name: 'BlackHoleCluster' }, localities: [], sources: [] },
    },
    protocol: 'tcp',
    tls: { kind: 'none' },
  },
};
