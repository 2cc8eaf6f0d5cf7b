/** Resolved values that between them use every field the builders spell: for golden files and for the real Envoy. */
import type { ClusterName, FilterChain, Listener, RouteTable } from '#model/types/index.ts';
import { reviews } from './clusters.ts';
import { forward, route, routeTable } from './routes.ts';

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

const tcp = (...names: ClusterName[]): Extract<FilterChain['handler'], { kind: 'tcp' }> => ({
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
    redirected: true,
    transparent: false,
    tlsInspector: { onlyPorts: [9080] },
    httpInspector: { exceptPorts: [9000, 15006] },
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
      handler: { ...tcp(reviews('v1'), reviews('v2')), idleTimeoutMs: 60_000 },
      sources: [],
    },
    sources: [],
  },
  'outbound-socket': {
    name: 'unix:///run/out.sock',
    addresses: [{ address: 'unix:///run/out.sock', port: 0 }],
    direction: 'outbound',
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    tlsInspector: false,
    httpInspector: false,
    detectionTimeoutMs: 0,
    filterChains: [
      {
        name: 'http',
        match: {},
        handler: http('sidecar-outbound', { rds: 'unix:///run/out.sock' }),
        sources: [],
      },
    ],
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
    detectionTimeoutMs: 15_000,
    filterChains: [
      {
        name: 'simple',
        match: { serverNames: ['bookinfo.example.com', '*.example.org'] },
        tls: { kind: 'server', certificates: [{ secret: 'kubernetes://bookinfo-cert' }], alpn: ['h2', 'http/1.1'] },
        handler: http('gateway', { inline: routeTable }),
        sources: [],
      },
      {
        name: 'mutual',
        match: { serverNames: ['mutual.example.com'] },
        tls: {
          kind: 'server',
          certificates: [
            { secret: 'kubernetes://mutual-cert' },
            { certificate: '/etc/certs/rsa.pem', privateKey: '/etc/certs/rsa.key' },
          ],
          alpn: ['h2', 'http/1.1'],
          clients: {
            roots: { secret: 'kubernetes://mutual-cert-cacert' },
            optional: false,
            subjectAltNames: ['client.example.com', '10.0.0.1', 'a@example.com', 'spiffe://cluster.local/ns/a/sa/b'],
            certificateHashes: ['df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a'],
            publicKeyHashes: ['NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A='],
          },
          minProtocolVersion: 'TLSV1_2',
          maxProtocolVersion: 'TLSV1_3',
          cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
        },
        handler: http('gateway', { rds: 'https.443.https.gateway.bookinfo' }),
        sources: [],
      },
      {
        name: 'optional',
        match: { serverNames: ['optional.example.com'] },
        tls: {
          kind: 'server',
          certificates: [{ certificate: '/etc/certs/cert.pem', privateKey: '/etc/certs/cert.key' }],
          alpn: ['h2', 'http/1.1'],
          clients: {
            roots: { file: '/etc/certs/ca.pem', crl: '/etc/certs/ca.crl' },
            optional: true,
            ...{ subjectAltNames: [], certificateHashes: [], publicKeyHashes: [] },
          },
        },
        handler: http('gateway', { rds: 'https.443.https.gateway.bookinfo' }),
        sources: [],
      },
    ],
    sources: [],
  },
};
