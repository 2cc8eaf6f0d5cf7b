import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, reviews, serviceObjects } from '../testing/objects.ts';
import { readOutbound } from '../testing/outboundview.ts';
import type { ProxyFacts } from '../types/proxy.ts';

const entry = (name: string, spec: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: ${spec}
${more}
---
`;
const workload = (name: string, spec: string, metadata = '', status = '') => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: default${metadata}}
spec: ${spec}
${status}
---
`;

/** `address:port*weight` of what a cluster has, each locality's after its name. */
function endpointsOf(mesh: TestMesh, cluster: string, proxy: Partial<ProxyFacts> = {}): readonly string[] {
  const outbound = readOutbound(mesh, proxy);
  const { discovery } = outbound.clusters.get(cluster) ?? {};
  if (discovery === undefined) throw new Error(`no cluster ${cluster}`);
  const localities = 'endpoints' in discovery ? discovery.endpoints.localities : outbound.localities(cluster);
  return localities.flatMap(({ locality, weight, endpoints }) => [
    ...(locality.region === '' ? [] : [`${locality.region}/${locality.zone}/${locality.subzone}*${weight}`]),
    ...endpoints.map((one) => {
      const addresses = [one.address, ...one.additionalAddresses].join('+');
      return `${addresses}:${one.port}${one.weight === 1 ? '' : `*${one.weight}`}${one.acceptsMtls ? ' mtls' : ''}`;
    }),
  ]);
}

const http = 'ports: [{number: 80, name: http, protocol: HTTP}]';
const cluster = (host: string, port = 80, subset = '') => `outbound|${port}|${subset}|${host}`;

describe('hosts of ServiceEntries', () => {
  it('share by weights whose sum Envoy would refuse as by smaller ones', () => {
    const mesh = createTestMesh();
    const endpoints = [4_294_967_295, 1, 4_294_967_295].map((weight, at) => ({
      address: `10.9.0.${at + 1}`,
      weight,
      ...(at === 2 ? { locality: 'eu' } : {}),
    }));
    const spec = { hosts: ['big.example.com'], resolution: 'STATIC', ports: [{ number: 80, name: 'http' }], endpoints };
    mesh.source.apply(entry('big', JSON.stringify(spec)));
    expect(endpointsOf(mesh, cluster('big.example.com'))).to.deep.equal([
      '10.9.0.1:80*2147483645',
      '10.9.0.2:80',
      'eu//*2147483645',
      '10.9.0.3:80*2147483645',
    ]);
  });

  it('have the endpoints that they list, with ports, weights, localities and identities of their own', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry(
        'api',
        `{hosts: [api.example.com], resolution: STATIC, location: MESH_INTERNAL,
          ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 81, name: admin, protocol: TCP}],
          endpoints: [
            {address: 10.9.0.1, serviceAccount: api, labels: {version: v1}},
            {address: 10.9.0.2, weight: 3, ports: {http: 9000}, locality: eu/eu-1/rack},
            {address: "fd00::9", labels: {security.istio.io/tlsMode: istio, topology.istio.io/locality: eu.eu-1}},
            {address: 10.9.0.4, serviceAccount: api, labels: {security.istio.io/tlsMode: disabled}},
            {network: far}]}`,
      ),
    );
    expect(endpointsOf(mesh, cluster('api.example.com'))).to.deep.equal([
      '10.9.0.1:8080 mtls',
      '10.9.0.4:8080',
      'eu/eu-1/rack*3',
      '10.9.0.2:9000*3',
    ]);
    expect(endpointsOf(mesh, cluster('api.example.com'), { ipAddresses: ['fd00::1'] })).to.deep.equal([
      'eu/eu-1/*1',
      'fd00::9:8080 mtls',
    ]);
    expect(endpointsOf(mesh, cluster('api.example.com', 81))).to.deep.equal([
      '10.9.0.1:81 mtls',
      '10.9.0.4:81',
      'eu/eu-1/rack*3',
      '10.9.0.2:81*3',
    ]);
    const { clusters } = readOutbound(mesh);
    expect(clusters.get(cluster('api.example.com'))?.tls).to.deep.include({
      kind: 'auto-mtls',
      subjectAltNames: ['spiffe://cluster.local/ns/default/sa/api'],
    });
    expect(clusters.get(cluster('api.example.com'))?.sources.map(({ kind, name }) => `${kind} ${name}`)).to.deep.equal([
      'ServiceEntry api',
    ]);
  });

  it('are cut into subsets by the labels of their endpoints', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      [
        entry(
          'api',
          `{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: 10.9.0.1, labels: {version: v1}}, {address: 10.9.0.2}]}`,
        ),
        `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: default}
spec: {host: api.example.com, subsets: [{name: v1, labels: {version: v1}}]}
`,
      ].join(''),
    );
    expect(endpointsOf(mesh, cluster('api.example.com', 80, 'v1'))).to.deep.equal(['10.9.0.1:80']);
  });

  it('outside of the mesh are spoken to without mesh mTLS, whatever accounts they have', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry(
        'api',
        `{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: 10.9.0.1, serviceAccount: api}]}`,
      ),
    );
    expect(readOutbound(mesh).clusters.get(cluster('api.example.com'))?.tls).to.deep.equal({ kind: 'none' });
  });

  it('show the names that the entry lists to clients that originate TLS without names of their own', () => {
    const mesh = createTestMesh();
    const rule = (tls: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: default}
spec: {host: api.example.com, trafficPolicy: {tls: ${tls}}}
`;
    mesh.source.apply(
      entry(
        'api',
        `{hosts: [api.example.com], resolution: DNS, ${http}, subjectAltNames: [api.example.com, spiffe://other/ns/a/sa/b]}`,
      ),
    );
    const names = () => {
      const tls = readOutbound(mesh).clusters.get(cluster('api.example.com'))?.tls;
      return tls?.kind === 'tls' ? tls.subjectAltNames : undefined;
    };
    mesh.source.apply(rule('{mode: SIMPLE}'));
    expect(names()).to.deep.equal(['api.example.com', 'spiffe://other/ns/a/sa/b']);
    mesh.source.apply(rule('{mode: SIMPLE, subjectAltNames: [mine.example.com]}'));
    expect(names()).to.deep.equal(['mine.example.com']);
  });

  const lookups: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['its own name', 'DNS', '', ['api.example.com:80']],
    [
      'the names that it lists',
      'DNS',
      'endpoints: [{address: a.example.com, ports: {http: 8080}}, {address: 10.0.0.1}]',
      ['a.example.com:8080', '10.0.0.1:80'],
    ],
    ['one name', 'DNS_ROUND_ROBIN', 'endpoints: [{address: a.example.com}]', ['a.example.com:80']],
  ];
  for (const [what, resolution, endpoints, expected] of lookups) {
    it(`are looked up by ${what} with resolution ${resolution}, in the families of the proxy and as often as the mesh says`, () => {
      const mesh = createTestMesh();
      mesh.source.applyMeshConfig({ dnsRefreshRate: '7s' });
      mesh.source.apply(
        entry(
          'api',
          `{hosts: [api.example.com], resolution: ${resolution}, ${http}${endpoints === '' ? '' : `, ${endpoints}`}}`,
        ),
      );
      expect(endpointsOf(mesh, cluster('api.example.com'))).to.deep.equal(expected);
      const lookupOf = (...ipAddresses: readonly string[]) => {
        const { discovery } = readOutbound(mesh, { ipAddresses }).clusters.get(cluster('api.example.com')) ?? {};
        return discovery !== undefined && 'lookup' in discovery ? [discovery.kind, discovery.lookup] : discovery;
      };
      const kind = resolution === 'DNS' ? 'strict-dns' : 'logical-dns';
      expect(lookupOf('10.0.0.1')).to.deep.equal([kind, { families: '4', refreshMs: 7000 }]);
      expect(lookupOf('fd00::1')).to.deep.equal([kind, { families: '6', refreshMs: 7000 }]);
      expect(lookupOf('10.0.0.1', 'fd00::1')).to.deep.equal([kind, { families: '46', refreshMs: 7000 }]);
    });
  }

  it('may be sockets, which have no port', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry(
        'api',
        `{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: unix:///run/api.sock}, {address: unix://@api}]}`,
      ),
    );
    expect(endpointsOf(mesh, cluster('api.example.com'))).to.deep.equal(['unix:///run/api.sock:0', 'unix://@api:0']);
  });

  it('go where the client meant to with resolution NONE, on the port that the entry says', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry(
        'any',
        `{hosts: ["*.example.com"], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 443, name: tls, protocol: TLS}]}`,
      ),
    );
    const { clusters } = readOutbound(mesh);
    const discovery = (port: number) => clusters.get(cluster('*.example.com', port))?.discovery;
    expect(discovery(80)).to.deep.equal({ kind: 'original-dst', port: 8080 });
    expect(discovery(443)).to.deep.equal({ kind: 'original-dst' });
    expect(clusters.get(cluster('*.example.com'))?.loadBalancing).to.equal('PASSTHROUGH');
  });

  it('select ready pods and healthy WorkloadEntries of their namespace', () => {
    const mesh = createTestMesh();
    const pods = (ready: boolean) => [
      { ...podObject({ name: 'a', ip: '10.0.0.1', ip6: 'fd00::1', labels: { app: 'api' } }, 'default') },
      podObject({ name: 'b', ip: '10.0.0.2', labels: { app: 'other' } }, 'default'),
      podObject({ name: 'c', ip: '10.0.0.3', labels: { app: 'api' } }, 'elsewhere'),
      podObject({ name: 'd', ip: '10.0.0.4', labels: { app: 'api' }, ready }, 'default'),
    ];
    const checked = `, annotations: {proxy.istio.io/health-checks-enabled: "true"}`;
    const health = (status: string) => `status: {conditions: [{type: Healthy, status: "${status}"}]}`;
    mesh.source.apply(pods(false));
    mesh.source.apply(
      [
        entry(
          'api',
          `{hosts: [api.internal], resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], workloadSelector: {labels: {app: api}}}`,
        ),
        workload('vm-1', '{address: 10.8.0.1, serviceAccount: vm, labels: {app: api}, ports: {http: 9000}, weight: 5}'),
        workload('vm-2', '{address: 10.8.0.2, labels: {app: other}}', ', labels: {app: api}'),
        workload('vm-3', '{address: 10.8.0.3, labels: {app: api}}', checked),
        workload('vm-4', '{address: 10.8.0.4, labels: {app: api}}', checked, health('True')),
        workload('vm-5', '{address: vm.example.com, labels: {app: api}}'),
        workload('vm-6', '{address: 10.0.0.1, labels: {app: api}}'),
      ].join(''),
    );
    const now = () => endpointsOf(mesh, cluster('api.internal'), { ipAddresses: ['10.0.0.9', 'fd00::9'] });
    expect(now()).to.deep.equal([
      '10.0.0.1+fd00::1:8080 mtls',
      '10.8.0.1:9000*5 mtls',
      '10.8.0.2:8080',
      '10.8.0.4:8080',
    ]);
    mesh.source.apply(pods(true));
    mesh.source.apply(workload('vm-3', '{address: 10.8.0.3, labels: {app: api}}', checked, health('True')));
    mesh.source.apply(workload('vm-4', '{address: 10.8.0.4, labels: {app: api}}', checked, health('False')));
    expect(now()).to.include('10.0.0.4:8080 mtls').and.include('10.8.0.3:8080').and.not.include('10.8.0.4:8080');
    mesh.source.delete('WorkloadEntry', 'default', 'vm-1');
    expect(now()).not.to.include('10.8.0.1:9000*5 mtls');
  });

  it('share their WorkloadEntries with the Services that select them, by number and by name of the target port', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'admin:9090:admin', 'tcp:9091'] }));
    mesh.source.apply(
      [
        workload(
          'vm-1',
          '{address: 10.8.0.1, serviceAccount: vm, labels: {app: reviews, version: v9}, ports: {admin: 1, tcp: 2}}',
        ),
        workload('vm-2', '{address: vm.example.com, labels: {app: reviews}}'),
      ].join(''),
    );
    const host = 'reviews.default.svc.cluster.local';
    expect(endpointsOf(mesh, cluster(host, 9080)))
      .to.include('10.8.0.1:9080 mtls')
      .and.have.lengthOf(4);
    expect(endpointsOf(mesh, cluster(host, 9091))).to.include('10.8.0.1:2 mtls');
    const tls = readOutbound(mesh).clusters.get(cluster(host, 9080))?.tls;
    expect(tls?.kind === 'auto-mtls' && tls.subjectAltNames).to.include('spiffe://cluster.local/ns/default/sa/vm');
    const sources = mesh.read(mesh.queries.endpointGroup, `service=default/${host};port=9080`).sources;
    expect(sources.map(({ kind, name }) => `${kind} ${name}`)).to.deep.equal(['WorkloadEntry vm-1']);
  });

  it('add endpoints and ports to a Service of the same name, which stays what Kubernetes says it is', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const host = 'reviews.default.svc.cluster.local';
    mesh.source.apply(
      entry(
        'more',
        `{hosts: [${host}], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 9080, name: http, protocol: TCP}, {number: 1, name: more, protocol: TCP}], endpoints: [{address: 10.9.0.1}]}`,
      ),
    );
    expect(endpointsOf(mesh, cluster(host, 9080)))
      .to.include('10.9.0.1:9080')
      .and.have.lengthOf(4);
    expect(endpointsOf(mesh, cluster(host, 1))).to.deep.equal(['10.9.0.1:1']);
    expect(readOutbound(mesh).clusters.get(cluster(host, 9080))?.protocol).to.equal('http1');
    mesh.source.apply(
      entry('more', `{hosts: [${host}], resolution: DNS, ports: [{number: 1, name: more, protocol: TCP}]}`),
    );
    expect([...readOutbound(mesh).clusters.keys()]).not.to.include(cluster(host, 1));
  });

  it('of several entries of one namespace are one, the oldest leading', () => {
    const mesh = createTestMesh();
    const declare = (name: string, port: number, protocol: string, address: string) =>
      entry(
        name,
        `{hosts: [api.example.com], resolution: STATIC, ports: [{number: ${port}, name: p${port}, protocol: ${protocol}}, {number: 90, name: p90, protocol: ${protocol}}], endpoints: [{address: ${address}}]}`,
      );
    mesh.source.apply(declare('zz-old', 80, 'HTTP', '10.9.0.1'));
    mesh.source.apply(declare('aa-young', 81, 'TCP', '10.9.0.2'));
    const { clusters } = readOutbound(mesh);
    expect([80, 81, 90].map((port) => clusters.get(cluster('api.example.com', port))?.protocol)).to.deep.equal([
      'http1',
      'tcp',
      'http1',
    ]);
    expect(endpointsOf(mesh, cluster('api.example.com', 90))).to.deep.equal(['10.9.0.1:90', '10.9.0.2:90']);
    expect(endpointsOf(mesh, cluster('api.example.com', 81))).to.deep.equal(['10.9.0.2:81']);
  });

  it('belong to the oldest namespace that declares them, unless a client declares them itself or sees one that only few do', () => {
    const mesh = createTestMesh();
    const declare = (namespace: string, address: string, more = '') =>
      entry(
        'api',
        `{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: ${address}}]${more}}`,
      ).replace('namespace: default', `namespace: ${namespace}`);
    mesh.source.apply(declare('first', '10.9.0.1'));
    mesh.source.apply(declare('second', '10.9.0.2'));
    const seen = (namespace: string) => endpointsOf(mesh, cluster('api.example.com'), { namespace });
    expect([seen('first'), seen('second'), seen('third')]).to.deep.equal([
      ['10.9.0.1:80'],
      ['10.9.0.2:80'],
      ['10.9.0.1:80'],
    ]);
    mesh.source.apply(declare('third', '10.9.0.3', ', exportTo: ["."]'));
    mesh.source.apply(declare('fourth', '10.9.0.4', ', exportTo: [second, sixth]'));
    mesh.source.apply(declare('fifth', '10.9.0.5', ', exportTo: ["~"]'));
    expect(['first', 'second', 'third', 'fourth', 'fifth', 'sixth'].map(seen)).to.deep.equal([
      ['10.9.0.1:80'],
      ['10.9.0.2:80'],
      ['10.9.0.3:80'],
      ['10.9.0.1:80'],
      ['10.9.0.1:80'],
      ['10.9.0.4:80'],
    ]);
    const hosts = (namespace: string) =>
      (readOutbound(mesh, { namespace }).tables.get('80') ?? []).filter(({ name }) => name === 'api.example.com:80');
    expect(hosts('sixth').map(({ sources }) => sources.map(({ namespace }) => namespace))).to.deep.equal([['fourth']]);
    mesh.source.delete('ServiceEntry', 'first', 'api');
    expect(seen('first')).to.deep.equal(['10.9.0.2:80']);
  });

  it('stay one where rules and routes make clients see them differently', () => {
    const mesh = createTestMesh();
    const declare = (namespace: string, address: string) =>
      entry(
        'api',
        `{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: ${address}}]}`,
      ).replace('namespace: default', `namespace: ${namespace}`);
    mesh.source.apply(declare('first', '10.9.0.1'));
    mesh.source.apply(declare('second', '10.9.0.2'));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: second}
spec: {host: api.example.com, exportTo: ["."], trafficPolicy: {loadBalancer: {simple: RANDOM}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: second}
spec:
  hosts: [api.example.com]
  http: [{match: [{sourceLabels: {app: a}}], route: [{destination: {host: api.example.com}}]}, {directResponse: {status: 418}}]
`);
    const addresses = { first: '10.9.0.1:80', second: '10.9.0.2:80', third: '10.9.0.1:80' };
    for (const [namespace, address] of Object.entries(addresses)) {
      expect(endpointsOf(mesh, cluster('api.example.com'), { namespace })).to.deep.equal([address]);
      const hosts = readOutbound(mesh, { namespace }).tables.get('80') ?? [];
      expect(hosts.map(({ name }) => name)).to.deep.equal(['api.example.com:80', 'allow_any']);
    }
  });

  it('take the name of a Service from nobody but the clients of their own namespace', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry(
        'thief',
        `{hosts: [reviews.default.svc.cluster.local], resolution: STATIC, ${http}, endpoints: [{address: 10.9.0.1}]}`,
      ).replace('namespace: default', 'namespace: thieves'),
    );
    mesh.source.apply(serviceObjects(reviews));
    const host = 'reviews.default.svc.cluster.local';
    const clustersFor = (namespace: string) =>
      [...readOutbound(mesh, { namespace }).clusters.keys()].filter((name) => name.endsWith(`|${host}`));
    for (const namespace of ['default', 'elsewhere']) {
      expect(clustersFor(namespace)).to.include(cluster(host, 9080)).and.not.include(cluster(host, 80));
    }
    expect(clustersFor('thieves')).to.deep.equal([cluster(host, 80)]);
  });

  it('are served by the sidecars of the pods that they select', () => {
    const mesh = createTestMesh();
    mesh.source.apply([podObject({ name: 'a', ip: '10.0.0.1', labels: { app: 'api' } }, 'default')]);
    mesh.source.apply(
      entry(
        'api',
        `{hosts: [api.internal], resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], workloadSelector: {labels: {app: api}}}`,
      ),
    );
    const { class: key = '' } = mesh.keysOf({ podName: 'a' });
    expect(mesh.read(mesh.queries.inboundClusters, key).map(({ name }) => name)).to.deep.include({
      direction: 'inbound',
      port: 8080,
    });
  });

  it('are served outside of Kubernetes as the WorkloadEntry of the proxy says: its labels, its ports, its place', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080'] }));
    mesh.source.apply(
      [
        entry(
          'api',
          `{hosts: [api.internal], resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 80, name: web, protocol: HTTP}], workloadSelector: {labels: {app: reviews}}}`,
        ),
        workload(
          'vm',
          '{address: 10.8.0.1, serviceAccount: vm, network: vms, labels: {app: reviews}, ports: {http: 1, web: 3}}',
        ),
        workload('other', '{address: 10.8.0.1, serviceAccount: other, network: vms, labels: {app: other}}'),
      ].join(''),
    );
    const served = (facts: Partial<ProxyFacts>) => {
      const { class: key = '' } = mesh.keysOf({ podName: 'machine', ipAddresses: ['10.8.0.1'], ...facts });
      return mesh
        .read(mesh.queries.inboundClusters, key)
        .flatMap(({ name }) => (name.direction === 'inbound' ? [name.port] : []));
    };
    expect(served({ serviceAccount: 'vm', network: 'vms' })).to.deep.equal([1, 3]);
    expect(served({ serviceAccount: 'vm' }), 'another network').to.deep.equal([]);
    expect(served({ serviceAccount: 'nobody', network: 'vms' }), 'another identity').to.deep.equal([]);
    expect(served({ serviceAccount: 'vm', network: 'vms', podName: 'reviews-v1-1' }), 'a pod').to.deep.equal([
      80, 9080,
    ]);
  });

  it('cost nothing to others: a changed endpoint rebuilds its own group alone', () => {
    const mesh = createTestMesh();
    const declare = (name: string, address: string) =>
      entry(name, `{hosts: [${name}.example.com], resolution: STATIC, ${http}, endpoints: [{address: ${address}}]}`);
    mesh.source.apply([...Array(20).keys()].map((at) => declare(`api-${at}`, `10.9.0.${at}`)).join(''));
    for (let at = 0; at < 20; at += 1) endpointsOf(mesh, cluster(`api-${at}.example.com`));
    mesh.countComputed();
    mesh.source.apply(declare('api-7', '10.9.1.7'));
    for (let at = 0; at < 20; at += 1) endpointsOf(mesh, cluster(`api-${at}.example.com`));
    expect(mesh.countComputed()).to.deep.equal({ endpointGroup: 1, serviceEndpoints: 1 });
  });
});
