import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { serviceObjects } from '../testing/objects.ts';

const namespaces = Array.from({ length: 200 }, (_, at) => `ns-${at}`);
const port = ['http:80', 'tcp:5432'];

/** Every namespace imports itself, two single hosts of its neighbour and a part of another. */
const sidecarOf = (at: number, more = '') => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ns-${at}}
spec:
  egress:
  - hosts:
    - ./*
    - ns-${(at + 1) % 200}/a.ns-${(at + 1) % 200}.svc.cluster.local
    - ns-${(at + 1) % 200}/b.ns-${(at + 1) % 200}.svc.cluster.local
    - ns-${(at + 2) % 200}/*.svc.cluster.local
    ${more}
`;
const service = (name: string, at: number) =>
  serviceObjects({ name, namespace: `ns-${at}`, address: `10.96.${at}.${name.charCodeAt(0)}`, ports: port });
const route = (namespace: string, host: string, weight: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${host}, namespace: ${namespace}}
spec:
  hosts: [${host}.${namespace}.svc.cluster.local]
  http: [{route: [{destination: {host: ${host}}, weight: ${weight}}, {destination: {host: b}, weight: 1}]}]
`;

describe('what a change costs among 200 namespaces with a Sidecar each', () => {
  let mesh: TestMesh;
  let views: readonly string[];

  const readAll = () => {
    const { queries } = mesh;
    for (const view of views) {
      for (const key of mesh.flatten(queries.clusterSlice, mesh.read(queries.viewClusters, view)))
        mesh.read(queries.cluster, key);
      for (const key of mesh.flatten(queries.listenerSlice, mesh.read(queries.viewListeners, view)))
        mesh.read(queries.listener, key);
      for (const key of mesh.read(queries.viewRouteTables, view)) {
        for (const host of mesh.flatten(queries.routeSlice, mesh.read(queries.routeTable, key)))
          mesh.read(queries.virtualHost, host);
      }
    }
  };
  const costOf = (change: () => void): Readonly<Record<string, number>> => {
    mesh.countComputed();
    change();
    readAll();
    return mesh.countComputed();
  };

  before(function () {
    this.timeout(60_000);
    mesh = createTestMesh();
    mesh.source.apply(namespaces.flatMap((_, at) => [...'abcde'].flatMap((name) => service(name, at))));
    mesh.source.apply(namespaces.map((_, at) => sidecarOf(at)).join('---'));
    mesh.source.apply(route('ns-7', 'a', 1));
    views = namespaces.map((namespace) => mesh.keysOf({ namespace }).view);
    readAll();
  });

  it('is three lists for a service that comes, and nothing for views that do not import it', () => {
    const cost = costOf(() => mesh.source.apply(service('f', 50)));
    // ns-50 sees it as its own and ns-48 by a wildcard; ns-49 imports two hosts by name and is not concerned.
    expect(cost.viewClusters ?? 0).to.equal(0);
    expect(cost.clusterSlice, 'the whole namespace, and the part of it that a wildcard names').to.equal(2);
    expect(cost.cluster).to.equal(2);
    expect(cost.virtualHost).to.equal(2);
    expect(cost.egressServices ?? 0).to.equal(0);
    expect(cost.egressPlan ?? 0).to.equal(0);
  });

  it('is the views that name it for a port that comes', () => {
    const grown = serviceObjects({
      name: 'a',
      namespace: 'ns-60',
      address: '10.96.60.97',
      ports: [...port, 'http-b:81'],
    });
    const cost = costOf(() => mesh.source.apply(grown));
    expect(cost.viewClusters, 'ns-59 names it').to.equal(1);
    expect(cost.egressPlan, 'ns-58, ns-59 and ns-60 have one more port').to.equal(3);
    expect(cost.cluster, 'the clusters of that service').to.equal(3);
  });

  it('is its host alone for a weight', () => {
    const cost = costOf(() => mesh.source.apply(route('ns-7', 'a', 5)));
    expect(cost.virtualHost).to.be.lessThan(3);
    for (const query of ['egressRoutes', 'egressServices', 'scopeServices', 'egressPlan', 'viewClusters', 'routeTable'])
      expect(cost[query] ?? 0, query).to.equal(0);
  });

  it('is the views that import its namespace for a VirtualService that comes', () => {
    const cost = costOf(() => mesh.source.apply(route('ns-9', 'b', 1)));
    expect(cost.importedRoutes, 'ns-7, ns-8 and ns-9 import ns-9').to.equal(3);
    expect(cost.viewClusters ?? 0).to.equal(0);
    expect(cost.egressPlan ?? 0).to.equal(0);
    expect(cost.virtualHost).to.be.lessThan(3);
  });

  it('is its own view for a Sidecar that changes', () => {
    const cost = costOf(() => mesh.source.apply(sidecarOf(100, '- ns-0/*')));
    expect(cost.sidecarScope).to.equal(1);
    expect(cost.viewClusters).to.equal(1);
    expect(cost.viewListeners).to.equal(1);
    expect(cost.routeTable, 'one table').to.equal(1);
    expect(cost.cluster ?? 0, 'others have built them').to.equal(0);
  });
});
