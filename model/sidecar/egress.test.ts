import { expect } from 'chai';
import { clustersOf, egress, hostsOf, listenersOf, shops, sidecar, targetsOf } from '../testing/outbound.ts';

const all = ['bank.pay:5432', 'bank.pay:8080', 'card.pay:80', 'cart.shop:80', 'cart.shop:90', 'db.shop:5432'];

describe('the egress hosts of a Sidecar', () => {
  it('import namespaces, their own one as `.`, all as `*`, and what is exported to the client alone', () => {
    const mesh = shops();
    const imports = (...hosts: readonly string[]) => {
      mesh.source.apply(egress(...hosts));
      return clustersOf(mesh);
    };
    expect(clustersOf(mesh)).to.deep.equal([...all, 'log.ops:80', 'web.client:80']);
    expect(imports('*/*')).to.deep.equal([...all, 'log.ops:80', 'web.client:80']);
    expect(imports('./*')).to.deep.equal(['web.client:80']);
    expect(imports('shop/*', './*')).to.deep.equal(['cart.shop:80', 'cart.shop:90', 'db.shop:5432', 'web.client:80']);
    expect(imports('ops/*')).to.deep.equal(['log.ops:80']);
    expect(imports('~/*')).to.deep.equal([]);
    expect(imports('nowhere/*')).to.deep.equal([]);
  });

  it('import single hosts and wildcards, each from the namespace that they say', () => {
    const mesh = shops();
    const imports = (...hosts: readonly string[]) => {
      mesh.source.apply(egress(...hosts));
      return clustersOf(mesh);
    };
    expect(imports('shop/cart.shop.svc.cluster.local')).to.deep.equal(['cart.shop:80', 'cart.shop:90']);
    expect(imports('pay/cart.shop.svc.cluster.local')).to.deep.equal([]);
    expect(imports('*/cart.shop.svc.cluster.local')).to.deep.equal(['cart.shop:80', 'cart.shop:90']);
    expect(imports('*/*.shop.svc.cluster.local')).to.deep.equal(['cart.shop:80', 'cart.shop:90', 'db.shop:5432']);
    expect(imports('ops/log.ops.svc.cluster.local', 'pay/*.svc.cluster.local', 'pay/*')).to.deep.equal([
      ...['bank.pay:5432', 'bank.pay:8080', 'card.pay:80', 'log.ops:80'],
    ]);
  });

  it('exclude what begins with `~`, whatever imports it', () => {
    const mesh = shops();
    const imports = (...hosts: readonly string[]) => {
      mesh.source.apply(egress(...hosts));
      return clustersOf(mesh);
    };
    expect(imports('*/*', '~pay/*')).to.deep.equal([
      ...['cart.shop:80', 'cart.shop:90', 'db.shop:5432', 'log.ops:80', 'web.client:80'],
    ]);
    expect(imports('*/*', '~*/cart.shop.svc.cluster.local', '~pay/*')).to.deep.equal([
      ...['db.shop:5432', 'log.ops:80', 'web.client:80'],
    ]);
    expect(imports('shop/*', '~./*')).to.deep.equal(['cart.shop:80', 'cart.shop:90', 'db.shop:5432']);
    expect(imports('shop/cart.shop.svc.cluster.local', '~shop/cart.shop.svc.cluster.local')).to.deep.equal([]);
  });

  it('decide about listeners and hosts as about clusters', () => {
    const mesh = shops();
    mesh.source.apply(egress('shop/*', 'pay/card.pay.svc.cluster.local'));
    expect([...listenersOf(mesh).keys()].sort()).to.deep.equal([
      ...['0.0.0.0_80', '0.0.0.0_90', '10.96.0.2_5432', 'virtualOutbound'],
    ]);
    expect(hostsOf(mesh, '80')).to.deep.equal(['allow_any', 'card.pay:80', 'cart.shop:80']);
    expect(hostsOf(mesh, '90')).to.deep.equal(['allow_any', 'cart.shop:90']);
    mesh.source.apply(egress('pay/bank.pay.svc.cluster.local'));
    expect([...listenersOf(mesh).keys()].sort()).to.deep.equal(['0.0.0.0_8080', '10.96.0.4_5432', 'virtualOutbound']);
  });
});

const route = (name: string, namespace: string, host: string, destination: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}}
spec: {hosts: ["${host}"], ${more} http: [{route: [{destination: {host: ${destination}}}]}]}
`;
const cart = 'cart.shop.svc.cluster.local';
const card = 'card.pay.svc.cluster.local';

describe('VirtualServices and DestinationRules behind a Sidecar', () => {
  it('route only where their own namespace and host are imported, and bring their destinations along', () => {
    const mesh = shops();
    mesh.source.apply(route('detour', 'shop', cart, card));
    const cartGoesTo = () => targetsOf(mesh, '80', 'cart.shop');
    expect(cartGoesTo()).to.deep.equal(['card.pay:80']);
    mesh.source.apply(egress(`shop/${cart}`));
    expect(cartGoesTo()).to.deep.equal(['card.pay:80']);
    expect(clustersOf(mesh)).to.deep.equal(['card.pay:80', 'cart.shop:80', 'cart.shop:90']);
    expect(hostsOf(mesh, '80'), 'reached by the route only').to.deep.equal(['allow_any', 'cart.shop:80']);

    mesh.source.apply(route('detour', 'pay', cart, card));
    mesh.source.delete('VirtualService', 'shop', 'detour');
    expect(cartGoesTo(), 'pay is not imported').to.deep.equal(['cart.shop:80']);
    expect(clustersOf(mesh)).to.deep.equal(['cart.shop:80', 'cart.shop:90']);
    mesh.source.apply(egress(`shop/${cart}`, `pay/${cart}`));
    expect(cartGoesTo()).to.deep.equal(['card.pay:80']);
    mesh.source.apply(egress('shop/*', `pay/${cart}`));
    expect(cartGoesTo()).to.deep.equal(['card.pay:80']);
    mesh.source.apply(egress('shop/*', 'pay/*', `~pay/${cart}`));
    expect(cartGoesTo(), 'its host is excluded').to.deep.equal(['cart.shop:80']);
    mesh.source.apply(egress('*/*', `~pay/${cart}`));
    expect(cartGoesTo()).to.deep.equal(['cart.shop:80']);
    mesh.source.delete('Sidecar', 'client', 'default');
    expect(cartGoesTo()).to.deep.equal(['card.pay:80']);
  });

  it('are built once for all namespaces that choose alike', () => {
    const mesh = shops();
    mesh.source.apply(
      `${route('first', 'pay', cart, card)}---${route('second', 'shop', cart, 'bank.pay.svc.cluster.local')}`,
    );
    const clients = Array.from({ length: 50 }, (_, at) => `client-${at}`);
    mesh.source.apply(
      clients.map((namespace) => sidecar('{egress: [{hosts: ["shop/*"]}]}', 'default', namespace)).join('---'),
    );
    const before = mesh.graph.statistics().queries.virtualHost?.nodes ?? 0;
    for (const namespace of clients)
      expect(targetsOf(mesh, '80', 'cart.shop', { namespace })).to.deep.equal(['bank.pay:80']);
    // The host of the service on its two ports, and the rest that no host claims.
    expect((mesh.graph.statistics().queries.virtualHost?.nodes ?? 0) - before).to.equal(3);
  });

  it('fall back to the next claim where the one in force for everybody is not imported', () => {
    const mesh = shops();
    mesh.source.apply(route('first', 'pay', cart, card));
    mesh.source.apply(route('second', 'shop', cart, 'bank.pay.svc.cluster.local', 'exportTo: ["*"],'));
    expect(targetsOf(mesh, '80', 'cart.shop')).to.deep.equal(['card.pay:80']);
    mesh.source.apply(egress('shop/*'));
    expect(targetsOf(mesh, '80', 'cart.shop')).to.deep.equal(['bank.pay:80']);
    expect(clustersOf(mesh)).to.include.members(['bank.pay:5432', 'bank.pay:8080']).and.not.include('card.pay:80');
  });

  it('bring only the named port of a destination, and none that another namespace is meant for', () => {
    const mesh = shops();
    const detour = (more: string) =>
      route('detour', 'shop', cart, 'x').replace(
        /http: .*/,
        `http: [{${more} route: [{destination: {host: bank.pay.svc.cluster.local, port: {number: 8080}}}]}]}`,
      );
    mesh.source.apply(detour(''));
    mesh.source.apply(egress(`shop/${cart}`));
    expect(clustersOf(mesh)).to.deep.equal(['bank.pay:8080', 'cart.shop:80', 'cart.shop:90']);
    mesh.source.apply(detour('match: [{sourceNamespace: pay}],'));
    expect(clustersOf(mesh)).to.deep.equal(['cart.shop:80', 'cart.shop:90']);
    mesh.source.apply(detour('match: [{sourceNamespace: client}],'));
    expect(clustersOf(mesh)).to.deep.equal(['bank.pay:8080', 'cart.shop:80', 'cart.shop:90']);
    expect(targetsOf(mesh, '80', 'cart.shop')).to.deep.equal(['bank.pay:8080']);
  });

  it('show hosts that are no service where their namespace is imported', () => {
    const mesh = shops();
    mesh.source.apply(route('books', 'shop', 'books.example.com', cart));
    mesh.source.apply(egress(`pay/${card}`));
    expect(hostsOf(mesh, '80')).to.deep.equal(['allow_any', 'card.pay:80']);
    mesh.source.apply(egress(`pay/${card}`, 'shop/books.example.com'));
    expect(hostsOf(mesh, '80')).to.deep.equal(['allow_any', 'books.example.com:80', 'card.pay:80']);
    expect(clustersOf(mesh)).to.include('cart.shop:80');
  });

  it('leave the order of DestinationRules as it is: client, service, root', () => {
    const mesh = shops();
    const rule = (namespace: string, subset: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: ${namespace}}
spec: {host: ${cart}, subsets: [{name: ${subset}, labels: {version: ${subset}}}]}
`;
    for (const hosts of [[`shop/${cart}`], ['shop/*']]) {
      mesh.source.apply(egress(...hosts));
      const subsets = () => clustersOf(mesh).filter((name) => name.includes(':80|'));
      mesh.source.apply(rule('istio-system', 'root'));
      expect(subsets()).to.deep.equal(['cart.shop:80|root']);
      mesh.source.apply(rule('shop', 'service'));
      expect(subsets()).to.deep.equal(['cart.shop:80|service']);
      mesh.source.apply(rule('client', 'client'));
      expect(subsets()).to.deep.equal(['cart.shop:80|client']);
      for (const namespace of ['istio-system', 'shop', 'client'])
        mesh.source.delete('DestinationRule', namespace, 'cart');
    }
  });
});

describe('the Sidecar in force', () => {
  const only = (host: string, name: string, namespace: string, more = '') =>
    sidecar(`{${more} egress: [{hosts: ["${host}"]}]}`, name, namespace);

  it('is the one for the workload, else the one of the namespace, else the one of the root namespace', () => {
    const mesh = shops();
    const seen = () =>
      [{ app: 'web' }, { app: 'job' }].map((labels) => clustersOf(mesh, { namespace: 'client', labels }).join(' '));
    mesh.source.apply(only('./*', 'default', 'istio-system'));
    expect(seen(), '`.` is the client').to.deep.equal(['web.client:80', 'web.client:80']);
    mesh.source.apply(only('ops/*', 'default', 'client'));
    expect(seen()).to.deep.equal(['log.ops:80', 'log.ops:80']);
    mesh.source.apply(
      only('pay/card.pay.svc.cluster.local', 'web', 'client', 'workloadSelector: {labels: {app: web}},'),
    );
    expect(seen()).to.deep.equal(['card.pay:80', 'log.ops:80']);
    mesh.source.delete('Sidecar', 'client', 'default');
    expect(seen()).to.deep.equal(['card.pay:80', 'web.client:80']);
  });

  it('is the oldest of several, and never one with a selector from the root namespace', () => {
    const mesh = shops();
    mesh.source.apply(only('ops/*', 'zz-old', 'client'));
    mesh.source.apply(only('./*', 'aa-young', 'client'));
    mesh.source.apply(only('~/*', 'root', 'istio-system', 'workloadSelector: {labels: {app: web}},'));
    expect(clustersOf(mesh, { namespace: 'client', labels: { app: 'web' } })).to.deep.equal(['log.ops:80']);
    expect(clustersOf(mesh, { namespace: 'shop', labels: { app: 'web' } })).to.include('card.pay:80');
  });

  it('is none for gateways', () => {
    const mesh = shops();
    mesh.source.apply(egress('~/*'));
    expect(clustersOf(mesh, { namespace: 'client', type: 'router' })).to.include('card.pay:80');
  });

  it('leave a port to the next VirtualService among those that are imported', () => {
    const mesh = shops();
    const route = (namespace: string, port: number, target: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${target}, namespace: ${namespace}}
spec:
  hosts: [cart.shop.svc.cluster.local]
  http: [{match: [{port: ${port}}], route: [{destination: {host: ${target}.pay.svc.cluster.local, port: {number: 80}}}]}]
`;
    mesh.source.apply(route('pay', 90, 'bank'));
    mesh.source.apply(route('ops', 90, 'unseen'));
    mesh.source.apply(route('client', 80, 'card'));
    mesh.source.apply(egress('shop/*', 'pay/*', './*'));
    const seen = () => ['80', '90'].map((table) => targetsOf(mesh, table, 'cart')?.[0]);
    expect(seen()).to.deep.equal(['card.pay:80', 'bank.pay:80']);
    mesh.source.apply(egress('shop/*', './*'));
    expect(seen()).to.deep.equal(['card.pay:80', 'cart.shop:90']);
  });
});
