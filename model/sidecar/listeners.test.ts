import { expect } from 'chai';
import { serviceObjects } from '../testing/objects.ts';
import { client, clustersOf, hostsOf, listenersOf, shops, sidecar, tablesOf, targetsOf } from '../testing/outbound.ts';
import type { Listener } from '../types/resolved.ts';

/** `address:port bound? chains`, a chain as what takes it: `http TABLE` or the cluster's name. */
function describeListener(listener: Listener | undefined): string {
  if (listener === undefined) return 'none';
  const { filterChains, defaultFilterChain, addresses, bindToPort } = listener;
  const chains = [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])];
  const places = addresses.map(({ address, port }) => `${address}:${port}`).join(',');
  const what = chains.map(({ handler }) => {
    if (handler.kind === 'tcp')
      return handler.clusters
        .map(({ cluster }) =>
          'hostname' in cluster
            ? `${cluster.hostname.split('.')[0]}:${cluster.port}`
            : 'name' in cluster
              ? cluster.name
              : '',
        )
        .join('+');
    return 'rds' in handler.routes ? `http ${handler.routes.rds}` : 'inline';
  });
  return [places, ...(bindToPort ? ['bound'] : []), ...what].join(' | ');
}

const describeAll = (mesh: Parameters<typeof listenersOf>[0], proxy = client) =>
  [...listenersOf(mesh, proxy).values()].map(describeListener).sort();

const port = (number: number, protocol: string) => `port: {number: ${number}, protocol: ${protocol}, name: p}`;
const outbound = '0.0.0.0:15001 | bound | BlackHoleCluster | PassthroughCluster';

describe('egress listeners', () => {
  it('with an HTTP port serve only services with that port, and leave the others to the last listener', () => {
    const mesh = shops();
    mesh.source.apply(sidecar(`{egress: [{${port(80, 'HTTP')}, hosts: ["shop/*"]}, {hosts: ["*/*"]}]}`));
    expect(hostsOf(mesh, '80')).to.deep.equal(['allow_any', 'cart.shop:80']);
    expect(hostsOf(mesh, '8080')).to.deep.equal(['allow_any', 'bank.pay:8080']);
    expect(hostsOf(mesh, '90')).to.deep.equal(['allow_any', 'cart.shop:90']);
    mesh.source.apply(sidecar(`{egress: [{${port(80, 'HTTP')}, hosts: ["shop/*", "./*"]}]}`));
    expect(clustersOf(mesh)).to.deep.equal(['cart.shop:80', 'web.client:80']);
    expect(describeAll(mesh)).to.deep.equal([outbound, '0.0.0.0:80 | http 80 | PassthroughCluster']);
  });

  it('with a TCP port serve its services on their own addresses, whatever they speak', () => {
    const mesh = shops();
    mesh.source.apply(sidecar(`{egress: [{${port(80, 'TCP')}, hosts: ["*/*"]}]}`));
    expect(describeAll(mesh)).to.deep.equal([
      ...[
        outbound,
        '10.96.0.1:80 | cart:80',
        '10.96.0.3:80 | card:80',
        '10.96.0.5:80 | log:80',
        '10.96.0.6:80 | web:80',
      ],
    ]);
    mesh.source.apply(sidecar(`{egress: [{${port(5432, 'TCP')}, hosts: ["shop/*"]}, {hosts: ["shop/*", "pay/*"]}]}`));
    expect(describeAll(mesh).filter((text) => text.includes('5432'))).to.deep.equal([
      ...['10.96.0.2:5432 | db:5432', '10.96.0.4:5432 | bank:5432'],
    ]);
  });

  it('with bind listen there: at an address behind redirection, or by themselves with captureMode NONE', () => {
    const mesh = shops();
    mesh.source.apply(sidecar(`{egress: [{${port(80, 'HTTP')}, bind: 127.1.0.1, hosts: ["shop/*"]}]}`));
    expect(describeAll(mesh)).to.deep.equal([outbound, '127.1.0.1:80 | http 80']);
    mesh.source.apply(
      sidecar(`{egress: [{${port(9999, 'TCP')}, bind: 127.0.0.1, captureMode: NONE, hosts: ["pay/*"]}]}`),
    );
    expect(describeAll(mesh), 'no service has that port').to.deep.equal([outbound]);
    mesh.source.apply(sidecar(`{egress: [{${port(5432, 'TCP')}, captureMode: NONE, hosts: ["pay/*"]}]}`));
    expect(describeAll(mesh)).to.deep.equal([outbound, '127.0.0.1:5432 | bound | bank:5432']);
  });

  it('without port but bound put all services of a port on one address', () => {
    const mesh = shops();
    mesh.source.apply(sidecar('{egress: [{captureMode: NONE, hosts: ["shop/*", "pay/*"]}]}'));
    expect(describeAll(mesh)).to.deep.equal([
      ...[outbound, '127.0.0.1:5432 | bound | bank:5432', '127.0.0.1:80 | bound | http 80'],
      ...['127.0.0.1:8080 | bound | http 8080', '127.0.0.1:90 | bound | http 90'],
    ]);
    expect(hostsOf(mesh, '80')).to.deep.equal(['allow_any', 'card.pay:80', 'cart.shop:80']);
    mesh.source.apply(serviceObjects({ name: 'raw', namespace: 'pay', address: '10.96.0.9', ports: ['tcp:80'] }));
    const mixed = listenersOf(mesh).get('127.0.0.1_80');
    expect(describeListener(mixed)).to.equal('127.0.0.1:80 | bound | http 80 | raw:80');
    expect([mixed?.httpInspector, mixed?.tlsInspector]).to.deep.equal([true, true]);
  });

  it('on a socket, or for HTTP_PROXY, serve every service by host and port', () => {
    const mesh = shops();
    const domains = (table: string) =>
      tablesOf(mesh)
        .get(table)
        ?.flatMap((host) => host.domains.filter((domain) => /^(bank|cart)\.[a-z]+(:|$)/.test(domain)));
    mesh.source.apply(
      sidecar(
        `{egress: [{${port(3128, 'HTTP_PROXY')}, bind: 127.0.0.1, captureMode: NONE, hosts: ["shop/*", "pay/*"]}]}`,
      ),
    );
    expect(describeAll(mesh)).to.deep.equal([outbound, '127.0.0.1:3128 | bound | http 3128']);
    expect(domains('3128')).to.deep.equal(['bank.pay:8080', 'cart.shop', 'cart.shop:80', 'cart.shop:90']);
    expect(targetsOf(mesh, '3128', 'cart.shop.svc.cluster.local:90')).to.deep.equal(['cart.shop:90']);
    expect(clustersOf(mesh)).to.include('bank.pay:5432');
    mesh.source.apply(sidecar(`{egress: [{${port(0, 'HTTP')}, bind: "unix:///run/out.sock", hosts: ["shop/*"]}]}`));
    expect(describeAll(mesh)).to.deep.equal([outbound, 'unix:///run/out.sock:0 | bound | http unix:///run/out.sock']);
    expect(domains('unix:///run/out.sock')).to.deep.equal(['cart.shop', 'cart.shop:80', 'cart.shop:90']);
    mesh.source.apply(
      sidecar(
        `{egress: [{${port(0, 'TCP')}, bind: "unix:///run/out.sock", hosts: ["shop/db.shop.svc.cluster.local"]}]}`,
      ),
    );
    expect(describeAll(mesh)).to.deep.equal([outbound, 'unix:///run/out.sock:0 | bound | db:5432']);
  });

  it('of a proxy without redirection all listen by themselves, and nothing is caught', () => {
    const mesh = shops();
    const none = { ...client, interceptionMode: 'NONE' } as const;
    expect(describeAll(mesh, none)).to.deep.equal([
      ...['127.0.0.1:5432 | bound | bank:5432', '127.0.0.1:80 | bound | http 80'],
      ...['127.0.0.1:8080 | bound | http 8080', '127.0.0.1:90 | bound | http 90'],
    ]);
    expect(hostsOf(mesh, '80', none)).to.deep.equal([
      'allow_any',
      'card.pay:80',
      'cart.shop:80',
      'log.ops:80',
      'web.client:80',
    ]);
  });
});

describe('outboundTrafficPolicy', () => {
  const rest = (mesh: ReturnType<typeof shops>) => {
    const listeners = [...listenersOf(mesh).values()];
    const of = (name: string) =>
      describeListener(listeners.find((listener) => listener.name === name))
        .split(' | ')
        .at(-1);
    const last = tablesOf(mesh)
      .get('80')
      ?.find(({ domains }) => domains.includes('*'))?.name;
    return [of('virtualOutbound'), of('0.0.0.0_80'), last];
  };
  const open = ['PassthroughCluster', 'PassthroughCluster', 'allow_any'];
  const closed = ['BlackHoleCluster', 'BlackHoleCluster', 'block_all'];

  it('of the mesh is overruled by that of the Sidecar, which blocks when it names no mode', () => {
    const mesh = shops();
    expect(rest(mesh)).to.deep.equal(open);
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'));
    expect(rest(mesh)).to.deep.equal(closed);
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {}}'));
    expect(rest(mesh)).to.deep.equal(closed);
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {mode: ALLOW_ANY}, egress: [{hosts: ["shop/*"]}]}'));
    expect(rest(mesh)).to.deep.equal(open);
    mesh.source.apply(sidecar('{egress: [{hosts: ["shop/*"]}]}'));
    expect(rest(mesh)).to.deep.equal(closed);
  });

  it('shares listeners and hosts with everybody who has the same', () => {
    const mesh = shops();
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {mode: ALLOW_ANY}}'));
    const keys = (namespace: string) => mesh.read(mesh.queries.viewListeners, mesh.keysOf({ namespace }).view).extra;
    expect(keys('client')).to.deep.equal(keys('shop'));
  });

  it('sends what is unknown to an egress proxy that is imported, and to nobody else', () => {
    const mesh = shops();
    const proxy = (hosts: string, number = 80) =>
      sidecar(
        `{egress: [{hosts: [${hosts}]}], outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: card.pay.svc.cluster.local, port: {number: ${number}}}}}`,
      );
    mesh.source.apply(proxy('"shop/*", "pay/*"'));
    expect(rest(mesh)).to.deep.equal(['card:80', 'card:80', 'allow_any']);
    expect(targetsOf(mesh, '80', 'allow_any')).to.deep.equal(['card.pay:80']);
    mesh.source.apply(proxy('"shop/*"'));
    expect(rest(mesh)).to.deep.equal(closed);
    mesh.source.apply(proxy('"shop/*", "pay/*"', 81));
    expect(rest(mesh), 'a port that it does not have').to.deep.equal(closed);
  });

  it('looks up the hosts of requests with ALLOW_ANY_DYNAMIC_DNS, unless the Sidecar says otherwise', () => {
    const mesh = shops();
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } });
    const chains = () => {
      const { filterChains = [], httpInspector } = listenersOf(mesh).get('virtualOutbound') ?? {};
      return [httpInspector, ...filterChains.map(({ handler }) => handler.kind)];
    };
    const lookups = () =>
      ['virtualOutbound', '0.0.0.0_80'].map((name) =>
        listenersOf(mesh)
          .get(name)
          ?.filterChains.some(({ handler }) => handler.kind === 'http' && handler.lookup?.families === '4'),
      );
    const special = () => {
      const composition = mesh.read(mesh.queries.viewClusters, mesh.keysOf(client).view);
      return composition.extra.map((key) => mesh.read(mesh.queries.cluster, key)?.name);
    };
    expect(rest(mesh)).to.deep.equal(['PassthroughCluster', 'PassthroughCluster', 'allow_any_dynamic_dns']);
    expect(targetsOf(mesh, '80', 'allow_any_dynamic_dns')).to.deep.equal(['AllowAnyDynamicDNSCluster']);
    expect(chains()).to.deep.equal([true, 'tcp', 'http']);
    expect(lookups()).to.deep.equal([true, true]);
    expect(special()).to.have.length(3);
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {mode: ALLOW_ANY}}'));
    expect(rest(mesh)).to.deep.equal(open);
    expect(chains()).to.deep.equal([false, 'tcp']);
    expect(lookups()).to.deep.equal([false, false]);
    mesh.source.apply(sidecar('{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'));
    expect(rest(mesh)).to.deep.equal(closed);
  });
});
