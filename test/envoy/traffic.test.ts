import { expect } from 'chai';
import { buildCluster, buildListener } from '#envoy/index.ts';
import type { Cluster, ClusterName, Route, RouteTable } from '#model/types/index.ts';
import { buildStaticBootstrap, freePort, type RunningEnvoy, startEnvoy } from '#test/support/envoy.ts';
import { type Answer, request, startUpstream, type Upstream } from '#test/support/upstream.ts';

const named = (subset: string): ClusterName => ({
  direction: 'outbound',
  port: 80,
  subset,
  hostname: 'reviews.default.svc.cluster.local',
});

function clusterOf(subset: string, upstreams: readonly Upstream[]): Cluster {
  const endpoints = upstreams.map(({ name, port }) => ({
    address: '127.0.0.1',
    additionalAddresses: [],
    port,
    weight: 1,
    healthy: true,
    draining: false,
    acceptsMtls: false,
    workload: `reviews-${name};default;reviews;${name};Kubernetes`,
  }));
  return {
    name: named(subset),
    discovery: {
      kind: 'static',
      endpoints: {
        cluster: named(subset),
        sources: [],
        localities: [{ locality: { region: '', zone: '', subzone: '' }, priority: 0, weight: 1, endpoints }],
      },
    },
    connectTimeoutMs: 1000,
    loadBalancing: 'ROUND_ROBIN',
    protocol: 'http1',
    tls: { kind: 'none' },
    service: { hostname: 'reviews.default.svc.cluster.local', name: 'reviews', namespace: 'default' },
    sources: [],
  };
}

const anything: Route['match'] = {
  path: { kind: 'prefix', value: '/' },
  ignoreCase: false,
  headers: [],
  queryParameters: [],
};

const table: RouteTable = {
  name: '80',
  virtualHosts: [
    {
      name: 'reviews.default.svc.cluster.local:80',
      domains: ['reviews.default.svc.cluster.local', 'reviews'],
      requireTls: false,
      sources: [],
      routes: [
        {
          name: 'tester',
          match: {
            ...anything,
            headers: [{ name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false }],
          },
          action: { kind: 'forward', clusters: [{ cluster: named('v2'), weight: 1 }], timeoutMs: 0 },
          sources: [],
        },
        {
          name: 'slow',
          match: { ...anything, path: { kind: 'prefix', value: '/slow' } },
          action: { kind: 'forward', clusters: [{ cluster: named('v1'), weight: 1 }], timeoutMs: 2_000 },
          sources: [],
        },
        {
          name: 'rewritten',
          match: { ...anything, path: { kind: 'prefix', value: '/old/' } },
          action: {
            kind: 'forward',
            clusters: [{ cluster: named('v1'), weight: 1 }],
            timeoutMs: 0,
            rewrite: { prefix: '/new/', authority: 'inner.example.com' },
          },
          requestHeaders: { set: { 'x-set': 'yes' }, add: {}, remove: ['x-secret'] },
          sources: [],
        },
        {
          name: 'by expression',
          match: { ...anything, path: { kind: 'regex', value: '/(a|ab)' } },
          action: {
            kind: 'forward',
            clusters: [
              {
                cluster: named('v1'),
                weight: 1,
                hostRewrite: 'destination.example.com',
                requestHeaders: { set: { 'x-set': 'yes' }, add: {}, remove: [] },
              },
            ],
            timeoutMs: 0,
            rewrite: { fullPath: '/whole', authority: 'route.example.com' },
          },
          sources: [],
        },
        {
          name: 'split',
          match: anything,
          action: {
            kind: 'forward',
            clusters: [
              { cluster: named('v1'), weight: 75 },
              { cluster: named('v2'), weight: 25 },
            ],
            timeoutMs: 0,
          },
          sources: [],
        },
      ],
    },
  ],
};

describe('requests through the real Envoy', () => {
  let upstreams: readonly Upstream[] = [];
  let envoy: RunningEnvoy | undefined;
  let port = 0;

  before(async () => {
    const v1 = await startUpstream('v1');
    const v2 = await startUpstream('v2');
    upstreams = [v1, v2];
    port = await freePort();
    const listener = buildListener(
      {
        name: `127.0.0.1_${port}`,
        addresses: [{ address: '127.0.0.1', port }],
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
            handler: {
              kind: 'http',
              routes: { inline: table },
              statPrefix: 'outbound',
              role: 'sidecar-outbound',
              useRemoteAddress: false,
              forwardClientCert: 'SANITIZE',
            },
            sources: [],
          },
        ],
        sources: [],
      },
      { metrics: true },
    );
    const clusters = [clusterOf('v1', [v1]), clusterOf('v2', [v2])].map(buildCluster);
    const { staticResources, statsConfig, node } = buildStaticBootstrap({ clusters, listeners: [listener] });
    const own = (staticResources?.clusters ?? []).filter((cluster) => cluster.name?.startsWith('outbound|'));
    envoy = await startEnvoy({ node, statsConfig, staticResources: { clusters: own, listeners: [listener] } });
  });

  after(async () => {
    await envoy?.stop();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  });

  const ask = (path: string, headers: Record<string, string> = {}) =>
    request(port, path, { host: 'reviews', ...headers });
  const answer = async (path: string, headers?: Record<string, string>): Promise<Answer> =>
    JSON.parse((await ask(path, headers)).body) as Answer;

  it('are split by weight', async () => {
    const names: string[] = [];
    for (let n = 0; n < 400; n += 1) names.push((await answer('/')).name);
    const share = names.filter((name) => name === 'v1').length / names.length;
    expect(share).to.be.within(0.65, 0.85);
  });

  it('are matched by header', async () => {
    for (let n = 0; n < 10; n += 1) expect((await answer('/', { 'end-user': 'jason' })).name).to.equal('v2');
  });

  it('time out', async () => {
    expect((await ask('/slow?delay=5000')).status).to.equal(504);
    expect((await ask('/slow')).status).to.equal(200);
  });

  it('are rewritten, with headers set and removed', async () => {
    const { path, headers } = await answer('/old/thing', { 'x-secret': 'no' });
    expect(path).to.equal('/new/thing');
    expect(headers).to.include({ host: 'inner.example.com', 'x-set': 'yes' });
    expect(headers).not.to.have.property('x-secret');
  });

  it('matched by an expression are rewritten as a whole, and the host of the route goes before that of a destination', async () => {
    const { path, headers } = await answer('/ab?query');
    expect(path).to.equal('/whole?query');
    expect(headers).to.include({ host: 'route.example.com', 'x-set': 'yes' });
  });

  it('for unknown hosts of a table without a catch-all find no route', async () => {
    expect((await ask('/', { host: 'unknown.example.com' })).status).to.equal(404);
  });

  it("are counted in Istio's metrics", async () => {
    const lines = (await envoy?.admin('/stats/prometheus'))?.split('\n') ?? [];
    const requests = lines.filter((line) => line.startsWith('envoy_istio_requests_total{'));
    expect(requests.join('\n'))
      .to.contain('reporter="source"')
      .and.contain('destination_workload="reviews-v2"')
      .and.contain('destination_service="reviews.default.svc.cluster.local"')
      .and.contain('destination_version="v1"')
      .and.contain('response_code="504"')
      .and.contain('request_protocol="http"');
    expect(lines.some((line) => line.startsWith('envoy_istio_request_duration_milliseconds_bucket{'))).to.equal(true);
  });
});
