import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, serviceObjects } from '../testing/objects.ts';
import type { ProxyFacts } from '../types/proxy.ts';
import type { Cluster, Listener } from '../types/resolved.ts';

const web: Partial<ProxyFacts> = { podName: 'web-1', ipAddresses: ['10.0.0.1'] };

function meshWithWeb(): TestMesh {
  const mesh = createTestMesh();
  mesh.source.apply([
    ...serviceObjects({ name: 'web', address: '10.96.0.1', ports: ['http:80:8080', 'tcp:81:9000'] }),
    podObject({ name: 'web-1', ip: '10.0.0.1', labels: { app: 'web' } }, 'default'),
  ]);
  return mesh;
}

const sidecar = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: default}
spec: ${spec}
`;
const port = (number: number, protocol: string) => `port: {number: ${number}, protocol: ${protocol}, name: p}`;

const listenersOf = (mesh: TestMesh, proxy = web): readonly Listener[] =>
  mesh.read(mesh.queries.inboundListeners, mesh.keysOf(proxy).class ?? '');

/** Ports that a listener has chains for; 0 stands for all others. */
const portsOf = (listener: Listener | undefined): readonly number[] => [
  ...new Set(listener?.filterChains.map(({ match }) => match.destinationPort ?? 0)),
];

function clusterOf(mesh: TestMesh, number: number, proxy = web): Cluster | undefined {
  const clusters = mesh.read(mesh.queries.inboundClusters, mesh.keysOf(proxy).class ?? '');
  return clusters.find(({ name }) => name.direction === 'inbound' && name.port === number);
}

/** `kind address:port from`. */
function reachOf(mesh: TestMesh, number: number, proxy = web): string {
  const cluster = clusterOf(mesh, number, proxy);
  if (cluster === undefined) return 'none';
  const { discovery, upstreamBindAddresses = [] } = cluster;
  const to =
    discovery.kind === 'static'
      ? discovery.endpoints.localities.flatMap(({ endpoints }) =>
          endpoints.map(({ address, port }) => `${address}:${port}`),
        )
      : discovery.kind === 'original-dst'
        ? [discovery.port ?? '']
        : [];
  return [discovery.kind, ...to, ...upstreamBindAddresses].filter((part) => part !== '').join(' ');
}

const all = [15006, 0];

describe('ingress listeners of a Sidecar', () => {
  it('take the place of the ports of the services', () => {
    const mesh = meshWithWeb();
    expect(portsOf(listenersOf(mesh)[0])).to.deep.equal([...all, 8080, 9000]);
    mesh.source.apply(
      sidecar(`{ingress: [{${port(8443, 'HTTP')}, defaultEndpoint: "127.0.0.1:8080"}, {${port(8080, 'GRPC')}}]}`),
    );
    expect(listenersOf(mesh).map(({ name }) => name)).to.deep.equal(['virtualInbound']);
    expect(portsOf(listenersOf(mesh)[0])).to.deep.equal([...all, 8080, 8443]);
    expect(clusterOf(mesh, 9000)).to.equal(undefined);
    expect([8080, 8443].map((number) => clusterOf(mesh, number)?.protocol)).to.deep.equal(['http2', 'http1']);
    expect(clusterOf(mesh, 8080)?.service?.hostname, 'the service that has this target port').to.equal(
      'web.default.svc.cluster.local',
    );
    expect(clusterOf(mesh, 8443)?.service?.hostname).to.equal('web.default');
    expect(clusterOf(mesh, 8443)?.sources.map(({ kind }) => kind)).to.deep.equal(['Sidecar']);
  });

  it('lead to where the connection was aimed, the loopback address, the workload’s own address or a socket', () => {
    const mesh = meshWithWeb();
    const reach = (endpoint: string, proxy = web) => {
      const defaultEndpoint = endpoint === '' ? '' : `, defaultEndpoint: "${endpoint}"`;
      mesh.source.apply(sidecar(`{ingress: [{${port(8000, 'HTTP')}${defaultEndpoint}}]}`));
      return reachOf(mesh, 8000, proxy);
    };
    expect(reach('')).to.equal('original-dst 127.0.0.6');
    expect(reach('127.0.0.1:9')).to.equal('static 127.0.0.1:9');
    expect(reach('[::1]:9'), 'in the family that the workload has').to.equal('static 127.0.0.1:9');
    expect(reach('unix:///run/app.sock')).to.equal('static unix:///run/app.sock:0');
    expect(reach('0.0.0.0:9'), 'without the address of one pod').to.equal('original-dst 9 127.0.0.6');
    const six = { ...web, ipAddresses: ['fd00::1'] };
    expect(reach('127.0.0.1:9', six)).to.equal('static ::1:9');
    expect(reach('[::]:9', six)).to.equal('original-dst 9 ::6');
    const both = { ...web, ipAddresses: ['10.0.0.1', 'fd00::1'] };
    expect(reach('', both)).to.equal('original-dst 127.0.0.6 ::6');
    expect(reach('[::1]:9', both)).to.equal('static ::1:9');
  });

  it('listen by themselves with captureMode NONE, and then know the workload’s address where they must', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(
      sidecar(
        `{ingress: [{${port(8000, 'HTTP')}, captureMode: NONE, defaultEndpoint: "0.0.0.0:9"}, {${port(8001, 'TCP')}, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:9"}]}`,
      ),
    );
    const [virtualInbound, first, second] = listenersOf(mesh);
    expect(portsOf(virtualInbound)).to.deep.equal(all);
    expect(
      [first, second].map((listener) => [
        listener?.name,
        listener?.bindToPort,
        listener?.redirected,
        portsOf(listener),
      ]),
    ).to.deep.equal([
      ['inbound_10.0.0.1_8000', true, undefined, [8000]],
      ['inbound_127.0.0.1_8001', true, undefined, [8001]],
    ]);
    expect([first?.httpInspector, second?.httpInspector, second?.tlsInspector]).to.deep.equal([false, false, true]);
    expect(reachOf(mesh, 8000)).to.equal('static 10.0.0.1:9 127.0.0.6');
    const other = { ...web, podName: 'web-2', ipAddresses: ['10.0.0.2'] };
    expect(mesh.keysOf(other).class).to.not.equal(mesh.keysOf(web).class);
    mesh.source.apply(
      sidecar(
        `{ingress: [{${port(8000, 'HTTP')}, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:9"}]}`,
      ),
    );
    mesh.source.apply([podObject({ name: 'web-2', ip: '10.0.0.2', labels: { app: 'web' } }, 'default')]);
    expect(mesh.keysOf(other).class, 'shared again').to.equal(mesh.keysOf(web).class);
  });

  it('are all there is without redirection', () => {
    const mesh = meshWithWeb();
    const none = { ...web, interceptionMode: 'NONE' } as const;
    expect(listenersOf(mesh, none)).to.deep.equal([]);
    mesh.source.apply(sidecar(`{ingress: [{${port(8000, 'HTTP')}, defaultEndpoint: "127.0.0.1:8080"}]}`));
    expect(listenersOf(mesh, none).map(({ name }) => name)).to.deep.equal(['inbound_0.0.0.0_8000']);
  });

  it('leave the ports of the proxy alone', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(
      sidecar(
        `{ingress: [{${port(15006, 'HTTP')}}, {${port(15021, 'HTTP')}, captureMode: NONE}, {${port(8000, 'HTTP')}}]}`,
      ),
    );
    expect(listenersOf(mesh).flatMap(portsOf)).to.deep.equal([...all, 8000]);
    const facts = mesh.read(mesh.queries.diagnostics, 'Sidecar/Kubernetes/default/web');
    expect(facts.map(({ type, path }) => `${type} ${path}`)).to.deep.equal([
      ...['Conflicted spec.ingress[0].port.number', 'Conflicted spec.ingress[1].port.number'],
    ]);
  });

  it('end TLS with files of the user’s where the mesh’s own is off, and say so where it is not', () => {
    const mesh = meshWithWeb();
    const tls =
      'tls: {mode: MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem, minProtocolVersion: TLSV1_3}';
    mesh.source.apply(sidecar(`{ingress: [{${port(8443, 'HTTPS')}, defaultEndpoint: "127.0.0.1:8080", ${tls}}]}`));
    const chains = () => listenersOf(mesh)[0]?.filterChains.filter(({ match }) => match.destinationPort === 8443) ?? [];
    const facts = () =>
      mesh.read(mesh.queries.diagnostics, 'Sidecar/Kubernetes/default/web').map(({ type, path }) => `${type} ${path}`);
    expect(chains().map((chain) => chain.tls?.kind ?? 'plain')).to.deep.equal(['mesh-mtls', 'plain']);
    expect(facts()).to.deep.equal(['NotHonoured spec.ingress[0].tls']);
    mesh.source.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: default}
spec: {mtls: {mode: DISABLE}}
`);
    expect(facts()).to.deep.equal([]);
    const [only, ...others] = chains();
    expect(others).to.deep.equal([]);
    expect(only?.match).to.deep.equal({ destinationPort: 8443, transportProtocol: 'tls' });
    expect(only?.tls).to.deep.equal({
      ...{ kind: 'server', certificates: [{ certificate: '/c.pem', privateKey: '/k.pem' }], alpn: ['h2', 'http/1.1'] },
      clients: {
        ...{ roots: { file: '/ca.pem' }, optional: false },
        ...{ subjectAltNames: [], certificateHashes: [], publicKeyHashes: [] },
      },
      minProtocolVersion: 'TLSV1_3',
    });
    expect(clusterOf(mesh, 8443)?.protocol, 'what is inside').to.equal('http1');
  });
});

describe('limits towards the application', () => {
  it('are those of the listener, else of the Sidecar, also on the ports of services', () => {
    const mesh = meshWithWeb();
    const limits = (max: number) => `{tcp: {maxConnections: ${max}, connectTimeout: ${max}s}}`;
    const limitOf = (number: number) => [
      clusterOf(mesh, number)?.connectionPool?.maxConnections,
      clusterOf(mesh, number)?.connectTimeoutMs,
    ];
    mesh.source.apply(sidecar(`{inboundConnectionPool: ${limits(5)}}`));
    expect([8080, 9000].map(limitOf)).to.deep.equal([
      [5, 5000],
      [5, 5000],
    ]);
    mesh.source.apply(
      sidecar(
        `{inboundConnectionPool: ${limits(5)}, ingress: [{${port(1, 'HTTP')}, connectionPool: ${limits(7)}}, {${port(2, 'HTTP')}}]}`,
      ),
    );
    expect([1, 2].map(limitOf)).to.deep.equal([
      [7, 7000],
      [5, 5000],
    ]);
  });
});

describe('limits of a DestinationRule', () => {
  const limits = (max: number) => `connectionPool: {tcp: {maxConnections: ${max}, connectTimeout: ${max}s}}`;
  const rule = (policy: string, { namespace = 'default', more = '' } = {}) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: ${namespace}}
spec: {host: web.default.svc.cluster.local, trafficPolicy: {${policy}}${more}}
---`;
  const limitsOf = (mesh: ReturnType<typeof meshWithWeb>) =>
    [8080, 9000].map((number) => {
      const { connectionPool, connectTimeoutMs } = clusterOf(mesh, number) ?? {};
      return [connectionPool?.maxConnections, connectTimeoutMs];
    });

  it('hold where the service is served too, each port with its own', () => {
    const mesh = meshWithWeb();
    expect(limitsOf(mesh)).to.deep.equal([
      [undefined, 10_000],
      [undefined, 10_000],
    ]);
    mesh.source.apply(rule(`${limits(5)}, portLevelSettings: [{port: {number: 81}, ${limits(6)}}]`));
    expect(limitsOf(mesh)).to.deep.equal([
      [5, 5000],
      [6, 6000],
    ]);
    expect(clusterOf(mesh, 8080)?.sources.map(({ kind, name }) => [kind, name])).to.deep.equal([
      ['DestinationRule', 'web'],
    ]);
  });

  it('give way to those of a Sidecar, and are not those of a rule for certain clients', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(rule(limits(5)) + sidecar(`{inboundConnectionPool: {tcp: {maxConnections: 8}}}`));
    expect(clusterOf(mesh, 8080)?.connectionPool?.maxConnections).to.equal(8);
    mesh.source.delete('Sidecar', 'default', 'web');
    mesh.source.apply(rule(limits(5), { more: ', workloadSelector: {matchLabels: {app: web}}' }));
    expect(clusterOf(mesh, 8080)?.connectionPool?.maxConnections).to.equal(undefined);
  });

  it('leave the protocol to the client where they say so, and take the keepalive of the mesh', () => {
    const mesh = meshWithWeb();
    mesh.source.applyMeshConfig({ tcpKeepalive: { probes: 3 } });
    expect(clusterOf(mesh, 8080)).to.deep.include({
      protocol: 'http1',
      connectionPool: { tcpKeepalive: { probes: 3 } },
    });
    mesh.source.apply(rule('connectionPool: {http: {useClientProtocol: true}}'));
    expect(clusterOf(mesh, 8080)?.protocol).to.equal('downstream');
  });
});

describe('inboundTrafficPolicy LOCALHOST', () => {
  it('serves the ports of services at the loopback address', () => {
    const mesh = meshWithWeb();
    mesh.source.applyMeshConfig({ inboundTrafficPolicy: { mode: 'LOCALHOST' } });
    expect(reachOf(mesh, 8080)).to.equal('static 127.0.0.1:8080');
    expect(reachOf(mesh, 8080, { ...web, ipAddresses: ['fd00::1'] })).to.equal('static ::1:8080');
    mesh.source.applyMeshConfig({});
    expect(reachOf(mesh, 8080)).to.equal('original-dst 127.0.0.6');
  });
});
