import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import { describeListener, readOutbound } from '../testing/outboundview.ts';
import type { ProxyFacts } from '../types/proxy.ts';

const entry = (name: string, spec: string, namespace = 'default') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---
`;
const virtualService = (name: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec: ${spec}
---
`;
const port = (number: number, protocol: string) => `ports: [{number: ${number}, name: p, protocol: ${protocol}}]`;

function meshOf(...documents: readonly string[]): TestMesh {
  const mesh = createTestMesh();
  for (const document of documents) mesh.source.apply(document);
  return mesh;
}

const chains = (mesh: TestMesh, listener: string, proxy: Partial<ProxyFacts> = {}) =>
  describeListener(readOutbound(mesh, proxy).listeners.get(listener));
const names = (mesh: TestMesh, proxy: Partial<ProxyFacts> = {}) =>
  [...readOutbound(mesh, proxy).listeners.keys()].sort();

describe('listeners of ServiceEntries', () => {
  it('tell TLS servers without addresses apart by name, and let others pass', () => {
    const mesh = meshOf(
      entry(
        'a',
        `{hosts: [a.example.com, "*.b.example.com"], resolution: DNS, endpoints: [{address: x.example.com}], ${port(443, 'TLS')}}`,
      ),
      entry('c', `{hosts: [c.example.com], ${port(443, 'HTTPS')}}`),
      entry('partial', `{hosts: ["*-d.example.com"], ${port(443, 'HTTPS')}}`),
    );
    expect(chains(mesh, '0.0.0.0_443')).to.deep.equal([
      'sni:*.b.example.com -> outbound|443||*.b.example.com',
      'sni:a.example.com -> outbound|443||a.example.com',
      'sni:c.example.com -> outbound|443||c.example.com',
      '* -> PassthroughCluster',
    ]);
    const listener = readOutbound(mesh).listeners.get('0.0.0.0_443');
    expect([listener?.tlsInspector, listener?.httpInspector]).to.deep.equal([true, false]);
  });

  it('block what nobody declares where the mesh says so', () => {
    const mesh = meshOf(entry('a', `{hosts: [a.example.com], ${port(443, 'TLS')}}`));
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    expect(chains(mesh, '0.0.0.0_443').at(-1)).to.equal('* -> BlackHoleCluster');
  });

  it('look up the hosts of requests that nobody declares where the mesh says so, and let no connection wait for that', () => {
    const mesh = meshOf(
      entry('a', `{hosts: [a.example.com], ${port(443, 'TLS')}}`),
      entry('db', `{hosts: [db.example.com], addresses: [10.6.0.0/16], ${port(443, 'TCP')}}`),
    );
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } });
    expect(chains(mesh, '0.0.0.0_443')).to.deep.equal([
      'sni:a.example.com -> outbound|443||a.example.com',
      '10.6.0.0/16 -> outbound|443||db.example.com',
      'raw_buffer -> http allow_any_dynamic_dns by name',
      '* -> PassthroughCluster',
    ]);
    const { tlsInspector, httpInspector, detectionTimeoutMs } = readOutbound(mesh).listeners.get('0.0.0.0_443') ?? {};
    expect([tlsInspector, httpInspector]).to.deep.equal([true, true]);
    expect(detectionTimeoutMs).to.equal(5_000);
    mesh.source.apply(entry('tcp', `{hosts: [tcp.example.com], ${port(443, 'TCP')}}`));
    expect(chains(mesh, '0.0.0.0_443').at(-1), 'one host has all that is left').to.equal(
      '* -> outbound|443||tcp.example.com',
    );
    expect(chains(mesh, '0.0.0.0_443')).to.have.length(3);
    expect(readOutbound(mesh).listeners.get('0.0.0.0_443')?.httpInspector).to.equal(false);
  });

  it('listen on each address of its own, and on all for blocks', () => {
    const mesh = meshOf(
      entry(
        'db',
        `{hosts: [db.example.com], addresses: [10.5.0.1, 10.5.0.2/32, 10.6.0.0/16, "fd00::/8", "fd00::1"], resolution: STATIC, endpoints: [{address: 10.9.0.1}], ${port(5432, 'TCP')}}`,
      ),
    );
    expect(names(mesh)).to.deep.equal(['0.0.0.0_5432', '10.5.0.1_5432', '10.5.0.2_5432', 'virtualOutbound']);
    expect(chains(mesh, '10.5.0.1_5432')).to.deep.equal(['* -> outbound|5432||db.example.com']);
    expect(chains(mesh, '0.0.0.0_5432')).to.deep.equal([
      '10.6.0.0/16 -> outbound|5432||db.example.com',
      '* -> PassthroughCluster',
    ]);
    expect(readOutbound(mesh).listeners.get('0.0.0.0_5432')?.tlsInspector).to.equal(false);
    const six = { ipAddresses: ['fd00::9'] };
    expect(names(mesh, six)).to.deep.equal(['::_5432', 'fd00::1_5432', 'virtualOutbound']);
    expect(chains(mesh, '::_5432', six)[0]).to.equal('fd00::/8 -> outbound|5432||db.example.com');
  });

  it('give all connections on a port to the oldest plain TCP host without addresses', () => {
    const mesh = meshOf(
      entry('zz-old', `{hosts: [old.example.com], ${port(9000, 'TCP')}}`),
      entry('aa-young', `{hosts: [young.example.com], ${port(9000, 'TCP')}}`),
    );
    expect(chains(mesh, '0.0.0.0_9000')).to.deep.equal(['* -> outbound|9000||old.example.com']);
  });

  it('stand beside HTTP on the same port', () => {
    const mesh = meshOf(
      entry('web', `{hosts: [web.example.com], ${port(80, 'HTTP')}}`),
      entry('db', `{hosts: [db.example.com], addresses: [10.6.0.0/16], ${port(80, 'TCP')}}`),
    );
    expect(chains(mesh, '0.0.0.0_80')).to.deep.equal([
      'raw_buffer -> http 80',
      '10.6.0.0/16 -> outbound|80||db.example.com',
      '* -> PassthroughCluster',
    ]);
  });

  it('detect the protocol where the entry names none', () => {
    const mesh = meshOf(
      entry('bare', '{hosts: [bare.example.com], ports: [{number: 80, name: p}]}'),
      entry('block', '{hosts: [block.example.com], addresses: [10.6.0.0/16], ports: [{number: 80, name: p}]}'),
      entry('single', '{hosts: [single.example.com], addresses: [10.7.0.1], ports: [{number: 80, name: p}]}'),
    );
    expect(chains(mesh, '0.0.0.0_80')).to.deep.equal([
      'raw_buffer -> http 80',
      '10.6.0.0/16 raw_buffer -> http 80',
      '10.6.0.0/16 -> outbound|80||block.example.com',
      '* -> outbound|80||bare.example.com',
    ]);
    expect(chains(mesh, '10.7.0.1_80')).to.deep.equal([
      'raw_buffer -> http single.example.com:80',
      '* -> outbound|80||single.example.com',
    ]);
    const { tables } = readOutbound(mesh);
    expect((tables.get('80') ?? []).map(({ name }) => name)).to.deep.equal([
      'bare.example.com:80',
      'block.example.com:80',
      'allow_any',
    ]);
  });

  it('use allocated addresses for proxies whose DNS is captured, and names for the others', () => {
    const mesh =
      meshOf(`${entry('db', `{hosts: [db.example.com], resolution: DNS, ${port(5432, 'TCP')}}`).replace('---', '')}
status: {addresses: [{value: 240.240.1.1, host: db.example.com}, {value: "2001:2::1", host: db.example.com}]}
`);
    expect(names(mesh)).to.include('0.0.0.0_5432');
    expect(names(mesh, { dnsCapture: true })).to.deep.equal(['240.240.1.1_5432', 'virtualOutbound']);
    expect(names(mesh, { dnsCapture: true, ipAddresses: ['10.0.0.1', 'fd00::1'] })).to.deep.equal([
      '2001:2::1_5432',
      '240.240.1.1_5432',
      'virtualOutbound',
    ]);
  });

  it('look up what a request or a TLS connection names with resolution DYNAMIC_DNS', () => {
    const mesh = meshOf(
      entry(
        'wild',
        '{hosts: ["*.example.com"], resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS, targetPort: 8443}]}',
      ),
    );
    expect(chains(mesh, '0.0.0.0_80')).to.deep.equal(['raw_buffer -> http 80 by name', '* -> PassthroughCluster']);
    expect(chains(mesh, '0.0.0.0_443')).to.deep.equal([
      'sni:*.example.com -> outbound|443||*.example.com by name',
      '* -> PassthroughCluster',
    ]);
    const [chain] = readOutbound(mesh).listeners.get('0.0.0.0_443')?.filterChains ?? [];
    expect(chain?.handler.lookup).to.deep.equal({ families: '4', refreshMs: 60_000, port: 8443 });
    expect(readOutbound(mesh).clusters.get('outbound|443||*.example.com')?.discovery).to.deep.equal({
      kind: 'dynamic-dns',
      lookup: { families: '4', refreshMs: 60_000 },
    });
  });

  it('look up only names of the service on an allocated address', () => {
    const mesh =
      meshOf(`${entry('wild', `{hosts: ["*.example.com"], resolution: DYNAMIC_DNS, ${port(443, 'TLS')}}`).replace('---', '')}
status: {addresses: [{value: 240.240.1.1, host: "*.example.com"}]}
`);
    expect(chains(mesh, '240.240.1.1_443', { dnsCapture: true })).to.deep.equal([
      'sni:*.example.com -> outbound|443||*.example.com by name',
    ]);
  });

  it('look up nothing where Envoy cannot tell the names of the host from others', () => {
    const mesh =
      meshOf(`${entry('wild', `{hosts: ["*-a.example.com"], resolution: DYNAMIC_DNS, ${port(443, 'TLS')}}`).replace('---', '')}
status: {addresses: [{value: 240.240.1.1, host: "*-a.example.com"}]}
`);
    expect(chains(mesh, '0.0.0.0_443')).to.deep.equal(['* -> PassthroughCluster']);
    expect(names(mesh, { dnsCapture: true })).to.deep.equal(['virtualOutbound']);
    expect(names(mesh, { interceptionMode: 'NONE' })).to.deep.equal([]);
  });

  it('obey VirtualServices, within the addresses and names of the host', () => {
    const mesh = meshOf(
      entry('a', `{hosts: ["*.example.com"], ${port(443, 'TLS')}}`),
      entry('db', `{hosts: [db.example.com], addresses: [10.6.0.0/16], ${port(5432, 'TCP')}}`),
      entry('other', `{hosts: [other.example.com], ${port(443, 'TLS')}}`),
      virtualService(
        'a',
        '{hosts: ["*.example.com"], tls: [{match: [{sniHosts: [x.example.com]}], route: [{destination: {host: other.example.com, port: {number: 443}}}]}]}',
      ),
      virtualService(
        'db',
        '{hosts: [db.example.com], tcp: [{match: [{destinationSubnets: [10.6.1.0/24]}], route: [{destination: {host: other.example.com, port: {number: 443}}}]}, {route: [{destination: {host: db.example.com}, weight: 2}, {destination: {host: other.example.com, port: {number: 443}}, weight: 1}]}]}',
      ),
    );
    expect(chains(mesh, '0.0.0.0_443')).to.deep.equal([
      'sni:x.example.com -> outbound|443||other.example.com',
      'sni:*.example.com -> outbound|443||*.example.com',
      'sni:other.example.com -> outbound|443||other.example.com',
      '* -> PassthroughCluster',
    ]);
    expect(chains(mesh, '0.0.0.0_5432')).to.deep.equal([
      '10.6.1.0/24 -> outbound|443||other.example.com',
      '10.6.0.0/16 -> outbound|5432||db.example.com*2,outbound|443||other.example.com',
      '* -> PassthroughCluster',
    ]);
  });

  it('are the same for all namespaces that see the same, and differ where one sees more or less', () => {
    const mesh = meshOf(
      entry('a', `{hosts: [a.example.com], ${port(443, 'TLS')}}`),
      entry('b', `{hosts: [b.example.com], exportTo: ["."], ${port(443, 'TLS')}}`, 'own'),
      entry('a', `{hosts: [a.example.com], exportTo: ["."], addresses: [10.5.0.1], ${port(443, 'TLS')}}`, 'hiding'),
    );
    const listener = (namespace: string) => readOutbound(mesh, { namespace }).listeners.get('0.0.0.0_443');
    expect(listener('one')).to.equal(listener('two'));
    expect(describeListener(listener('one'))).to.deep.equal([
      'sni:a.example.com -> outbound|443||a.example.com',
      '* -> PassthroughCluster',
    ]);
    expect(describeListener(listener('own')))
      .to.include('sni:b.example.com -> outbound|443||b.example.com')
      .and.have.lengthOf(3);
    expect(chains(mesh, '10.5.0.1_443', { namespace: 'hiding' })).to.deep.equal(['* -> outbound|443||a.example.com']);
    expect(describeListener(listener('hiding'))).not.to.include('sni:a.example.com -> outbound|443||a.example.com');
  });

  it('carry the name of the entry', () => {
    const mesh = meshOf(
      entry(
        'a',
        `{hosts: [a.example.com], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]}`,
      ),
    );
    const { listeners, tables } = readOutbound(mesh);
    expect(
      listeners.get('0.0.0.0_443')?.filterChains[0]?.sources.map(({ kind, name }) => `${kind} ${name}`),
    ).to.deep.equal(['ServiceEntry a']);
    expect(tables.get('80')?.[0]?.sources.map(({ kind, name }) => `${kind} ${name}`)).to.deep.equal(['ServiceEntry a']);
  });
});

describe('hosts of ServiceEntries on listeners that themselves listen', () => {
  it('are told apart by server name, and looked up below their own name only', () => {
    const mesh = meshOf(
      entry('a', `{hosts: [a.example.com], resolution: DNS, ${port(443, 'TLS')}}`),
      entry('wild', `{hosts: ["*.example.org"], resolution: DYNAMIC_DNS, ${port(443, 'TLS')}}`),
    );
    const proxy = { interceptionMode: 'NONE' } as const;
    expect(chains(mesh, '127.0.0.1_443', proxy)).to.deep.equal([
      'sni:*.example.org -> outbound|443||*.example.org by name',
      'sni:a.example.com -> outbound|443||a.example.com',
    ]);
    mesh.source.apply(entry('tcp', `{hosts: [tcp.example.com], ${port(443, 'TCP')}}`));
    expect(chains(mesh, '127.0.0.1_443', proxy).at(-1)).to.equal('* -> outbound|443||tcp.example.com');
  });
});

describe('virtual hosts of ServiceEntries', () => {
  it('answer to the name with and without its dot and to single addresses', () => {
    const mesh = meshOf(
      entry(
        'a',
        `{hosts: [a.example.com, "*.b.example.com"], addresses: [10.5.0.1, 10.6.0.0/16, "fd00::1"], resolution: STATIC, endpoints: [{address: 10.9.0.1}], ${port(80, 'HTTP')}}`,
      ),
    );
    const domains = (proxy: Partial<ProxyFacts>) =>
      Object.fromEntries((readOutbound(mesh, proxy).tables.get('80') ?? []).map((host) => [host.name, host.domains]));
    expect(domains({ ipAddresses: ['10.0.0.1', 'fd00::9'] })).to.deep.equal({
      'a.example.com:80': ['a.example.com', 'a.example.com.', '10.5.0.1', '[fd00::1]'],
      '*.b.example.com:80': ['*.b.example.com', '10.5.0.1', '[fd00::1]'],
      allow_any: ['*'],
    });
  });

  it('are routed by VirtualServices, one for a single name under a wildcard included', () => {
    const mesh = meshOf(
      entry('wild', `{hosts: ["*.example.com"], ${port(80, 'HTTP')}}`),
      virtualService('x', '{hosts: [x.example.com], http: [{directResponse: {status: 418}}]}'),
    );
    const hosts = readOutbound(mesh).tables.get('80') ?? [];
    expect(hosts.map(({ name, routes }) => `${name} ${routes[0]?.action.kind}`)).to.deep.equal([
      '*.example.com:80 forward',
      'x.example.com:80 direct-response',
      'allow_any forward',
    ]);
  });
});

describe('what services of Kubernetes are given', () => {
  it('stays as it was beside ServiceEntries', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'tcp:5432'] }));
    const before = readOutbound(mesh);
    mesh.source.apply(entry('a', `{hosts: [a.example.com], ${port(443, 'TLS')}}`));
    const after = readOutbound(mesh);
    for (const [name, cluster] of before.clusters) expect(after.clusters.get(name)).to.equal(cluster);
    for (const [name, listener] of before.listeners) expect(after.listeners.get(name)).to.equal(listener);
  });
});
