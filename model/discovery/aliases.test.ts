import { expect } from 'chai';
import { readCompositionKeys } from '../composition.ts';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { serviceObjects } from '../testing/objects.ts';

const externalName = (name: string, target: string, namespace = 'default') => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {type: ExternalName, externalName: ${target}, ports: [{name: http, port: 1234}]}
---`;
const web = 'web.shop.svc.cluster.local';

function meshWithWeb(): TestMesh {
  const mesh = createTestMesh();
  mesh.source.apply(serviceObjects({ name: 'web', namespace: 'shop', address: '10.96.0.1', ports: ['http:80'] }));
  return mesh;
}

/** Domains by virtual host of the table of port 80, as a client of the namespace sees it. */
function domainsFrom(mesh: TestMesh, namespace: string): Readonly<Record<string, readonly string[]>> {
  const { view } = mesh.keysOf({ namespace });
  const tables = mesh.read(mesh.queries.viewRouteTables, view).filter((key) => key.includes('port=80'));
  const hosts = tables.flatMap((key) =>
    readCompositionKeys(mesh.graph, mesh.queries.routeSlice, mesh.read(mesh.queries.routeTable, key)),
  );
  return Object.fromEntries(
    hosts.map((key) => {
      const { name, domains } = mesh.read(mesh.queries.virtualHost, key);
      return [name, domains];
    }),
  );
}

describe('a Service of type ExternalName', () => {
  it('is another name of the service in the mesh that it names, short for clients of its own namespace only', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(externalName('shop-web', web));
    const alias = 'shop-web.default.svc.cluster.local';
    const shared = [alias, `${alias}.`, 'shop-web.default', 'shop-web.default.svc'];
    expect(domainsFrom(mesh, 'elsewhere')[`${web}:80`]).to.deep.equal([
      ...[web, `${web}.`, 'web.shop', 'web.shop.svc'],
      ...shared,
      '10.96.0.1',
    ]);
    expect(domainsFrom(mesh, 'default')[`${web}:80`]).to.include('shop-web').and.not.include('web');
    expect(domainsFrom(mesh, 'shop')[`${web}:80`]).to.include('web').and.not.include('shop-web');
  });

  it('is nothing by itself: no cluster, no listener, no port', () => {
    const mesh = meshWithWeb();
    const { view } = mesh.keysOf({});
    const seen = () => [
      mesh.flatten(mesh.queries.clusterSlice, mesh.read(mesh.queries.viewClusters, view)),
      mesh.flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view)),
      mesh.read(mesh.queries.viewHttpPorts, view),
    ];
    const before = seen();
    mesh.source.apply(externalName('inside', web) + externalName('outside', 'db.example.com'));
    expect(seen()).to.deep.equal(before);
  });

  it('leads through other aliases, and nowhere when they go round in circles', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(
      externalName('one', 'two.default.svc.cluster.local') +
        externalName('two', web) +
        externalName('a', 'b.default.svc.cluster.local') +
        externalName('b', 'a.default.svc.cluster.local'),
    );
    expect(domainsFrom(mesh, 'x')[`${web}:80`]).to.include.members(['one.default.svc', 'two.default.svc']);
    const concrete = (name: string) => mesh.read(mesh.queries.concreteHost, `${name}.default.svc.cluster.local`);
    expect(concrete('one')).to.equal(web);
    expect(concrete('a')).to.equal(undefined);
    mesh.source.delete('Service', 'default', 'two');
    expect(domainsFrom(mesh, 'x')[`${web}:80`]).to.not.include('one.default.svc');
    expect(concrete('one')).to.equal('two.default.svc.cluster.local');
  });

  it('stands for its service as a destination', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(serviceObjects({ name: 'front', address: '10.96.0.2', ports: ['http:80'] }));
    mesh.source.apply(`${externalName('shop-web', `${web}.`)}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: default}
spec: {hosts: [front], http: [{route: [{destination: {host: shop-web}}]}]}
`);
    const { view } = mesh.keysOf({});
    const [table = ''] = mesh.read(mesh.queries.viewRouteTables, view);
    const keys = readCompositionKeys(mesh.graph, mesh.queries.routeSlice, mesh.read(mesh.queries.routeTable, table));
    const front = keys
      .map((key) => mesh.read(mesh.queries.virtualHost, key))
      .find(({ name }) => name.startsWith('front'));
    expect(front?.routes[0]?.action).to.deep.include({
      clusters: [{ cluster: { direction: 'outbound', port: 80, subset: '', hostname: web }, weight: 1 }],
    });
    expect(mesh.read(mesh.queries.diagnostics, 'VirtualService/Kubernetes/default/front')).to.deep.equal([]);
  });

  it('has no virtual host of its own where its service stands, whatever routes it', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(`${externalName('shop-web', web)}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: alias, namespace: default}
spec: {hosts: [shop-web], http: [{route: [{destination: {host: ${web}}}]}]}
`);
    const named = Object.values(domainsFrom(mesh, 'default')).flat();
    expect(named.filter((name) => name === 'shop-web.default.svc.cluster.local')).to.have.length(1);
  });
});
