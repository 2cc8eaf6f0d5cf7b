import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { reviews, serviceObjects } from '../testing/objects.ts';
import { listenersOf, tableOf } from '../testing/outbound.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Route } from '../types/resolved.ts';

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
    const chains = [...listenersOf(mesh, {}).values()].map((listener) => listener.defaultFilterChain?.handler);
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
  - directResponse: {status: 503, body: {bytes: /9j/}}`,
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
    // No text: the beginning of a picture.
    expect(answered?.action).to.deep.equal({
      kind: 'direct-response',
      status: 503,
      body: Buffer.from([255, 216, 255]),
    });
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

  it('take gateways that a match names in place of what it says of callers', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const caller = 'sourceLabels: {app: web}, sourceNamespace: far';
    const matching = (match: string) => {
      mesh.source.apply(
        route('a', to('a').replace('route: [', `match: [{${match}}], route: [`), 'gateways: [mesh, g]'),
      );
      return targets(routesOf(mesh, fqdn))[0]?.[0]?.split('|')[1];
    };
    expect(matching(caller)).to.equal('');
    expect(matching(`${caller}, gateways: [g]`)).to.equal('');
    expect(matching(`${caller}, gateways: [g, mesh]`)).to.equal('a');
  });

  it('serve hosts of VirtualServices that are no service on port 80', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:80'] }));
    mesh.source.apply(
      route('virtual', to('v1')).replace(`[${fqdn}]`, '[books.example.com, reviews.default, "2001:DB8::1"]'),
    );
    const hostOf = (table: string) => tableOf(mesh, table).find(({ name }) => name === `books.example.com:${table}`);
    expect(hostOf('80')?.domains).to.deep.equal(['books.example.com']);
    expect(tableOf(mesh, '80').find(({ name }) => name === '2001:db8::1:80')?.domains).to.deep.equal(['[2001:db8::1]']);
    expect(hostOf('9080')).to.equal(undefined);
    // `reviews.default` stays a name of the service: a domain may stand once in a table.
    expect(tableOf(mesh, '80').filter(({ domains }) => domains.includes('reviews.default')).length).to.equal(1);
  });

  it('serve services that lack port 80 there by their own name, as long as a VirtualService routes them', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080'] }));
    mesh.source.apply(serviceObjects({ name: 'other', address: '10.96.0.77', ports: ['http:80', 'tcp:81'] }));
    const domains = (proxy: Partial<ProxyFacts> = {}) =>
      tableOf(mesh, '80', proxy).find(({ name }) => name === `${fqdn}:80`)?.domains;
    expect(domains()).to.equal(undefined);
    mesh.source.apply(route('a', to('v1')));
    // Its other names and addresses are those of the service, which is not there.
    expect(domains()).to.deep.equal([fqdn]);
    expect(targets(routesOf(mesh, fqdn, {}, '80'))).to.deep.equal([[`9080|v1|${fqdn}=1`]]);
    expect(domains({ namespace: 'narrow' })).to.deep.equal([fqdn]);
    const narrowed = (hosts: string) =>
      mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: narrow}
spec: {egress: [{hosts: [${hosts}]}]}
`);
    narrowed('"default/*"');
    expect(domains({ namespace: 'narrow' })).to.deep.equal([fqdn]);
    narrowed('default/other.default.svc.cluster.local');
    expect(domains({ namespace: 'narrow' })).to.equal(undefined);
    mesh.source.apply(route('a', to('v1').replace('route: [', 'match: [{port: 9080}], route: [')));
    expect(domains()).to.deep.equal([fqdn]);
    expect(tableOf(mesh, '80').find(({ name }) => name === `${fqdn}:80`)?.routes[0]?.action).to.deep.include({
      kind: 'forward',
      clusters: [{ cluster: { direction: 'special', name: 'PassthroughCluster' }, weight: 1 }],
    });
    mesh.source.apply(route('a', to('v1')).replace(`[${fqdn}]`, '[other]'));
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['tcp:80'] }));
    mesh.source.apply(route('b', to('v1')));
    expect(domains(), 'the port is taken, whatever it speaks').to.equal(undefined);
  });

  it('serve them also on the HTTP ports of the services that their VirtualService names, and no other one there', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'grpc-b:81', 'tcp:82'] }));
    mesh.source.apply(
      serviceObjects({ ...reviews, name: 'other', address: '10.96.0.77', ports: ['http:82', 'http-b:83'] }),
    );
    const hosts = (names: string, name: string, subset: string) =>
      mesh.source.apply(route(name, to(subset)).replace(`[${fqdn}]`, `[books.example.com, ${names}]`));
    const seen = (proxy: Partial<ProxyFacts> = {}) =>
      ['9080', '81', '82', '83'].map((table) => {
        const found = tableOf(mesh, table, proxy).find(({ name }) => name === `books.example.com:${table}`);
        return found && targets(found.routes)[0]?.[0]?.split('|')[1];
      });
    hosts('away.example.com', 'a', 'a');
    expect(seen()).to.deep.equal([undefined, undefined, undefined, undefined]);
    hosts(fqdn, 'b', 'b');
    expect(seen()).to.deep.equal(['b', 'b', undefined, undefined]);
    hosts('"*.default.svc.cluster.local"', 'c', 'c');
    expect(seen()).to.deep.equal(['b', 'b', 'c', 'c']);
    const narrowed = { namespace: 'narrow' };
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: narrow}
spec: {egress: [{hosts: ["default/*"]}]}
`);
    expect(seen(narrowed)).to.deep.equal(['b', 'b', 'c', 'c']);
    mesh.source.delete('VirtualService', 'default', 'b');
    mesh.source.delete('VirtualService', 'default', 'c');
    expect(seen()).to.deep.equal([undefined, undefined, undefined, undefined]);
    expect(seen(narrowed)).to.deep.equal([undefined, undefined, undefined, undefined]);
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
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:80'] }));
    const far = (more: string) => route('far', to('far'), more).replace(`[${fqdn}]`, '[books.example.com]');
    const action = () => tableOf(mesh, '80').find(({ name }) => name.startsWith('books'))?.routes[0]?.action.kind;
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
    mesh.source.apply(serviceObjects({ ...reviews, ports: ['http:9080', 'http-b:80'] }));
    mesh.source.apply(route('a', to('a'), '', 'shop'));
    mesh.source.apply(route('b', to('b'), '', 'shop').replace(`[${fqdn}]`, '[books.example.com]'));
    const seen = (namespace: string) =>
      [fqdn, 'books.example.com'].map((name) =>
        tableOf(mesh, '80', { namespace })
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
