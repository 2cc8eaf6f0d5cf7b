import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import type { ProxyFacts } from '../types/proxy.ts';

/** `hostname: addresses` of everything that a client may resolve; of two parts with a name the first counts. */
function resolve(mesh: TestMesh, client: Partial<ProxyFacts> = {}): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const part of mesh.read(mesh.queries.viewNames, mesh.keysOf(client).view)) {
    for (const { hostname, addresses } of mesh.read(mesh.queries.names, part)) names[hostname] ??= addresses.join();
  }
  return names;
}

const database = (ready: readonly boolean[], annotations?: Readonly<Record<string, string>>) => {
  const pods = ready.map((isReady, at) => ({
    name: `db-${at}`,
    ip: `10.1.0.${at}`,
    ip6: `fd00::${at}`,
    labels: {},
    ready: isReady,
  }));
  const objects = serviceObjects({ name: 'db', ports: ['tcp:5432'], pods, ...(annotations ? { annotations } : {}) });
  return objects.map((object) =>
    'endpoints' in object
      ? { ...object, endpoints: object.endpoints.map((endpoint, at) => ({ ...endpoint, hostname: `db-${at}` })) }
      : object,
  );
};

describe('names', () => {
  let mesh: TestMesh;

  beforeEach(() => {
    mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
  });

  it('are hostnames of visible services with their virtual addresses, of the families that the client has', () => {
    mesh.source.apply(
      serviceObjects({
        name: 'dual',
        namespace: 'shop',
        address: '10.96.0.11',
        address6: 'fd00::11',
        ports: ['http:80'],
      }),
    );
    const reviewsOnly = { 'reviews.default.svc.cluster.local': '10.96.0.10' };
    expect(resolve(mesh)).to.deep.equal({ ...reviewsOnly, 'dual.shop.svc.cluster.local': '10.96.0.11' });
    expect(resolve(mesh, { ipAddresses: ['10.0.0.1', 'fd00::1'] })).to.deep.equal({
      ...reviewsOnly,
      'dual.shop.svc.cluster.local': '10.96.0.11,fd00::11',
    });
    expect(resolve(mesh, { ipAddresses: ['fd00::1'] })).to.deep.equal({ 'dual.shop.svc.cluster.local': 'fd00::11' });
    const all = mesh
      .read(mesh.queries.viewNames, mesh.keysOf({}).view)
      .flatMap((part) => mesh.read(mesh.queries.names, part));
    expect(all.find(({ hostname }) => hostname.startsWith('reviews'))).to.deep.include({
      registry: 'Kubernetes',
      short: { name: 'reviews', namespace: 'default' },
    });
  });

  it('stand for the ready pods of a headless Service, and each pod by its own hostname', () => {
    mesh.source.apply(database([true, true, false]));
    expect(resolve(mesh)).to.deep.include({
      'db.default.svc.cluster.local': '10.1.0.0,10.1.0.1',
      'db-0.db.default.svc.cluster.local': '10.1.0.0',
      'db-1.db.default.svc.cluster.local': '10.1.0.1',
    });
    expect(resolve(mesh)).not.to.have.property('db-2.db.default.svc.cluster.local');
    expect(resolve(mesh, { ipAddresses: ['10.0.0.1', 'fd00::1'] })).to.deep.include({
      'db-0.db.default.svc.cluster.local': '10.1.0.0,fd00::0',
    });
    mesh.source.apply(database([false, false, false]));
    expect(Object.keys(resolve(mesh))).to.deep.equal(['reviews.default.svc.cluster.local']);
  });

  it('follow a client’s cluster: each has virtual addresses and pods of its own', () => {
    mesh.east.apply([...serviceObjects({ ...reviews, address: '10.97.0.10' }), ...database([true])]);
    expect(resolve(mesh)).to.include({ 'reviews.default.svc.cluster.local': '10.96.0.10' });
    expect(resolve(mesh)).not.to.have.property('db.default.svc.cluster.local');
    expect(resolve(mesh, { clusterId: 'east', network: 'net-east' })).to.deep.include({
      'reviews.default.svc.cluster.local': '10.97.0.10',
      'db.default.svc.cluster.local': '10.1.0.0',
    });
  });

  it('keep to what is exported to the client, and to what its Sidecar imports', () => {
    mesh.source.apply([
      ...serviceObjects({ name: 'a', namespace: 'shop', address: '10.96.1.1', ports: ['http:80'] }),
      ...serviceObjects({ name: 'b', namespace: 'shop', address: '10.96.1.2', ports: ['http:80'] }),
      ...serviceObjects({
        name: 'secret',
        namespace: 'shop',
        address: '10.96.1.3',
        ports: ['http:80'],
        annotations: { 'networking.istio.io/exportTo': '.' },
      }),
    ]);
    expect(Object.keys(resolve(mesh, { namespace: 'shop' }))).to.include('secret.shop.svc.cluster.local');
    expect(Object.keys(resolve(mesh)))
      .to.include('a.shop.svc.cluster.local')
      .and.not.include('secret.shop.svc.cluster.local');
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{hosts: [./*, shop/a.shop.svc.cluster.local]}]}
`);
    expect(Object.keys(resolve(mesh)).sort()).to.deep.equal([
      'a.shop.svc.cluster.local',
      'reviews.default.svc.cluster.local',
    ]);
  });

  it('are hosts of ServiceEntries: with their addresses, those allocated for them, and under wildcards', () => {
    const entry = (name: string, spec: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: shop}
spec: {ports: [{number: 80, name: http, protocol: HTTP}], ${spec}}
${more}
---
`;
    const allocated = (host: string) =>
      `status: {addresses: [{value: 240.240.0.1, host: "${host}"}, {value: "2001:2::1", host: "${host}"}]}`;
    mesh.source.apply(
      [
        entry('given', 'hosts: [given.example.com], addresses: [10.7.0.1, 10.8.0.0/16], resolution: STATIC'),
        entry('blocks', 'hosts: [blocks.example.com], addresses: [10.8.0.0/16], resolution: NONE'),
        entry('allocated', 'hosts: [api.example.com], resolution: DNS', allocated('api.example.com')),
        entry('wild', 'hosts: ["*.wild.example"], resolution: DYNAMIC_DNS', allocated('*.wild.example')),
        entry('none', 'hosts: [none.example.com], resolution: DNS'),
        entry('decorating', 'hosts: [reviews.default.svc.cluster.local], addresses: [10.7.0.2], resolution: STATIC'),
        entry(
          'few',
          'hosts: [given.example.com], addresses: [10.7.0.9], resolution: STATIC, exportTo: [special]',
        ).replace('namespace: shop', 'namespace: other'),
      ].join(''),
    );
    const everybody = {
      'given.example.com': '10.7.0.1',
      'api.example.com': '240.240.0.1',
      '*.wild.example': '240.240.0.1',
      'reviews.default.svc.cluster.local': '10.96.0.10',
    };
    expect(resolve(mesh)).to.deep.equal(everybody);
    expect(resolve(mesh, { namespace: 'special' })).to.deep.equal({ ...everybody, 'given.example.com': '10.7.0.9' });
    expect(resolve(mesh, { ipAddresses: ['fd00::1'] })).to.deep.equal({
      'api.example.com': '2001:2::1',
      '*.wild.example': '2001:2::1',
    });
  });

  it('leave names that are another service’s to whoever serves the target', () => {
    mesh.source.apply(`
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: default}
spec: {type: ExternalName, externalName: api.example.com, ports: [{name: http, port: 80}]}
`);
    expect(Object.keys(resolve(mesh))).to.deep.equal(['reviews.default.svc.cluster.local']);
  });

  it('cost what changes: parts are shared by all views, and a change makes one of them anew', () => {
    const namespaces = Array.from({ length: 50 }, (_, at) => `ns-${at}`);
    mesh.source.apply(
      namespaces.flatMap((namespace, at) =>
        serviceObjects({ name: 'web', namespace, address: `10.96.2.${at}`, ports: ['http:80'] }),
      ),
    );
    for (const namespace of namespaces) resolve(mesh, { namespace });
    mesh.countComputed();
    mesh.source.apply(serviceObjects({ name: 'web', namespace: 'ns-7', address: '10.96.3.7', ports: ['http:80'] }));
    for (const namespace of namespaces) {
      expect(resolve(mesh, { namespace })).to.include({ 'web.ns-7.svc.cluster.local': '10.96.3.7' });
    }
    expect(mesh.countComputed()).to.include({ names: 1 }).and.not.have.property('viewNames');
    // Endpoints are nothing that a virtual address depends on.
    mesh.source.apply(
      serviceObjects({
        name: 'web',
        namespace: 'ns-7',
        address: '10.96.3.7',
        ports: ['http:80'],
        pods: [{ name: 'web-1', ip: '10.1.1.1', labels: {} }],
      }),
    );
    for (const namespace of namespaces) resolve(mesh, { namespace });
    expect(mesh.countComputed()).not.to.have.property('names');
  });
});
