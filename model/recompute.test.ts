import { expect } from 'chai';
import { endpointKeyOf, parseViewKey } from './keys.ts';
import { listenerRouteTable } from './outbound/listeners.ts';
import { createTestMesh, type TestMesh } from './testing/mesh.ts';
import { podObject, serviceObjects, type TestService } from './testing/objects.ts';

const services: readonly TestService[] = Array.from({ length: 1000 }, (_, at) => ({
  name: `svc-${at}`,
  namespace: `ns-${at % 20}`,
  address: `10.96.${Math.floor(at / 250)}.${at % 250}`,
  ports: ['http:80', 'tcp:5432'],
  pods: [0, 1].map((pod) => ({
    name: `svc-${at}-${pod}`,
    ip: `10.${pod}.${Math.floor(at / 250)}.${at % 250}`,
    labels: { app: `svc-${at}`, version: `v${pod}` },
  })),
}));

/** Computes everything that two views and a class are made of. */
function readAll(mesh: TestMesh): void {
  const { queries } = mesh;
  for (const namespace of ['ns-1', 'ns-2']) {
    const keys = mesh.keysOf({ namespace, podName: 'svc-1-0' });
    const view = parseViewKey(keys.view);
    for (const key of mesh.flatten(queries.clusterSlice, mesh.read(queries.viewClusters, keys.view))) {
      mesh.read(queries.cluster, key);
      mesh.read(queries.endpointGroup, endpointKeyOf(key, view));
    }
    const tables = [...mesh.read(queries.viewRouteTables, keys.view)];
    for (const key of mesh.flatten(queries.listenerSlice, mesh.read(queries.viewListeners, keys.view))) {
      mesh.read(queries.listener, key);
      const table = listenerRouteTable(key);
      if (table !== undefined) tables.push(table);
    }
    for (const key of tables) {
      const table = mesh.read(queries.routeTable, key);
      for (const host of mesh.flatten(queries.routeSlice, table)) mesh.read(queries.virtualHost, host);
    }
    if (keys.class !== undefined) mesh.read(queries.inboundListeners, keys.class);
  }
}

const virtualService = (weight: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: svc-7, namespace: ns-7}
spec:
  hosts: [svc-7]
  http: [{route: [{destination: {host: svc-7, subset: a}, weight: ${weight}}, {destination: {host: svc-7}, weight: 1}]}]
`;

describe('what a change costs among 1,000 services', () => {
  let mesh: TestMesh;

  const costOf = (change: () => void): Readonly<Record<string, number>> => {
    mesh.countComputed();
    change();
    readAll(mesh);
    return mesh.countComputed();
  };

  before(function () {
    this.timeout(60_000);
    mesh = createTestMesh();
    mesh.source.apply(services.flatMap((service) => serviceObjects(service)));
    mesh.source.apply(virtualService(1));
    readAll(mesh);
  });

  it('is nothing when an object is written again as it was', () => {
    const [first] = services;
    if (first === undefined) throw new Error('a service is needed');
    expect(costOf(() => mesh.source.apply(serviceObjects(first)))).to.deep.equal({});
    expect(costOf(() => mesh.source.apply(virtualService(1)))).to.deep.equal({});
  });

  it('is that service alone when an endpoint comes', () => {
    const service = services[5];
    if (service === undefined) throw new Error('a service is needed');
    const grown = {
      ...service,
      pods: [...(service.pods ?? []), { name: 'new', ip: '10.9.9.9', labels: { app: 'svc-5' } }],
    };
    const cost = costOf(() => {
      mesh.source.apply(serviceObjects(grown));
    });
    expect(cost.endpointGroup).to.equal(2);
    expect(cost.serviceEndpoints).to.equal(1);
    const total = Object.values(cost).reduce((sum, count) => sum + count, 0);
    expect(total, JSON.stringify(cost)).to.be.lessThan(12);
  });

  it('is nothing when only what nobody reads changes: status, managed fields, labels and annotations of other tools', () => {
    const pod = podObject({ name: 'svc-1-0', ip: '10.0.0.1', labels: { app: 'svc-1', version: 'v0' } }, 'ns-1');
    const tracking =
      'metadata: {name: svc-7, namespace: ns-7, annotations: {argocd.argoproj.io/tracking-id: x}, labels: {app.kubernetes.io/instance: y}}';
    const cost = costOf(() => {
      mesh.source.apply([{ ...pod, metadata: { ...pod.metadata, annotations: { seen: 'today' } } }]);
      mesh.source.apply(
        `${virtualService(1).replace(/metadata: .*/, tracking)}status: {conditions: [{type: Accepted}]}\n`,
      );
    });
    expect(cost).to.deep.equal({});
  });

  it('is its host alone when a VirtualService changes', () => {
    const cost = costOf(() => mesh.source.apply(virtualService(9)));
    // As clients of two other namespaces see it, which is the same host once.
    expect(cost.virtualHost).to.equal(1);
    expect(cost.routeTable ?? 0).to.equal(0);
    expect(cost.cluster ?? 0).to.equal(0);
    const total = Object.values(cost).reduce((sum, count) => sum + count, 0);
    expect(total, JSON.stringify(cost)).to.be.lessThan(12);
  });

  it('is its clusters and the lists of its namespace when a DestinationRule comes', () => {
    const cost = costOf(() =>
      mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: svc-7, namespace: ns-7}
spec: {host: svc-7, subsets: [{name: a, labels: {version: v0}}]}
`),
    );
    expect(cost.cluster).to.equal(4);
    expect(cost.endpointGroup).to.equal(4);
    expect(cost.clusterSlice, 'one namespace of twenty').to.equal(1);
    expect(cost.virtualHost ?? 0).to.equal(0);
  });

  it('is its own resources and the lists of its namespace when a service comes', () => {
    const cost = costOf(() =>
      mesh.source.apply(serviceObjects({ name: 'new', namespace: 'ns-3', address: '10.97.0.1', ports: ['http:80'] })),
    );
    expect(cost.cluster).to.equal(1);
    expect(cost.virtualHost).to.equal(1);
    expect(cost.clusterSlice).to.equal(1);
    expect(cost.routeSlice).to.equal(1);
    const total = Object.values(cost).reduce((sum, count) => sum + count, 0);
    expect(total, JSON.stringify(cost)).to.be.lessThan(40);
  });
});
