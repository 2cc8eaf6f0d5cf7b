import { expect } from 'chai';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, reviews, serviceObjects } from '../testing/objects.ts';

const unchecked = { subjectAltNames: [], certificateHashes: [], publicKeyHashes: [] };

const ingress = { app: 'istio-ingressgateway', istio: 'ingressgateway' };

function meshWithIngress(yaml: string): { readonly mesh: TestMesh; readonly gateway: string } {
  const mesh = createTestMesh();
  mesh.source.apply([
    ...serviceObjects(reviews),
    ...serviceObjects({
      name: 'istio-ingressgateway',
      namespace: 'istio-system',
      address: '10.96.0.2',
      ports: ['http2:80:8080', 'https:443:8443'],
      selector: ingress,
    }),
    podObject({ name: 'ingress-1', ip: '10.0.0.9', labels: ingress }, 'istio-system'),
  ]);
  mesh.source.apply(yaml);
  const keys = mesh.keysOf({ type: 'router', namespace: 'istio-system', podName: 'ingress-1' });
  expect(keys.class).to.equal(undefined);
  return { mesh, gateway: keys.gateway ?? '' };
}

function hostsOf(mesh: TestMesh, gateway: string, table: string) {
  const key = mesh.read(mesh.queries.gatewayRouteTables, gateway).find((name) => name.endsWith(`|${table}`)) ?? '';
  return mesh
    .read(mesh.queries.gatewayRouteTable, key)
    .virtualHosts.map((host) => mesh.read(mesh.queries.gatewayVirtualHost, host));
}

/** A Gateway for the ingress up to its list of servers. */
const gatewayOf = (name: string) => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:`;

const bookinfo = `
${gatewayOf('bookinfo')}
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*.example.com"]
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: bookinfo-cert}
    hosts: [books.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo, namespace: default}
spec:
  hosts: [books.example.com, elsewhere.org]
  gateways: [bookinfo]
  http:
  - match: [{uri: {exact: /productpage}}]
    route: [{destination: {host: reviews, port: {number: 9080}}}]
`;

describe('gateways', () => {
  it('listen on the target ports of the services that select the router', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo);
    const listeners = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(listeners.map((listener) => listener.name)).to.deep.equal(['0.0.0.0_8080', '0.0.0.0_8443']);
    expect(listeners[1]?.filterChains.map((chain) => [chain.name, chain.match, chain.tls])).to.deep.equal([
      [
        'https.443.https.bookinfo.default',
        { serverNames: ['books.example.com'] },
        { kind: 'server', certificates: [{ secret: 'kubernetes://bookinfo-cert' }], alpn: ['h2', 'http/1.1'] },
      ],
    ]);
    expect(listeners.map((listener) => listener.sources[0]?.name)).to.deep.equal(['bookinfo', 'bookinfo']);
  });

  it('serve the hosts that a server and a VirtualService have in common', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo);
    const [host, ...others] = hostsOf(mesh, gateway, 'http.8080');
    expect(others).to.deep.equal([]);
    expect(host?.name).to.equal('books.example.com:80');
    expect(host?.domains).to.deep.equal(['books.example.com']);
    expect(host?.routes[0]?.match.path).to.deep.equal({ kind: 'exact', value: '/productpage' });
    expect(host?.sources.map((source) => source.kind)).to.deep.equal(['Gateway', 'VirtualService']);
    expect(hostsOf(mesh, gateway, 'https.443.https.bookinfo.default').map((found) => found.name)).to.deep.equal([
      'books.example.com:443',
    ]);
  });

  it('know addresses as requests name them', () => {
    const { mesh, gateway } = meshWithIngress(
      bookinfo.replace('"*.example.com"', '"*"').replace('elsewhere.org', '"2001:db8::1"'),
    );
    const domains = hostsOf(mesh, gateway, 'http.8080').flatMap((host) => host.domains);
    expect(domains).to.deep.equal(['[2001:db8::1]', 'books.example.com']);
  });

  it('answer 404 to hosts that nothing routes', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo);
    mesh.source.delete('VirtualService', 'default', 'bookinfo');
    expect(hostsOf(mesh, gateway, 'http.8080').map((host) => [host.name, host.domains, host.routes])).to.deep.equal([
      ['blackhole:80', ['*'], []],
    ]);
  });

  it('test the labels of their pods that routes name, and are told apart by no others', () => {
    const { mesh, gateway } = meshWithIngress(
      bookinfo.replace('match: [{uri: {exact: /productpage}}]', 'match: [{sourceLabels: {tier: edge}}]'),
    );
    expect(hostsOf(mesh, gateway, 'http.8080').map((host) => host.name)).to.deep.equal(['blackhole:80']);
    const labelled = (hash: string, more: Readonly<Record<string, string>> = {}) => {
      const labels = { ...ingress, 'pod-template-hash': hash, ...more };
      mesh.source.apply([podObject({ name: `ingress-${hash}`, ip: '10.0.0.10', labels }, 'istio-system')]);
      return mesh.keysOf({ type: 'router', namespace: 'istio-system', podName: `ingress-${hash}` });
    };
    const edge = labelled('a', { tier: 'edge' });
    expect(hostsOf(mesh, edge.gateway ?? '', 'http.8080').map((host) => host.name)).to.deep.equal([
      'books.example.com:80',
    ]);
    expect(labelled('b', { tier: 'edge' })).to.deep.equal(edge);
    mesh.source.apply(bookinfo);
    expect(labelled('c', { tier: 'edge' })).to.deep.equal(labelled('d', { tier: 'core' }));
  });

  it('redirect to HTTPS where a server asks for it, with or without routes', () => {
    const { mesh, gateway } = meshWithIngress(`
${gatewayOf('redirect')}
  - port: {number: 80, name: http, protocol: HTTP}
    tls: {httpsRedirect: true}
    hosts: [a.example.com]
`);
    expect(hostsOf(mesh, gateway, 'http.8080').map((host) => [host.domains, host.requireTls])).to.deep.equal([
      [['a.example.com'], true],
    ]);
  });

  it('redirect a host to HTTPS that any server of the port redirects', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo);
    mesh.source.apply(`
${gatewayOf('redirect')}
  - port: {number: 80, name: http, protocol: HTTP}
    tls: {httpsRedirect: true}
    hosts: [books.example.com]
`);
    expect(
      hostsOf(mesh, gateway, 'http.8080').map((host) => [host.domains, host.requireTls, host.routes.length]),
    ).to.deep.equal([[['books.example.com'], true, 1]]);
  });

  it('leave a host to others where a VirtualService has no route for the gateway', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo.replace('{uri: {exact: /productpage}}', '{gateways: [mesh]}'));
    expect(hostsOf(mesh, gateway, 'http.8080').map((host) => host.name)).to.deep.equal(['blackhole:80']);
  });

  it('redirect to the port that was asked for, unless it is the usual one', () => {
    const { mesh, gateway } = meshWithIngress(
      bookinfo.replace(/- match: [\s\S]*/, '- redirect: {authority: a.example.com, derivePort: FROM_REQUEST_PORT}'),
    );
    const portOf = (table: string) => {
      const action = hostsOf(mesh, gateway, table)[0]?.routes[0]?.action;
      return action?.kind === 'redirect' ? action.port : action?.kind;
    };
    expect(portOf('http.8080')).to.equal(undefined);
    expect(portOf('https.443.https.bookinfo.default')).to.equal(undefined);
  });

  it('know TLS servers by whole labels, and pass through what a server and a route have in common', () => {
    const { mesh, gateway } = meshWithIngress(`
${gatewayOf('through')}
  - port: {number: 443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: ["*.example.com", "*-b.example.org"]
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: cert}
    hosts: ["*-c.example.org", d.example.org]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: through, namespace: default}
spec:
  hosts: ["*.example.com", "*.example.org"]
  gateways: [through]
  tls:
  - match: [{sniHosts: [a.example.com, a.example.org]}]
    route: [{destination: {host: reviews, port: {number: 9080}}}]
  - match: [{sniHosts: ["*.example.org"]}]
    route: [{destination: {host: reviews, port: {number: 9080}}}]
`);
    const [listener] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(listener?.filterChains.map((chain) => chain.match)).to.deep.equal([
      { serverNames: ['a.example.com'] },
      { serverNames: ['d.example.org'] },
    ]);
  });

  it('take VirtualServices of the named namespace only', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo.replace('"*.example.com"', '"other/*.example.com"'));
    expect(hostsOf(mesh, gateway, 'http.8080').map((host) => host.name)).to.deep.equal(['blackhole:80']);
  });

  it('merge the routes of several VirtualServices on one host, the oldest first and what catches all last', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo);
    const more = (name: string, match: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [books.example.com]
  gateways: [default/bookinfo]
  http: [{${match} route: [{destination: {host: ${name}}}]}]
---
`;
    mesh.source.apply(more('all', '') + more('late', 'match: [{uri: {prefix: /late}}],'));
    const [host] = hostsOf(mesh, gateway, 'http.8080');
    expect(host?.routes.map((route) => route.match.path.value)).to.deep.equal(['/productpage', '/late', '/']);
  });

  it('are not selected by labels that the router lacks', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo.replace('istio: ingressgateway', 'istio: egressgateway'));
    expect(mesh.read(mesh.queries.gatewayListeners, gateway)).to.deep.equal([]);
  });

  it('never serve a port as two protocols: the older server keeps it', () => {
    const { mesh, gateway } = meshWithIngress(`${bookinfo}
---
${gatewayOf('late')}
  - port: {number: 80, name: tls, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: late}
    hosts: ["*"]
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: late}
    hosts: [books.example.com, more.example.com]
`);
    const plan = mesh.read(mesh.queries.gatewayServers, gateway);
    expect(plan.conflicts.map(({ index, host }) => [index, host])).to.deep.equal([
      [0, undefined],
      [1, 'books.example.com'],
    ]);
    const tls = mesh.read(mesh.queries.gatewayListeners, gateway)[1];
    expect(tls?.filterChains.map((chain) => chain.match.serverNames)).to.deep.equal([
      ['books.example.com'],
      ['more.example.com'],
    ]);
  });

  it('close a TLS server that they cannot serve as it says rather than answer in plaintext or let everybody in', () => {
    const named = (tls: string) =>
      meshWithIngress(bookinfo.replace('mode: SIMPLE, credentialName: bookinfo-cert', tls));
    for (const tls of [
      'mode: SIMPLE',
      'mode: OPTIONAL_MUTUAL, serverCertificate: /a.crt, privateKey: /a.key',
      'mode: MUTUAL, serverCertificate: /a.crt, caCertificates: /ca.crt',
      'mode: SIMPLE, tlsCertificates: [{serverCertificate: /a.crt, privateKey: /a.key}, {serverCertificate: /b.crt}]',
    ]) {
      const { mesh, gateway } = named(tls);
      const names = mesh.read(mesh.queries.gatewayListeners, gateway).map((listener) => listener.name);
      expect(names, tls).not.to.include('0.0.0.0_8443');
    }
  });

  it('pass TLS through where no mode says otherwise', () => {
    const { mesh, gateway } = meshWithIngress(
      bookinfo
        .replace('mode: SIMPLE, ', '')
        .replace(
          '  http:\n',
          '  tls: [{match: [{sniHosts: [books.example.com]}], route: [{destination: {host: reviews}}]}]\n  http:\n',
        ),
    );
    const [, secure] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(secure?.filterChains.map(({ tls, handler }) => [tls, handler.kind])).to.deep.equal([[undefined, 'tcp']]);
    expect([...mesh.read(mesh.queries.gatewaySecretUsers, gateway).keys()]).to.deep.equal([]);
  });

  it('show a certificate for each kind of key, and let in the clients that the server names', () => {
    const tls =
      'mode: OPTIONAL_MUTUAL, credentialNames: [rsa, ecdsa], caCertCredentialName: roots, subjectAltNames: [a.example.org]';
    const { mesh, gateway } = meshWithIngress(bookinfo.replace('mode: SIMPLE, credentialName: bookinfo-cert', tls));
    const [, secure] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(secure?.filterChains[0]?.tls).to.deep.equal({
      kind: 'server',
      certificates: [{ secret: 'kubernetes://rsa' }, { secret: 'kubernetes://ecdsa' }],
      alpn: ['h2', 'http/1.1'],
      clients: {
        ...{ roots: { secret: 'kubernetes://roots-cacert' }, optional: true },
        ...{ ...unchecked, subjectAltNames: ['a.example.org'] },
      },
    });
    expect(mesh.read(mesh.queries.referencedSecrets, '').map((key) => key.split('/').at(-1))).to.deep.equal([
      ...['ecdsa', 'roots', 'roots-cacert', 'rsa'],
    ]);
    // What clients are checked against is never the certificate that stands beside it.
    const [pair, roots] = [mintKeyPair(), mintKeyPair()];
    mesh.source.apply([
      {
        kind: 'Secret',
        metadata: { name: 'roots', namespace: 'istio-system' },
        ...{
          data: {
            'tls.crt': base64(pair.certificate),
            'tls.key': base64(pair.key),
            'ca.crt': base64(roots.certificate),
          },
        },
      },
    ]);
    const found = mesh.read(mesh.queries.gatewaySecret, 'Kubernetes/istio-system/kubernetes://roots-cacert');
    expect(found?.kind === 'roots' && Buffer.from(found.caCertificates).toString()).to.equal(roots.certificate);
  });

  it('end TLS with files in their own container, and check clients against one', () => {
    const files =
      'serverCertificate: /a.crt, privateKey: /a.key, caCertificates: /ca.crt, cipherSuites: [NONSENSE], ecdhCurves: [P-384, X, P-384]';
    const { mesh, gateway } = meshWithIngress(
      bookinfo.replace('mode: SIMPLE', 'mode: MUTUAL').replace('credentialName: bookinfo-cert', files),
    );
    const [, secure] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(secure?.filterChains.map(({ tls }) => tls)).to.deep.equal([
      {
        ...{
          kind: 'server',
          certificates: [{ certificate: '/a.crt', privateKey: '/a.key' }],
          alpn: ['h2', 'http/1.1'],
        },
        clients: { roots: { file: '/ca.crt' }, optional: false, ...unchecked },
        ecdhCurves: ['P-384'],
      },
    ]);
    expect([...mesh.read(mesh.queries.gatewaySecretUsers, gateway).keys()]).to.have.members([]);
  });

  it('name the secrets of their routers, and find roots beside the certificate or apart from it', () => {
    const { mesh, gateway } = meshWithIngress(bookinfo.replace('mode: SIMPLE', 'mode: MUTUAL'));
    expect([...mesh.read(mesh.queries.gatewaySecretUsers, gateway).keys()]).to.have.members([
      'kubernetes://bookinfo-cert',
      'kubernetes://bookinfo-cert-cacert',
    ]);
    expect(mesh.read(mesh.queries.referencedSecrets, '')).to.deep.equal([
      'Kubernetes/istio-system/bookinfo-cert',
      'Kubernetes/istio-system/bookinfo-cert-cacert',
    ]);
    const pair = mintKeyPair();
    const roots = 'Kubernetes/istio-system/kubernetes://bookinfo-cert-cacert';
    expect(mesh.read(mesh.queries.gatewaySecret, roots)).to.equal(undefined);
    mesh.source.apply([
      {
        kind: 'Secret',
        metadata: { name: 'bookinfo-cert', namespace: 'istio-system' },
        ...{
          data: {
            'tls.crt': base64(pair.certificate),
            'tls.key': base64(pair.key),
            'ca.crt': base64(`ca\n${pair.certificate}`),
          },
        },
      },
    ]);
    const found = mesh.read(mesh.queries.gatewaySecret, roots);
    expect(found?.kind === 'roots' && Buffer.from(found.caCertificates).toString()).to.match(/^ca\n/);
    expect(mesh.read(mesh.queries.gatewaySecret, 'Kubernetes/istio-system/kubernetes://bookinfo-cert')?.kind).to.equal(
      'certificate',
    );
  });

  it('pass TLS through by server name and TCP by port', () => {
    const { mesh, gateway } = meshWithIngress(`
${gatewayOf('raw')}
  - port: {number: 443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: ["*.example.com"]
  - port: {number: 9000, name: tcp, protocol: TCP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: raw, namespace: default}
spec:
  hosts: ["*"]
  gateways: [raw]
  tls:
  - match: [{sniHosts: [a.example.com]}]
    route: [{destination: {host: reviews, port: {number: 9080}}}]
  - match: [{sniHosts: [other.org]}]
    route: [{destination: {host: reviews, port: {number: 9080}}}]
  tcp:
  - match: [{port: 9000}]
    route: [{destination: {host: reviews}}]
`);
    const [tls, tcp] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(tls?.filterChains.map((chain) => [chain.match.serverNames, chain.tls])).to.deep.equal([
      [['a.example.com'], undefined],
    ]);
    expect(tcp?.filterChains.map((chain) => chain.handler.kind === 'tcp' && chain.handler.clusters)).to.deep.equal([
      [
        {
          cluster: { direction: 'outbound', port: 9080, subset: '', hostname: 'reviews.default.svc.cluster.local' },
          weight: 1,
        },
      ],
    ]);
  });

  it('do not ask who connects', () => {
    const callers = 'sourceLabels: {app: web}, sourceNamespace: far';
    const { mesh, gateway } = meshWithIngress(`
${gatewayOf('raw')}
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: raw, namespace: default}
spec:
  hosts: ["*"]
  gateways: [raw]
  tls: [{match: [{sniHosts: [a.example.com], ${callers}}], route: [{destination: {host: reviews}}]}]
  tcp: [{match: [{port: 9000, ${callers}}], route: [{destination: {host: reviews}}]}]
`);
    const listeners = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(listeners.map(({ filterChains }) => filterChains.map(({ match }) => match.serverNames))).to.deep.equal([
      [['a.example.com']],
      [undefined],
    ]);
  });

  it('never match the same connection twice, whatever several VirtualServices say', () => {
    const raw = (name: string, hosts: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: ["*"]
  gateways: [raw]
  tls: [{match: [{sniHosts: ${hosts}}], route: [{destination: {host: ${name}}}]}]
  tcp: [{match: [{port: 9000}], route: [{destination: {host: ${name}}}]}]
`;
    const { mesh, gateway } = meshWithIngress(
      [
        `
${gatewayOf('raw')}
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 0, name: socket, protocol: TCP}, bind: "unix:///tmp/x", hosts: ["*"]}
`,
        raw('one', '[a.example.com, b.example.com]'),
        raw('two', '[b.example.com, c.example.com]'),
      ].join('---'),
    );
    const [tls, tcp, ...others] = mesh.read(mesh.queries.gatewayListeners, gateway);
    expect(tls?.filterChains.map((chain) => chain.match.serverNames)).to.deep.equal([
      ['a.example.com', 'b.example.com'],
      ['c.example.com'],
    ]);
    expect(tcp?.filterChains.map((chain) => chain.sources.at(-1)?.name)).to.deep.equal(['one']);
    expect(others).to.deep.equal([]);
    expect(
      mesh.read(mesh.queries.diagnostics, 'Gateway/Kubernetes/default/raw').map((fact) => fact.path),
    ).to.deep.equal(['spec.servers[2].bind']);
  });
});
