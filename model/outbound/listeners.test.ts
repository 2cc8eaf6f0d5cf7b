import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import { spell, tableOf } from '../testing/outbound.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Listener } from '../types/resolved.ts';

function listenersOf(mesh: TestMesh, proxy: Partial<ProxyFacts> = {}): readonly Listener[] {
  const { view } = mesh.keysOf(proxy);
  const found = mesh
    .flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view))
    .flatMap((key) => mesh.read(mesh.queries.listener, key) ?? []);
  expect(new Set(found.map((listener) => listener.name)).size).to.equal(found.length);
  return found;
}

describe('outbound listeners', () => {
  it('are one per HTTP port, one per address for TCP, and detect what no name tells', () => {
    const mesh = createTestMesh();
    mesh.source.apply([
      ...serviceObjects(reviews),
      ...serviceObjects({ name: 'db', address: '10.96.0.11', ports: ['tcp:5432'] }),
      ...serviceObjects({ name: 'any', address: '10.96.0.12', ports: ['x:7000'] }),
    ]);
    const listeners = new Map(listenersOf(mesh).map((listener) => [listener.name, listener]));
    expect([...listeners.keys()].sort()).to.deep.equal([
      '0.0.0.0_9080',
      '10.96.0.11_5432',
      '10.96.0.12_7000',
      'virtualOutbound',
    ]);
    const detected = listeners.get('10.96.0.12_7000');
    expect([detected?.tlsInspector, detected?.httpInspector]).to.deep.equal([true, true]);
    expect(detected?.filterChains[0]?.handler).to.deep.include({
      routes: { rds: 'any.default.svc.cluster.local:7000' },
    });
    expect(tableOf(mesh, 'any.default.svc.cluster.local:7000')[0]?.domains).to.deep.equal(['*']);
    const plain = listeners.get('10.96.0.11_5432');
    expect(plain?.defaultFilterChain?.handler).to.deep.include({
      clusters: [
        {
          cluster: { direction: 'outbound', port: 5432, subset: '', hostname: 'db.default.svc.cluster.local' },
          weight: 1,
        },
      ],
    });
    expect([plain?.bindToPort, listeners.get('virtualOutbound')?.bindToPort]).to.deep.equal([false, true]);
  });

  it('listen in every family of the proxy', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      serviceObjects({ name: 'db', address: '10.96.0.11', address6: 'fd00:96::11', ports: ['tcp:5432'] }),
    );
    const addresses = (ipAddresses: readonly string[]) =>
      listenersOf(mesh, { ipAddresses }).map((listener) => listener.addresses.map(({ address }) => address));
    expect(addresses(['10.0.0.1', 'fd00::1'])).to.deep.equal([
      ['10.96.0.11', 'fd00:96::11'],
      ['0.0.0.0', '::'],
    ]);
    expect(addresses(['fd00::1'])).to.deep.equal([['fd00:96::11'], ['::']]);
  });

  it('are one per pod for headless TCP', () => {
    const mesh = createTestMesh();
    const pods = ['10.0.2.1', '10.0.2.2'].map((ip, at) => ({ name: `db-${at}`, ip, labels: { app: 'db' } }));
    mesh.source.apply(serviceObjects({ name: 'db', ports: ['tcp:5432'], pods }));
    expect(listenersOf(mesh).map((listener) => listener.name)).to.deep.equal([
      '10.0.2.1_5432',
      '10.0.2.2_5432',
      'virtualOutbound',
    ]);
  });

  it('route connections by server name and share', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tls:443'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews, a.example.com]
  tls:
  - match: [{sniHosts: [a.example.com]}]
    route: [{destination: {host: reviews, subset: v1}}]
  tcp:
  - route: [{destination: {host: reviews, subset: v2}, weight: 1}, {destination: {host: reviews, subset: v3}, weight: 3}]
`);
    const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_443');
    expect(listener?.filterChains.map((chain) => chain.match)).to.deep.equal([{ serverNames: ['a.example.com'] }]);
    expect(listener?.sources.map((source) => source.kind)).to.deep.equal(['VirtualService']);
    const sharesAt = (ports: readonly string[], name: string) => {
      mesh.source.apply(serviceObjects({ ...reviews, ports }));
      const last = listenersOf(mesh).find((found) => found.name === name);
      const handler = last?.defaultFilterChain?.handler;
      return [last?.tlsInspector, handler?.kind === 'tcp' && handler.clusters.map(({ weight }) => weight)];
    };
    expect(sharesAt(['tls:443'], '10.96.0.10_443'), 'TCP routes are not for TLS').to.deep.equal([true, [1]]);
    // To look for TLS would make a client wait whose server speaks first.
    expect(sharesAt(['tcp:444'], '10.96.0.10_444'), 'TLS routes are for TLS only').to.deep.equal([false, [1, 3]]);
  });

  it('put the routes of all VirtualServices of a host one behind the other', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tcp:444'] }));
    const tcp = (name: string, match: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [reviews]
  ${match === 'http' ? 'http' : 'tcp'}:
  - ${match === 'http' ? '' : `match: [${match}]\n    `}route: [{destination: {host: reviews, subset: ${name}}}]
`;
    const chains = () => {
      const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_444');
      return [...(listener?.filterChains ?? []), listener?.defaultFilterChain].map((chain) =>
        chain?.handler.kind === 'tcp' ? chain.handler.clusters.map(({ cluster }) => spell(cluster)).join() : '',
      );
    };
    mesh.source.apply(tcp('web', 'http'));
    mesh.source.apply(tcp('one', '{destinationSubnets: [10.1.0.0/16]}'));
    mesh.source.apply(tcp('two', '{destinationSubnets: [10.2.0.0/16]}'));
    expect(chains()).to.deep.equal(['reviews.default:444|one', 'reviews.default:444|two', 'reviews.default:444']);
    mesh.source.apply(tcp('all', '{port: 444}'));
    mesh.source.apply(tcp('unreachable', '{port: 444}'));
    expect(chains()).to.deep.equal(['reviews.default:444|one', 'reviews.default:444|two', 'reviews.default:444|all']);
  });

  it('route connections by their caller too, where a match names gateways as well', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tcp:444'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: callers, namespace: default}
spec:
  hosts: [reviews]
  gateways: [mesh, g]
  tcp:
  - match: [{sourceLabels: {app: web}, gateways: [mesh]}]
    route: [{destination: {host: reviews, subset: v1}}]
`);
    const subset = (labels: Readonly<Record<string, string>>) => {
      const listener = listenersOf(mesh, { labels }).find(({ name }) => name === '10.96.0.10_444');
      const handler = listener?.defaultFilterChain?.handler;
      const cluster = handler?.kind === 'tcp' ? handler.clusters[0]?.cluster : undefined;
      return cluster?.direction === 'outbound' ? cluster.subset : undefined;
    };
    expect([subset({ app: 'web' }), subset({})]).to.deep.equal(['v1', '']);
  });

  it('name a server or a block once, however often and in whatever spelling routes say it', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tls:443', 'tcp:444'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: twice, namespace: default}
spec:
  hosts: [reviews, a.example.com, A.example.com]
  tls:
  - match: [{sniHosts: [a.example.com, A.example.com, a.example.com]}]
    route: [{destination: {host: reviews, subset: v1}}]
  tcp:
  - match: [{destinationSubnets: [10.0.0.0/8, 10.1.0.0/8, 10.2.3.4/32, 10.2.3.4, "2001:DB8:0::1", "2001:db8::1/128"]}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{destinationSubnets: [10.9.0.0/8, 192.168.0.0/16]}]
    route: [{destination: {host: reviews, subset: v2}}]
`);
    const matches = (name: string) =>
      listenersOf(mesh)
        .find((listener) => listener.name === name)
        ?.filterChains.map(({ match }) => match);
    expect(matches('10.96.0.10_443')).to.deep.equal([{ serverNames: ['a.example.com'] }]);
    expect(matches('10.96.0.10_444')).to.deep.equal([
      { prefixRanges: ['10.0.0.0/8', '10.2.3.4', '2001:db8::1'] },
      { prefixRanges: ['192.168.0.0/16'] },
    ]);
  });

  it('leave out server names that Envoy would refuse with the whole listener', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tls:443'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews, "*-a.example.com", B.example.com]
  tls:
  - match: [{sniHosts: ["*-a.example.com"]}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{sniHosts: ["*-a.example.com", B.example.com]}]
    route: [{destination: {host: reviews, subset: v2}}]
`);
    const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_443');
    expect(listener?.filterChains.map((chain) => chain.match)).to.deep.equal([{ serverNames: ['b.example.com'] }]);
  });
});
