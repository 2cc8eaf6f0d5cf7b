import { expect } from 'chai';
import { endpointKeyOf, parseViewKey } from '../keys.ts';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import type { ProxyFacts } from '../types/proxy.ts';

/** Nodes by name: `region/zone`. */
const nodes = { n1: 'r1/z1', n2: 'r1/z1', n3: 'r1/z2', n4: 'r2/z1' };

const world = (spec: string, metadata = '') => `
${Object.entries(nodes)
  .map(([name, place]) => {
    const [region, zone] = place.split('/');
    return `
apiVersion: v1
kind: Node
metadata: {name: ${name}, labels: {topology.kubernetes.io/region: ${region}, topology.kubernetes.io/zone: ${zone}}}
---
apiVersion: v1
kind: Pod
metadata: {name: client-${name}, namespace: default}
spec: {nodeName: ${name}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-${name}, namespace: default, labels: {app: web}}
spec: {nodeName: ${name}}
---`;
  })
  .join('')}
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default${metadata}}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]${spec}}
---
${slice({})}`;

const slice = (ready: Readonly<Record<string, boolean>>) => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
${Object.keys(nodes)
  .map(
    (name) =>
      `- {addresses: [10.0.0.${name.slice(1)}], nodeName: ${name}, conditions: {ready: ${ready[name] ?? true}}, targetRef: {kind: Pod, name: web-${name}}}`,
  )
  .join('\n')}
---`;

/** By priority: nodes whose endpoints have it, `!` before those that are not healthy. */
function preferred(mesh: TestMesh, proxy: Partial<ProxyFacts>): readonly string[] {
  const { view, place } = mesh.keysOf(proxy);
  const [cluster = ''] = mesh.read(mesh.queries.placedClusters, view);
  const { localities } = mesh.read(mesh.queries.endpointGroup, endpointKeyOf(cluster, parseViewKey(view), place));
  const byPriority: string[][] = [];
  for (const { priority, endpoints } of localities) {
    const names = endpoints.map(({ address, healthy }) => `${healthy ? '' : '!'}n${address.split('.').at(-1)}`);
    byPriority[priority] = [...(byPriority[priority] ?? []), ...names];
  }
  return byPriority.map((names) => names.sort().join());
}

const client = (node: string): Partial<ProxyFacts> => ({ podName: `client-${node}` });

describe('endpoints by the place of the client', () => {
  const zone = ['n1,n2', 'n3', 'n4'];
  const node = ['n1', 'n2', 'n3', 'n4'];
  const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['trafficDistribution PreferClose', ', trafficDistribution: PreferClose', '', zone],
    ['trafficDistribution PreferSameZone', ', trafficDistribution: PreferSameZone', '', zone],
    ['trafficDistribution PreferSameNode', ', trafficDistribution: PreferSameNode', '', node],
    ['the annotation', '', ', annotations: {networking.istio.io/traffic-distribution: preferclose}', zone],
    [
      'the field before the annotation',
      ', trafficDistribution: PreferSameNode',
      ', annotations: {networking.istio.io/traffic-distribution: PreferClose}',
      node,
    ],
  ];
  for (const [what, spec, metadata, expected] of cases) {
    it(`obeys ${what}`, () => {
      const mesh = createTestMesh();
      mesh.source.apply(world(spec, metadata));
      expect(preferred(mesh, client('n1'))).to.deep.equal(expected);
    });
  }

  it('obeys the annotation of the namespace where the Service has none', () => {
    const mesh = createTestMesh();
    const namespace = (value: string) =>
      mesh.source.apply(
        `kind: Namespace\nmetadata: {name: default, annotations: {networking.istio.io/traffic-distribution: ${value}}}`,
      );
    mesh.source.apply(world(''));
    expect(mesh.keysOf(client('n1')).place).to.equal(undefined);
    namespace('PreferSameZone');
    expect(preferred(mesh, client('n1'))).to.deep.equal(zone);
    mesh.source.apply(world('', ', annotations: {networking.istio.io/traffic-distribution: nonsense}'));
    expect(mesh.keysOf(client('n1')).place).to.equal(undefined);
  });

  it('counts from the client: other zone, other region, unknown place', () => {
    const mesh = createTestMesh();
    mesh.source.apply(world(', trafficDistribution: PreferClose'));
    expect(preferred(mesh, client('n3'))).to.deep.equal(['n3', 'n1,n2', 'n4']);
    expect(preferred(mesh, client('n4'))).to.deep.equal(['n4', 'n1,n2,n3']);
    expect(preferred(mesh, { podName: 'unknown' })).to.deep.equal(['n1,n2,n3,n4']);
    const claimed = { region: 'r1', zone: 'z2', subzone: '' };
    expect(preferred(mesh, { podName: 'unknown', locality: claimed })).to.deep.equal(['n3', 'n1,n2', 'n4']);
  });

  it('tells Envoy which ones are not ready, so that it goes on to the next in time', () => {
    const mesh = createTestMesh();
    mesh.source.apply(world(', trafficDistribution: PreferClose') + slice({ n1: false }));
    expect(preferred(mesh, client('n1'))).to.deep.equal(['!n1,n2', 'n3', 'n4']);
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, trafficPolicy: {outlierDetection: {minHealthPercent: 50}}}
`);
    expect(preferred(mesh, client('n1')), 'Envoy would send to it in panic').to.deep.equal(['n2', 'n3', 'n4']);
  });

  it('keeps node-local Services on the node of the client', () => {
    const mesh = createTestMesh();
    mesh.source.apply(world(', internalTrafficPolicy: Local'));
    expect(preferred(mesh, client('n2'))).to.deep.equal(['n2']);
    expect(preferred(mesh, { podName: 'unknown' })).to.deep.equal([]);
    mesh.source.apply(slice({ n2: false }));
    expect(preferred(mesh, client('n2'))).to.deep.equal([]);
  });

  it('tells clients apart no more exactly than some service asks', () => {
    const mesh = createTestMesh();
    mesh.source.apply(world(''));
    const places = () => ['n1', 'n2', 'n3'].map((name) => mesh.keysOf(client(name)).place);
    expect(places()).to.deep.equal([undefined, undefined, undefined]);
    mesh.source.apply(world(', trafficDistribution: PreferClose'));
    expect(places()).to.deep.equal(['region=r1;zone=z1', 'region=r1;zone=z1', 'region=r1;zone=z2']);
    mesh.source.apply(world(', internalTrafficPolicy: Local'));
    expect(places()).to.deep.equal(
      ['n1', 'n2', 'n3'].map((name) => `region=r1;zone=${name === 'n3' ? 'z2' : 'z1'};node=${name}`),
    );
    expect(new Set(['n1', 'n2', 'n3'].map((name) => mesh.keysOf(client(name)).view)).size).to.equal(1);
  });

  it('shows endpoints that end, as draining, to clients that may have a session with them', () => {
    const health = (labels: string) => {
      const mesh = createTestMesh();
      mesh.source.apply(
        world('', `, labels: {${labels}}`) +
          slice({ n1: false }).replace('{ready: false}', '{ready: false, serving: true, terminating: true}'),
      );
      const { view } = mesh.keysOf(client('n1'));
      const key = mesh.flatten(mesh.queries.clusterSlice, mesh.read(mesh.queries.viewClusters, view))[0] ?? '';
      const { localities } = mesh.read(mesh.queries.endpointGroup, endpointKeyOf(key, parseViewKey(view)));
      return localities
        .flatMap(({ endpoints }) => endpoints)
        .map(
          ({ address, healthy, draining }) => `${address} ${draining ? 'draining' : healthy ? 'healthy' : 'unhealthy'}`,
        )
        .sort();
    };
    const others = ['10.0.0.2 healthy', '10.0.0.3 healthy', '10.0.0.4 healthy'];
    expect(health('')).to.deep.equal(others);
    expect(health('istio.io/persistent-session: cookie')).to.deep.equal(['10.0.0.1 draining', ...others]);
    expect(health('istio.io/persistent-session-header: x-session')).to.deep.equal(['10.0.0.1 draining', ...others]);
  });
});
