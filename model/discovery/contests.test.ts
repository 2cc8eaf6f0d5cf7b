import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { serviceObjects } from '../testing/objects.ts';
import { type Outbound, readOutbound } from '../testing/outboundview.ts';

const api = 'api.example.com';

/** A declaration with one endpoint, on its own port. */
const declare = (namespace: string, port: number, address: string, more = '', host = api) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: ${namespace}}
spec: {hosts: [${host}], resolution: STATIC, ports: [{number: ${port}, name: http, protocol: HTTP}], endpoints: [{address: ${address}}]${more}}
---
`;

const sidecar = (namespace: string, listeners: string) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ${namespace}}
spec: {egress: [${listeners}]}
---
`;
const importing = (hosts: readonly string[]) => `{hosts: ${JSON.stringify(hosts)}}`;

function addressesOf(outbound: Outbound, cluster: string): readonly string[] {
  return outbound.localities(cluster).flatMap(({ endpoints }) => endpoints.map(({ address }) => address));
}

/**
 * Where clients of a namespace reach a host: `port address` of each of its clusters, which are also the ports at which it has
 * a virtual host.
 */
function reach(mesh: TestMesh, namespace: string, host = api): readonly string[] {
  const outbound = readOutbound(mesh, { namespace });
  const names = [...outbound.clusters.keys()].filter((name) => name.endsWith(`|${host}`));
  const hosts = [...outbound.tables.values()].flat().filter(({ domains }) => domains.includes(host));
  const ports = names.map((name) => name.split('|')[1]);
  expect(hosts.map(({ name }) => name)).to.have.members(ports.map((port) => `${host}:${port}`));
  return names.map((name) => `${name.split('|')[1]} ${addressesOf(outbound, name).join()}`);
}

/** `first` is the oldest, then `second`, then `third`; `client` declares nothing. */
function threeNamespaces(): TestMesh {
  const mesh = createTestMesh();
  mesh.source.apply(declare('first', 80, '10.9.0.1'));
  mesh.source.apply(declare('second', 8080, '10.9.0.2'));
  mesh.source.apply(declare('third', 8081, '10.9.0.3'));
  return mesh;
}

const firsts = ['80 10.9.0.1'];
const seconds = ['8080 10.9.0.2'];
const thirds = ['8081 10.9.0.3'];

/** What a Sidecar of a namespace imports, and what its clients see then; without hosts there is no Sidecar. */
type Case = readonly [namespace: string, hosts: readonly string[], seen: readonly string[]];

function check(mesh: TestMesh, cases: readonly Case[], host = api): void {
  for (const [namespace, hosts, seen] of cases) {
    if (hosts.length > 0) mesh.source.apply(sidecar(namespace, importing(hosts)));
    expect(reach(mesh, namespace, host), `${namespace}: ${hosts.join(' ')}`).to.deep.equal(seen);
    if (hosts.length > 0) mesh.source.delete('Sidecar', namespace, 'default');
  }
}

describe('a host that several namespaces declare', () => {
  it('is for clients in one of them what that one says, whatever else their Sidecar imports', () => {
    check(threeNamespaces(), [
      ['second', [], seconds],
      ['second', ['*/*'], seconds],
      ['second', ['./*'], seconds],
      ['second', ['second/*'], seconds],
      ['second', [`./${api}`], seconds],
      ['second', [`*/${api}`], seconds],
      ['second', ['*/*.example.com'], seconds],
      ['second', ['first/*', './*'], seconds],
      ['second', [`first/${api}`, './*'], seconds],
      ['second', ['first/*', `./${api}`], seconds],
      ['third', [], thirds],
      ['first', ['*/*'], firsts],
    ]);
  });

  it('is for a narrowed Sidecar the first in order of what it imports', () => {
    check(threeNamespaces(), [
      ['second', ['first/*'], firsts],
      ['second', [`first/${api}`], firsts],
      ['second', ['third/*'], thirds],
      ['second', [`third/${api}`], thirds],
      ['second', ['third/*', `first/${api}`], firsts],
      ['second', ['*/*', `~./${api}`], firsts],
      ['second', ['*/*', '~second/*', '~first/*'], thirds],
      ['second', ['client/*'], []],
      ['client', [], firsts],
      ['client', ['*/*'], firsts],
      ['client', ['./*'], []],
      ['client', ['second/*'], seconds],
      ['client', ['third/*', 'second/*'], seconds],
      ['client', [`third/${api}`, 'second/*'], seconds],
      ['client', ['*/*', '~first/*'], seconds],
      ['client', [`*/${api}`, '~first/*'], seconds],
      ['client', ['third/*.com'], thirds],
    ]);
  });

  it('is the same where it is the name of a Service of Kubernetes, which comes next after what clients declare themselves', () => {
    const host = 'web.first.svc.cluster.local';
    const mesh = createTestMesh();
    mesh.source.apply(declare('second', 8080, '10.9.0.2', '', host));
    mesh.source.apply(declare('third', 8081, '10.9.0.3', '', host));
    const pods = [{ name: 'web-1', ip: '10.0.0.1', labels: { app: 'web' } }];
    mesh.source.apply(
      serviceObjects({ name: 'web', namespace: 'first', address: '10.96.0.1', ports: ['http:80'], pods }),
    );
    const services = ['80 10.0.0.1'];
    check(
      mesh,
      [
        ['first', [], services],
        ['first', ['third/*'], thirds],
        ['client', [], services],
        ['client', ['*/*'], services],
        ['client', ['second/*', 'third/*'], seconds],
        ['client', ['third/*', 'first/*'], services],
        ['second', [], seconds],
        ['second', ['*/*'], seconds],
        ['second', ['./*'], seconds],
        ['second', [`*/${host}`], seconds],
        ['second', [`./${host}`], seconds],
        ['second', ['first/*', './*'], seconds],
        ['second', ['first/*'], services],
        ['second', [`first/${host}`], services],
        ['second', ['third/*', 'first/*'], services],
      ],
      host,
    );
  });

  it('is what is exported to few before what everybody sees, and after what clients declare themselves', () => {
    const mesh = threeNamespaces();
    mesh.source.apply(declare('fourth', 8082, '10.9.0.4', ', exportTo: [client, second]'));
    const fourths = ['8082 10.9.0.4'];
    check(mesh, [
      ['client', [], fourths],
      ['client', ['*/*'], fourths],
      ['client', ['first/*', 'fourth/*'], fourths],
      ['client', ['first/*', 'third/*'], firsts],
      ['client', ['*/*', '~fourth/*'], firsts],
      ['second', [], seconds],
      ['second', ['./*'], seconds],
      ['second', ['fourth/*', 'first/*'], fourths],
      ['third', ['fourth/*', './*'], thirds],
    ]);
    // What a Service exports to few gives way as well.
    const host = 'web.fourth.svc.cluster.local';
    const pods = [{ name: 'web-1', ip: '10.0.0.4', labels: {} }];
    const annotations = { 'networking.istio.io/exportTo': 'client,second' };
    mesh.source.apply(
      serviceObjects({ name: 'web', namespace: 'fourth', address: '10.96.0.4', ports: ['http:80'], pods, annotations }),
    );
    mesh.source.apply(declare('second', 8080, '10.9.0.2', '', host));
    check(
      mesh,
      [
        ['client', [], ['80 10.0.0.4']],
        ['second', [], seconds],
        ['second', ['./*'], seconds],
        ['second', ['fourth/*'], ['80 10.0.0.4']],
        ['third', [], seconds],
      ],
      host,
    );
    // A namespace that does not see its own declaration sees what the others do.
    mesh.source.apply(declare('second', 8080, '10.9.0.2', ', exportTo: [third]', host));
    check(mesh, [['second', [], ['80 10.0.0.4']]], host);
  });

  it('is one destination for all listeners of a Sidecar: that of the first that imports any with its port', () => {
    const mesh = threeNamespaces();
    const seenWith = (listeners: string) => {
      mesh.source.apply(sidecar('client', listeners));
      const outbound = readOutbound(mesh, { namespace: 'client' });
      return [...outbound.clusters.keys()]
        .filter((name) => name.endsWith(`|${api}`))
        .map((name) => `${name.split('|')[1]} ${addressesOf(outbound, name).join()}`);
    };
    const onPort = (port: number, host: string) =>
      `{port: {number: ${port}, protocol: HTTP, name: p}, hosts: ["${host}"]}`;
    expect(seenWith(`${onPort(8080, 'second/*')}, {hosts: ["first/*", "third/*"]}`)).to.deep.equal(seconds);
    expect(seenWith(`${onPort(80, 'second/*')}, {hosts: ["first/*", "third/*"]}`)).to.deep.equal(firsts);
    expect(seenWith(`${onPort(80, '~/*')}, {hosts: ["third/*"]}`)).to.deep.equal(thirds);
  });

  it('has the rules and routes of those who see it, and ports that they know', () => {
    const mesh = threeNamespaces();
    const rule = (namespace: string, timeout: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: ${namespace}}
spec: {host: ${api}, trafficPolicy: {connectionPool: {tcp: {connectTimeout: ${timeout}}}}}
---
`;
    mesh.source.apply([rule('first', '1s'), rule('second', '2s')].join(''));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: second}
spec: {hosts: [${api}], http: [{route: [{destination: {host: ${api}}}]}]}
`);
    /** The time to connect in seconds and where its route leads. */
    const seen = (namespace: string) => {
      const { clusters, tables } = readOutbound(mesh, { namespace });
      const [cluster] = [...clusters.values()].filter(({ name }) => 'hostname' in name && name.hostname === api);
      const [host] = [...tables.values()].flat().filter(({ domains }) => domains.includes(api));
      const [route] = host?.routes ?? [];
      const targets = route?.action.kind === 'forward' ? route.action.clusters : [];
      return [
        (cluster?.connectTimeoutMs ?? 0) / 1000,
        ...targets.map(({ cluster: name }) => ('port' in name ? name.port : 0)),
      ];
    };
    expect(seen('first')).to.deep.equal([1, 80]);
    expect(seen('client')).to.deep.equal([1, 80]);
    expect(seen('second')).to.deep.equal([2, 8080]);
    mesh.source.apply(sidecar('second', importing(['first/*', './*.nowhere.com'])));
    expect(seen('second')).to.deep.equal([2, 80]);
    mesh.source.apply(sidecar('client', importing(['second/*'])));
    expect(seen('client')).to.deep.equal([2, 8080]);
  });

  it('resolves to the addresses of the declaration that is seen', () => {
    const mesh = createTestMesh();
    const at = (address: string) => `, addresses: [${address}]`;
    mesh.source.apply(declare('first', 80, '10.9.0.1', at('10.5.0.1')));
    mesh.source.apply(declare('second', 8080, '10.9.0.2', at('10.5.0.2')));
    mesh.source.apply(declare('third', 8081, '10.9.0.3', at('10.5.0.3')));
    const resolve = (namespace: string) => {
      const { view } = mesh.keysOf({ namespace });
      const [part] = mesh
        .read(mesh.queries.viewNames, view)
        .flatMap((key) => mesh.read(mesh.queries.names, key))
        .filter(({ hostname }) => hostname === api);
      return part?.addresses;
    };
    expect(['first', 'second', 'client'].map(resolve)).to.deep.equal([['10.5.0.1'], ['10.5.0.2'], ['10.5.0.1']]);
    mesh.source.apply(sidecar('second', importing(['first/*', 'third/*'])));
    mesh.source.apply(sidecar('client', importing(['third/*'])));
    expect(['second', 'client'].map(resolve)).to.deep.equal([['10.5.0.1'], ['10.5.0.3']]);
  });

  it('costs nothing where nobody else declares it, and the namespaces concerned alone where somebody does', () => {
    const mesh = createTestMesh();
    const namespaces = [...Array(20).keys()].map((at) => `ns-${at}`);
    for (const [at, namespace] of namespaces.entries()) {
      mesh.source.apply(declare(namespace, 80, `10.9.0.${at}`, '', `${namespace}.example.com`));
      mesh.source.apply(sidecar(namespace, importing(['./*', 'shared/*'])));
    }
    mesh.source.apply(declare('shared', 80, '10.9.1.1'));
    const readAll = () => namespaces.map((namespace) => [...readOutbound(mesh, { namespace }).clusters.keys()]);
    readAll();
    mesh.countComputed();
    mesh.source.apply(declare('ns-3', 81, '10.9.0.3', '', 'ns-3.example.com'));
    readAll();
    expect(mesh.countComputed()).not.to.have.any.keys('contestedIn', 'contestedHosts', 'scopeServices');
    mesh.source.apply(declare('ns-3', 81, '10.9.0.3', '', api));
    expect(reach(mesh, 'ns-3')).to.deep.equal(['81 10.9.0.3']);
    expect(reach(mesh, 'ns-4')).to.deep.equal(['80 10.9.1.1']);
    readAll();
    mesh.countComputed();
    mesh.source.apply(declare('ns-3', 81, '10.9.2.3', '', api));
    readAll();
    expect(reach(mesh, 'ns-3')).to.deep.equal(['81 10.9.2.3']);
    expect(reach(mesh, 'ns-4')).to.deep.equal(['80 10.9.1.1']);
    expect(mesh.countComputed()).to.deep.equal({ endpointGroup: 1, serviceEndpoints: 1 });
  });
});
