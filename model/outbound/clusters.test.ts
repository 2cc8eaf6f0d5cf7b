import { expect } from 'chai';
import { endpointKeyOf, parseClusterKey, parseViewKey } from '../keys.ts';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, reviews, serviceObjects } from '../testing/objects.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Cluster, Endpoint } from '../types/resolved.ts';

const spell = ({ name }: Cluster): string =>
  name.direction === 'outbound' ? `outbound|${name.port}|${name.subset}|${name.hostname}` : String(name.direction);

function clustersOf(
  mesh: TestMesh,
  proxy: Partial<ProxyFacts> = {},
): ReadonlyMap<string, { cluster: Cluster; key: string }> {
  const { view } = mesh.keysOf(proxy);
  const found = new Map<string, { cluster: Cluster; key: string }>();
  for (const key of mesh.flatten(mesh.queries.clusterSlice, mesh.read(mesh.queries.viewClusters, view))) {
    const cluster = mesh.read(mesh.queries.cluster, key);
    if (cluster === undefined || cluster.name.direction !== 'outbound') continue;
    expect(found.has(spell(cluster)), `${spell(cluster)} twice`).to.equal(false);
    found.set(spell(cluster), { cluster, key });
  }
  return found;
}

function endpointsOf(mesh: TestMesh, name: string, proxy: Partial<ProxyFacts> = {}): readonly Endpoint[] {
  const found = clustersOf(mesh, proxy).get(name);
  if (found === undefined) throw new Error(`no cluster ${name}`);
  const group = mesh.read(mesh.queries.endpointGroup, endpointKeyOf(found.key, parseViewKey(mesh.keysOf(proxy).view)));
  return group.localities.flatMap((locality) => locality.endpoints);
}

const fqdn = 'reviews.default.svc.cluster.local';
const rule = (namespace: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: ${namespace}}
spec: {host: ${fqdn}, ${spec}}
`;

describe('outbound clusters', () => {
  it('are one per port and one per subset, each with the endpoints its labels select', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'grpc-admin:9090'] }));
    mesh.source.apply(
      rule('default', 'subsets: [{name: v1, labels: {version: v1}}, {name: v3, labels: {version: v3}}]'),
    );
    expect([...clustersOf(mesh).keys()]).to.have.members(
      ['9080||', '9080|v1|', '9080|v3|', '9090||', '9090|v1|', '9090|v3|'].map((part) => `outbound|${part}${fqdn}`),
    );
    expect(endpointsOf(mesh, `outbound|9080||${fqdn}`).map((endpoint) => endpoint.address)).to.deep.equal([
      '10.0.1.1',
      '10.0.1.2',
      '10.0.1.3',
    ]);
    const [third, ...others] = endpointsOf(mesh, `outbound|9080|v3|${fqdn}`);
    expect(others).to.deep.equal([]);
    expect([third?.address, third?.workload]).to.deep.equal(['10.0.1.3', 'reviews-v3-1;default;reviews;v3;Kubernetes']);
  });

  it('speak the protocol of the port and mTLS to endpoints with a sidecar, checked against their service accounts', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'grpc-admin:9090', 'tcp:1', 'x:2'] }));
    mesh.source.applyMeshConfig({ trustDomain: 'prod', trustDomainAliases: ['old'] });
    const clusters = clustersOf(mesh);
    const of = (port: number) => clusters.get(`outbound|${port}||${fqdn}`)?.cluster;
    expect([9080, 9090, 1, 2].map((port) => of(port)?.protocol)).to.deep.equal(['http1', 'http2', 'tcp', 'downstream']);
    expect(of(9080)?.tls).to.deep.equal({
      kind: 'auto-mtls',
      sni: `outbound_.9080_._.${fqdn}`,
      subjectAltNames: ['spiffe://old/ns/default/sa/bookinfo-reviews', 'spiffe://prod/ns/default/sa/bookinfo-reviews'],
      alpn: 'http',
    });
    const alpn = [1, 2].map((port) => {
      const tls = of(port)?.tls;
      return tls?.kind === 'auto-mtls' ? tls.alpn : undefined;
    });
    expect(alpn).to.deep.equal(['tcp', 'auto']);
  });

  it('send plaintext to pods without a sidecar and to ports where policy turns mTLS off', () => {
    const mesh = createTestMesh();
    const [first, second] = reviews.pods ?? [];
    if (first === undefined || second === undefined) throw new Error('two pods are needed');
    mesh.source.apply(serviceObjects({ ...reviews, pods: [{ ...first, sidecar: false }, second] }));
    const flags = () => endpointsOf(mesh, `outbound|9080||${fqdn}`).map((endpoint) => endpoint.acceptsMtls);
    expect(flags()).to.deep.equal([false, true]);
    mesh.source.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: off, namespace: default}
spec: {selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}, portLevelMtls: {"9080": {mode: DISABLE}}}
`);
    expect(flags()).to.deep.equal([false, false]);
  });

  it('keep the accounts of endpoints that are not ready, so that only the endpoints change with readiness', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const before = clustersOf(mesh).get(`outbound|9080||${fqdn}`)?.cluster;
    mesh.source.apply(
      serviceObjects({ ...reviews, pods: (reviews.pods ?? []).map((pod) => ({ ...pod, ready: false })) }),
    );
    expect(clustersOf(mesh).get(`outbound|9080||${fqdn}`)?.cluster).to.equal(before);
    expect(endpointsOf(mesh, `outbound|9080||${fqdn}`)).to.deep.equal([]);
  });

  it('follow the rule of the client namespace, then of the service, then of the root', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const balancing = (namespace: string) =>
      clustersOf(mesh, { namespace }).get(`outbound|9080||${fqdn}`)?.cluster.loadBalancing;
    expect(balancing('client')).to.equal('LEAST_REQUEST');
    mesh.source.apply(rule('istio-system', 'trafficPolicy: {loadBalancer: {simple: RANDOM}}'));
    expect(balancing('client')).to.equal('RANDOM');
    mesh.source.apply(rule('default', 'trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}'));
    expect(balancing('client')).to.equal('ROUND_ROBIN');
    mesh.source.apply(rule('client', 'exportTo: ["."], trafficPolicy: {loadBalancer: {simple: RANDOM}}'));
    expect([balancing('client'), balancing('default'), balancing('other')]).to.deep.equal([
      'RANDOM',
      'ROUND_ROBIN',
      'ROUND_ROBIN',
    ]);
  });

  it('are shared by all views except where a rule is meant for one namespace', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(rule('default', 'exportTo: [".", friend], subsets: [{name: v1, labels: {version: v1}}]'));
    const keyOf = (namespace: string) => clustersOf(mesh, { namespace }).get(`outbound|9080||${fqdn}`)?.key;
    expect(keyOf('stranger')).to.equal(keyOf('other'));
    expect(keyOf('friend')).to.equal(keyOf('default'));
    expect(keyOf('friend')).to.not.equal(keyOf('stranger'));
    expect([...clustersOf(mesh, { namespace: 'stranger' }).keys()]).to.deep.equal([`outbound|9080||${fqdn}`]);
    expect(mesh.read(mesh.queries.viewClusters, mesh.keysOf({ namespace: 'other' }).view).overrides.size).to.equal(0);
  });

  it('replace a policy part by part for subsets, and altogether for a port', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:81'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    connectionPool: {tcp: {maxConnections: 7, connectTimeout: 3s}, http: {http1MaxPendingRequests: 9}}
    outlierDetection: {consecutive5xxErrors: 5, interval: 10s}
    portLevelSettings:
    - port: {number: 81}
      tls: {mode: SIMPLE, sni: reviews.example}
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}
`);
    const clusters = clustersOf(mesh);
    const whole = clusters.get(`outbound|9080||${fqdn}`)?.cluster;
    expect(whole?.connectionPool).to.deep.equal({ maxConnections: 7, maxPendingRequests: 9 });
    expect(whole?.outlierDetection).to.deep.equal({ consecutive5xx: 5, intervalMs: 10_000 });
    expect([whole?.connectTimeoutMs, whole?.loadBalancing]).to.deep.equal([3000, 'RANDOM']);
    const subset = clusters.get(`outbound|9080|v1|${fqdn}`)?.cluster;
    expect([subset?.connectionPool, subset?.loadBalancing]).to.deep.equal([{ maxConnections: 1 }, 'RANDOM']);
    const port = clusters.get(`outbound|81||${fqdn}`)?.cluster;
    expect([port?.loadBalancing, port?.connectionPool, port?.tls.kind]).to.deep.equal([
      'LEAST_REQUEST',
      undefined,
      'tls',
    ]);
    expect(whole?.sources.map((source) => `${source.kind} ${source.name}`)).to.deep.equal(['DestinationRule reviews']);
  });

  it('pass straight to the pods of headless services, except for routers', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      serviceObjects({
        name: 'db',
        ports: ['tcp:5432'],
        pods: [{ name: 'db-0', ip: '10.0.2.1', labels: { app: 'db' } }],
      }),
    );
    const name = 'outbound|5432||db.default.svc.cluster.local';
    const sidecar = clustersOf(mesh).get(name)?.cluster;
    expect([sidecar?.discovery.kind, sidecar?.tls.kind]).to.deep.equal(['original-dst', 'istio-mutual']);
    expect(clustersOf(mesh, { type: 'router' }).get(name)?.cluster.discovery.kind).to.equal('eds');
    mesh.source.apply([podObject({ name: 'db-0', ip: '10.0.2.1', labels: { app: 'db' }, sidecar: false }, 'default')]);
    expect(clustersOf(mesh).get(name)?.cluster.tls.kind).to.equal('none');
  });

  it('join the endpoints of one service in two clusters', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.east.apply(
      serviceObjects({
        ...reviews,
        address: '10.112.0.10',
        pods: [
          { name: 'reviews-v1-9', ip: '10.9.0.1', labels: { app: 'reviews', version: 'v1' }, serviceAccount: 'east' },
        ],
      }),
    );
    expect(
      endpointsOf(mesh, `outbound|9080||${fqdn}`).map((endpoint) => endpoint.workload.split(';').at(-1)),
    ).to.deep.equal(['Kubernetes', 'Kubernetes', 'Kubernetes', 'east']);
    const tls = clustersOf(mesh).get(`outbound|9080||${fqdn}`)?.cluster.tls;
    expect(tls?.kind === 'auto-mtls' && tls.subjectAltNames).to.deep.equal([
      'spiffe://cluster.local/ns/default/sa/bookinfo-reviews',
      'spiffe://cluster.local/ns/default/sa/east',
    ]);
  });

  it('give both families of a dual-stack pod to clients that have both, as one endpoint', () => {
    const mesh = createTestMesh();
    const pods = [{ name: 'reviews-v1-1', ip: '10.0.1.1', ip6: 'fd00::1', labels: { app: 'reviews' } }];
    mesh.source.apply(serviceObjects({ ...reviews, address6: 'fd00:96::10', pods }));
    const addresses = (ipAddresses: readonly string[]) =>
      endpointsOf(mesh, `outbound|9080||${fqdn}`, { ipAddresses }).map(({ address, additionalAddresses }) => [
        address,
        ...additionalAddresses,
      ]);
    expect(addresses(['10.0.0.1', 'fd00::9'])).to.deep.equal([['10.0.1.1', 'fd00::1']]);
    expect(addresses(['10.0.0.1'])).to.deep.equal([['10.0.1.1']]);
    expect(addresses(['fd00::9'])).to.deep.equal([['fd00::1']]);
  });

  it('are not seen where the service is not exported to', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, annotations: { 'networking.istio.io/exportTo': '., friend' } }));
    const sees = (namespace: string) => clustersOf(mesh, { namespace }).size;
    expect([sees('default'), sees('friend'), sees('stranger')]).to.deep.equal([1, 1, 0]);
  });

  it('have keys that are parsed back to what they were rendered from', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const key = clustersOf(mesh).get(`outbound|9080||${fqdn}`)?.key ?? '';
    expect(parseClusterKey(key)).to.include({ service: `default/${fqdn}`, port: '9080', subset: '' });
  });
});
