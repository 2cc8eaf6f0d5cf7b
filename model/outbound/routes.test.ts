import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import { spell } from '../testing/outbound.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Listener, Route, VirtualHost } from '../types/resolved.ts';
import { listenerRouteTable } from './listeners.ts';

function tableOf(mesh: TestMesh, name: string, proxy: Partial<ProxyFacts> = {}): readonly VirtualHost[] {
  const { view } = mesh.keysOf(proxy);
  const listeners = mesh.flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view));
  const own = listeners.map(listenerRouteTable).filter((key) => key !== undefined);
  for (const key of [...mesh.read(mesh.queries.viewRouteTables, view), ...own]) {
    const table = mesh.read(mesh.queries.routeTable, key);
    if (table.name !== name) continue;
    const hosts = mesh.flatten(mesh.queries.routeSlice, table).map((host) => mesh.read(mesh.queries.virtualHost, host));
    const domains = hosts.flatMap((host) => host.domains);
    expect(new Set(domains).size, `a domain twice in ${domains.join(' ')}`).to.equal(domains.length);
    return hosts;
  }
  throw new Error(`no table ${name}`);
}

function routesOf(mesh: TestMesh, host: string, proxy: Partial<ProxyFacts> = {}, table = '9080'): readonly Route[] {
  const found = tableOf(mesh, table, proxy).find((candidate) => candidate.name.startsWith(`${host}:`));
  if (found === undefined) throw new Error(`no virtual host ${host}`);
  return found.routes;
}

/** Where each route sends: `port|subset|host=weight`. */
const targets = (routes: readonly Route[]) =>
  routes.map(({ action }) =>
    action.kind === 'forward'
      ? action.clusters.map(({ cluster, weight }) =>
          cluster.direction === 'outbound'
            ? `${cluster.port}|${cluster.subset}|${cluster.hostname}=${weight}`
            : cluster.direction,
        )
      : [action.kind],
  );

function listenersOf(mesh: TestMesh, proxy: Partial<ProxyFacts> = {}): readonly Listener[] {
  const { view } = mesh.keysOf(proxy);
  const found = mesh
    .flatten(mesh.queries.listenerSlice, mesh.read(mesh.queries.viewListeners, view))
    .flatMap((key) => mesh.read(mesh.queries.listener, key) ?? []);
  expect(new Set(found.map((listener) => listener.name)).size).to.equal(found.length);
  return found;
}

const fqdn = 'reviews.default.svc.cluster.local';
const route = (name: string, http: string, more = '', namespace = 'default') => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  hosts: [${fqdn}]
  ${more}
  http: ${http}
`;
const to = (subset: string) => `[{route: [{destination: {host: ${fqdn}, subset: ${subset}}}]}]`;

describe('outbound routes', () => {
  it('know a service by all its names, the short one only in its own namespace', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const [near, rest] = tableOf(mesh, '9080');
    expect(near?.domains).to.have.members([
      fqdn,
      `${fqdn}.`,
      'reviews',
      'reviews.default',
      'reviews.default.svc',
      '10.96.0.10',
    ]);
    expect(tableOf(mesh, '9080', { namespace: 'far' })[0]?.domains).to.not.include('reviews');
    expect(rest?.domains).to.deep.equal(['*']);
    expect(targets(rest?.routes ?? [])).to.deep.equal([['special']]);
  });

  it("use the addresses of the client's cluster and families", () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, address6: 'fd00:96::10' }));
    mesh.east.apply(serviceObjects({ ...reviews, address: '10.112.0.10' }));
    const addresses = (proxy: Partial<ProxyFacts>) =>
      (tableOf(mesh, '9080', proxy)[0]?.domains ?? []).filter((domain) => /^[[\d]/.test(domain));
    expect(addresses({})).to.deep.equal(['10.96.0.10']);
    expect(addresses({ ipAddresses: ['10.0.0.1', 'fd00::1'] })).to.deep.equal(['10.96.0.10', '[fd00:96::10]']);
    expect(addresses({ clusterId: 'east' })).to.deep.equal(['10.112.0.10']);
  });

  it('refuse unknown hosts where only the registry is allowed', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    expect(tableOf(mesh, '9080').at(-1)?.routes[0]?.action).to.deep.equal({ kind: 'direct-response', status: 502 });
    const chains = listenersOf(mesh).map((listener) => listener.defaultFilterChain?.handler);
    for (const handler of chains) {
      expect(handler?.kind === 'tcp' && handler.clusters[0]?.cluster).to.deep.equal({
        direction: 'special',
        name: 'BlackHoleCluster',
      });
    }
  });

  it('split by weight, match in order, and stop behind the match that catches everything', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      route(
        'a',
        `
  - name: jason
    match:
    - {uri: {prefix: /api}, headers: {end-user: {exact: jason}}, withoutHeaders: {x-test: {}}, method: {exact: GET}}
    - {uri: {regex: "/v[0-9]+"}, queryParams: {debug: {exact: "1"}}, ignoreUriCase: true, port: 9080}
    - {uri: {exact: /never}, port: 81}
    route: [{destination: {host: reviews, subset: v2}}]
    timeout: 1.5s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "gateway-error,503"}
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 80}
    - {destination: {host: reviews, subset: v2}, weight: 0}
    - {destination: {host: reviews, subset: v3, port: {number: 9080}}, weight: 20}
    retries: {attempts: 0}
  - route: [{destination: {host: unreachable}}]`,
      ),
    );
    const routes = routesOf(mesh, fqdn);
    expect(targets(routes)).to.deep.equal([
      [`9080|v2|${fqdn}=1`],
      [`9080|v2|${fqdn}=1`],
      [`9080|v1|${fqdn}=80`, `9080|v3|${fqdn}=20`],
    ]);
    expect(routes[0]?.match).to.deep.equal({
      path: { kind: 'prefix', value: '/api' },
      ignoreCase: false,
      headers: [
        { name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false },
        { name: 'x-test', match: { kind: 'present' }, invert: true },
        { name: ':method', match: { kind: 'exact', value: 'GET' }, invert: false },
      ],
      queryParameters: [],
    });
    expect(routes[1]?.match.path).to.deep.equal({ kind: 'regex', value: '/v[0-9]+' });
    const [first, , last] = routes.map(({ action }) => (action.kind === 'forward' ? action : undefined));
    expect([first?.timeoutMs, first?.retry]).to.deep.equal([
      1500,
      {
        attempts: 3,
        perTryTimeoutMs: 2000,
        retryOn: 'gateway-error,retriable-status-codes',
        retriableStatusCodes: [503],
      },
    ]);
    expect(last?.retry).to.equal(undefined);
    expect(routes[0]?.sources.map((source) => source.name)).to.deep.equal(['a']);
  });

  it('rewrite, redirect, answer directly and change headers', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      route(
        'a',
        `
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new}
    headers: {request: {set: {Host: other.example, x-a: b}, remove: [x-c]}, response: {add: {x-d: e}}}
    route: [{destination: {host: reviews}, headers: {request: {set: {":authority": deep.example}}}}]
  - match: [{uri: {exact: /gone}}]
    redirect: {uri: /here, authority: example.com, redirectCode: 308, scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}
    headers: {request: {set: {host: nowhere.example}}}
  - directResponse: {status: 503, body: {bytes: c29ycnk=}}`,
      ),
    );
    const [rewritten, redirected, answered] = routesOf(mesh, fqdn);
    expect(rewritten?.action).to.deep.include({ rewrite: { prefix: '/new', authority: 'other.example' } });
    expect(rewritten?.requestHeaders).to.deep.equal({ set: { 'x-a': 'b' }, add: {}, remove: ['x-c'] });
    expect(rewritten?.responseHeaders).to.deep.equal({ set: {}, add: { 'x-d': 'e' }, remove: [] });
    expect(redirected?.action).to.deep.equal({
      kind: 'redirect',
      code: 308,
      host: 'example.com',
      path: '/here',
      scheme: 'https',
    });
    expect(redirected?.requestHeaders, 'Envoy refuses to set the host as a header').to.equal(undefined);
    expect(answered?.action).to.deep.equal({ kind: 'direct-response', status: 503, body: 'sorry' });
  });

  it('obey the oldest of several resources on a host, and the more specific host before it', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(route('wide', to('wide')).replace(`[${fqdn}]`, '["*.default.svc.cluster.local"]'));
    expect(targets(routesOf(mesh, fqdn))).to.deep.equal([[`9080|wide|${fqdn}=1`]]);
    mesh.source.apply(route('old', to('old')));
    mesh.source.apply(route('young', to('young')));
    expect(targets(routesOf(mesh, fqdn))).to.deep.equal([[`9080|old|${fqdn}=1`]]);
    mesh.source.delete('VirtualService', 'default', 'old');
    expect(targets(routesOf(mesh, fqdn))).to.deep.equal([[`9080|young|${fqdn}=1`]]);
  });

  it('keep what is exported to one namespace, or tests the caller, away from everybody else', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(route('friend', to('friend'), 'exportTo: ["."]', 'friend'));
    expect(targets(routesOf(mesh, fqdn, { namespace: 'friend' }))).to.deep.equal([[`9080|friend|${fqdn}=1`]]);
    expect(targets(routesOf(mesh, fqdn))).to.deep.equal([[`9080||${fqdn}=1`]]);
    mesh.source.apply(
      route(
        'tests',
        `
  - match: [{sourceNamespace: far}]
    route: [{destination: {host: reviews, subset: far}}]
  - match: [{sourceLabels: {app: web}}]
    route: [{destination: {host: reviews, subset: web}}]
  - route: [{destination: {host: reviews}}]`,
      ),
    );
    const seen = (proxy: Partial<ProxyFacts>) =>
      targets(routesOf(mesh, fqdn, proxy)).map((list) => list[0]?.split('|')[1]);
    expect(seen({ namespace: 'far' })).to.deep.equal(['far']);
    expect(seen({ labels: { app: 'web', noise: '1' } })).to.deep.equal(['web']);
    expect(seen({})).to.deep.equal(['']);
    expect(seen({ namespace: 'friend' })).to.deep.equal(['friend']);
    expect(mesh.keysOf({ labels: { app: 'web', noise: '1' } }).view).to.match(/labels=app:web$/);
  });

  it('serve hosts of VirtualServices that are no service, on every HTTP port', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:81'] }));
    mesh.source.apply(route('virtual', to('v1')).replace(`[${fqdn}]`, '[books.example.com, reviews.default]'));
    for (const table of ['9080', '81']) {
      const host = tableOf(mesh, table).find(({ name }) => name === `books.example.com:${table}`);
      expect(host?.domains).to.deep.equal(['books.example.com']);
      // `reviews.default` stays a name of the service: a domain may stand once in a table.
      expect(tableOf(mesh, table).filter(({ domains }) => domains.includes('reviews.default')).length).to.equal(1);
    }
  });

  it('ask the next VirtualService where one has no route for the port or the caller, and in the end the service itself', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:81'] }));
    const only = (match: string, subset: string) =>
      `[{match: [${match}], route: [{destination: {host: reviews, subset: ${subset}}}]}]`;
    mesh.source.apply(route('port', only('{port: 81}', 'ported')));
    const seen = (table: string, proxy: Partial<ProxyFacts> = {}) =>
      targets(routesOf(mesh, fqdn, proxy, table)).map(([target]) => target?.split('|')[1]);
    expect([seen('9080'), seen('81')]).to.deep.equal([[''], ['ported']]);
    mesh.source.apply(route('caller', only('{sourceLabels: {app: web}}', 'web')));
    expect([seen('9080'), seen('81')]).to.deep.equal([[''], ['ported']]);
    expect(seen('9080', { labels: { app: 'web' } })).to.deep.equal(['web']);
    mesh.source.apply(route('tcp', '[]').replace('http: []', 'tcp: [{route: [{destination: {host: reviews}}]}]'));
    mesh.source.apply(route('wide', to('wide')).replace(`[${fqdn}]`, '["*.default.svc.cluster.local"]'));
    expect([seen('9080'), seen('81')]).to.deep.equal([['wide'], ['ported']]);
    const [host] = tableOf(mesh, '9080');
    expect(host?.sources.map(({ name }) => name)).to.deep.equal(['wide']);
  });

  it('leave a host that is no service alone where no VirtualService has a route for it', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const far = (more: string) => route('far', to('far'), more).replace(`[${fqdn}]`, '[books.example.com]');
    const action = () => tableOf(mesh, '9080').find(({ name }) => name.startsWith('books'))?.routes[0]?.action.kind;
    mesh.source.apply(far('').replace('route: [', 'match: [{port: 81}], route: ['));
    expect(action()).to.equal('forward');
    mesh.source.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    expect(action()).to.equal('direct-response');
    mesh.source.apply(
      far('').replace(
        /http: .*/,
        'tls: [{match: [{sniHosts: [books.example.com]}], route: [{destination: {host: reviews}}]}]',
      ),
    );
    expect(action(), 'nothing for HTTP').to.equal(undefined);
    mesh.source.apply(far('gateways: [some], exportTo: ["."]'.replace(', ', '\n  ')));
    expect(action(), 'for gateways only').to.equal(undefined);
  });

  it('belong to their own namespace where the mesh exports nothing by default, and to those that it names', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(route('a', to('a'), '', 'shop'));
    mesh.source.apply(route('b', to('b'), '', 'shop').replace(`[${fqdn}]`, '[books.example.com]'));
    const seen = (namespace: string) =>
      [fqdn, 'books.example.com'].map((name) =>
        tableOf(mesh, '9080', { namespace })
          .find((host) => host.name.startsWith(`${name}:`))
          ?.routes.flatMap((found) => targets([found])[0]?.[0]?.split('|')[1]),
      );
    mesh.source.applyMeshConfig({ defaultVirtualServiceExportTo: ['.'] });
    expect([seen('shop'), seen('default')]).to.deep.equal([
      [['a'], ['b']],
      [[''], undefined],
    ]);
    mesh.source.applyMeshConfig({ defaultVirtualServiceExportTo: ['default'] });
    expect([seen('shop'), seen('default')]).to.deep.equal([
      [[''], undefined],
      [['a'], ['b']],
    ]);
  });

  it('lead redirects to the port that was asked for, unless it is the usual one of the scheme', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:80'] }));
    const ports = (redirect: string) => {
      mesh.source.apply(route('a', `[{redirect: {authority: example.com, ${redirect}}}]`));
      return ['9080', '80'].map((table) => {
        const action = routesOf(mesh, fqdn, {}, table)[0]?.action;
        return action?.kind === 'redirect' ? action.port : action?.kind;
      });
    };
    expect(ports('derivePort: FROM_REQUEST_PORT')).to.deep.equal([9080, undefined]);
    expect(ports('derivePort: FROM_REQUEST_PORT, scheme: https')).to.deep.equal([9080, 80]);
    expect(ports('derivePort: FROM_PROTOCOL_DEFAULT')).to.deep.equal([undefined, undefined]);
    expect(ports('port: 443, scheme: https')).to.deep.equal([undefined, undefined]);
    expect(ports('port: 443')).to.deep.equal([443, 443]);
  });

  it('rewrite the whole path where it is matched by an expression, however much of it the expression finds', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      route(
        'a',
        '[{match: [{uri: {regex: "/(a|ab)"}}], rewrite: {uri: "/x"}, route: [{destination: {host: reviews}}]}]',
      ),
    );
    expect(routesOf(mesh, fqdn)[0]?.action).to.deep.include({ rewrite: { fullPath: '/x' } });
  });

  it('take the host from an added header too, which is no header operation', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      route(
        'a',
        '[{headers: {request: {add: {":authority": a.example, x-b: c}}}, route: [{destination: {host: reviews}}]}]',
      ),
    );
    const [found] = routesOf(mesh, fqdn);
    expect(found?.action).to.deep.include({ rewrite: { authority: 'a.example' } });
    expect(found?.requestHeaders).to.deep.equal({ set: {}, add: { 'x-b': 'c' }, remove: [] });
  });
});

describe('outbound listeners', () => {
  it('are one per HTTP port, one per address for TCP, and detect what no name tells', () => {
    const mesh = createTestMesh();
    mesh.source.apply([
      ...serviceObjects(reviews),
      ...serviceObjects({ name: 'db', address: '10.96.0.11', ports: ['tcp:5432'] }),
      ...serviceObjects({ name: 'any', address: '10.96.0.12', ports: ['x:7000'] }),
    ]);
    const listeners = new Map(listenersOf(mesh).map((listener) => [listener.name, listener]));
    expect([...listeners.keys()].sort()).to.deep.equal([
      '0.0.0.0_9080',
      '10.96.0.11_5432',
      '10.96.0.12_7000',
      'virtualOutbound',
    ]);
    const detected = listeners.get('10.96.0.12_7000');
    expect([detected?.tlsInspector, detected?.httpInspector]).to.deep.equal([true, true]);
    expect(detected?.filterChains[0]?.handler).to.deep.include({
      routes: { rds: 'any.default.svc.cluster.local:7000' },
    });
    expect(tableOf(mesh, 'any.default.svc.cluster.local:7000')[0]?.domains).to.deep.equal(['*']);
    const plain = listeners.get('10.96.0.11_5432');
    expect(plain?.defaultFilterChain?.handler).to.deep.include({
      clusters: [
        {
          cluster: { direction: 'outbound', port: 5432, subset: '', hostname: 'db.default.svc.cluster.local' },
          weight: 1,
        },
      ],
    });
    expect([plain?.bindToPort, listeners.get('virtualOutbound')?.bindToPort]).to.deep.equal([false, true]);
  });

  it('listen in every family of the proxy', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      serviceObjects({ name: 'db', address: '10.96.0.11', address6: 'fd00:96::11', ports: ['tcp:5432'] }),
    );
    const addresses = (ipAddresses: readonly string[]) =>
      listenersOf(mesh, { ipAddresses }).map((listener) => listener.addresses.map(({ address }) => address));
    expect(addresses(['10.0.0.1', 'fd00::1'])).to.deep.equal([
      ['10.96.0.11', 'fd00:96::11'],
      ['0.0.0.0', '::'],
    ]);
    expect(addresses(['fd00::1'])).to.deep.equal([['fd00:96::11'], ['::']]);
  });

  it('are one per pod for headless TCP', () => {
    const mesh = createTestMesh();
    const pods = ['10.0.2.1', '10.0.2.2'].map((ip, at) => ({ name: `db-${at}`, ip, labels: { app: 'db' } }));
    mesh.source.apply(serviceObjects({ name: 'db', ports: ['tcp:5432'], pods }));
    expect(listenersOf(mesh).map((listener) => listener.name)).to.deep.equal([
      '10.0.2.1_5432',
      '10.0.2.2_5432',
      'virtualOutbound',
    ]);
  });

  it('route connections by server name and share', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tls:443'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews, a.example.com]
  tls:
  - match: [{sniHosts: [a.example.com]}]
    route: [{destination: {host: reviews, subset: v1}}]
  tcp:
  - route: [{destination: {host: reviews, subset: v2}, weight: 1}, {destination: {host: reviews, subset: v3}, weight: 3}]
`);
    const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_443');
    expect(listener?.filterChains.map((chain) => chain.match)).to.deep.equal([{ serverNames: ['a.example.com'] }]);
    expect(listener?.sources.map((source) => source.kind)).to.deep.equal(['VirtualService']);
    const sharesAt = (ports: readonly string[], name: string) => {
      mesh.source.apply(serviceObjects({ ...reviews, ports }));
      const last = listenersOf(mesh).find((found) => found.name === name);
      const handler = last?.defaultFilterChain?.handler;
      return [last?.tlsInspector, handler?.kind === 'tcp' && handler.clusters.map(({ weight }) => weight)];
    };
    expect(sharesAt(['tls:443'], '10.96.0.10_443'), 'TCP routes are not for TLS').to.deep.equal([true, [1]]);
    // To look for TLS would make a client wait whose server speaks first.
    expect(sharesAt(['tcp:444'], '10.96.0.10_444'), 'TLS routes are for TLS only').to.deep.equal([false, [1, 3]]);
  });

  it('put the routes of all VirtualServices of a host one behind the other', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tcp:444'] }));
    const tcp = (name: string, match: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [reviews]
  ${match === 'http' ? 'http' : 'tcp'}:
  - ${match === 'http' ? '' : `match: [${match}]\n    `}route: [{destination: {host: reviews, subset: ${name}}}]
`;
    const chains = () => {
      const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_444');
      return [...(listener?.filterChains ?? []), listener?.defaultFilterChain].map((chain) =>
        chain?.handler.kind === 'tcp' ? chain.handler.clusters.map(({ cluster }) => spell(cluster)).join() : '',
      );
    };
    mesh.source.apply(tcp('web', 'http'));
    mesh.source.apply(tcp('one', '{destinationSubnets: [10.1.0.0/16]}'));
    mesh.source.apply(tcp('two', '{destinationSubnets: [10.2.0.0/16]}'));
    expect(chains()).to.deep.equal(['reviews.default:444|one', 'reviews.default:444|two', 'reviews.default:444']);
    mesh.source.apply(tcp('all', '{port: 444}'));
    mesh.source.apply(tcp('unreachable', '{port: 444}'));
    expect(chains()).to.deep.equal(['reviews.default:444|one', 'reviews.default:444|two', 'reviews.default:444|all']);
  });

  it('leave out server names that Envoy would refuse with the whole listener', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tls:443'] }));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews, "*-a.example.com", B.example.com]
  tls:
  - match: [{sniHosts: ["*-a.example.com"]}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{sniHosts: ["*-a.example.com", B.example.com]}]
    route: [{destination: {host: reviews, subset: v2}}]
`);
    const listener = listenersOf(mesh).find(({ name }) => name === '10.96.0.10_443');
    expect(listener?.filterChains.map((chain) => chain.match)).to.deep.equal([{ serverNames: ['b.example.com'] }]);
  });
});
