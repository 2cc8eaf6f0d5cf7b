import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { endpointSlice, ingress, ingressProxy, pod, service } from '#test/support/bookinfo.ts';
import type { RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, redirectPod } from '#test/support/redirected.ts';

const REVIEWS_VIP = '10.96.0.20';

/** An application: answers every request with its path and headers. */
const application = (...ports: readonly number[]) => `
  const ports = ${JSON.stringify(ports)};
  let open = ports.length;
  for (const port of ports) require('node:http').createServer((request, response) => {
    response.end(JSON.stringify({ path: request.url, headers: request.headers }));
  }).listen(port, '0.0.0.0', () => { if (--open === 0) console.log('ready'); });`;

const bookinfoRoute = (route: object) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo, namespace: bookinfo}
spec:
  hosts: [bookinfo.example.com]
  gateways: [bookinfo]
  http: [${JSON.stringify(route)}]
---`;

/** The endpoints of `mixed`: one port per protocol. */
const mixedSlice = (ip: string) => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: mixed-1, namespace: bookinfo, labels: {kubernetes.io/service-name: mixed}}
addressType: IPv4
ports:
- {name: grpc, port: 9081, protocol: TCP}
- {name: tcp, port: 9082, protocol: TCP}
- {name: tls, port: 9083, protocol: TCP}
- {name: detected, port: 9084, protocol: TCP}
- {name: http2, port: 9085, protocol: TCP}
endpoints: [{addresses: [${ip}], conditions: {ready: true}, targetRef: {kind: Pod, name: reviews-v1-0, namespace: bookinfo}}]
---`;

/** Every field that is said to be honoured, in one go. */
const broad = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: broad, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    tls: {mode: ISTIO_MUTUAL}
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 2s, tcpKeepalive: {probes: 3, time: 60s, interval: 10s}}
      http: {http1MaxPendingRequests: 50, http2MaxRequests: 60, maxRequestsPerConnection: 70, maxRetries: 8, idleTimeout: 90s}
    outlierDetection:
      consecutive5xxErrors: 7
      consecutiveGatewayErrors: 5
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 4
      interval: 5s
      baseEjectionTime: 15s
      maxEjectionPercent: 50
      minHealthPercent: 20
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy: {portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: broad, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - name: matched
    match:
    - uri: {regex: '/v[0-9]+'}
      ignoreUriCase: true
      headers: {a: {exact: b}, c: {prefix: d}, e: {regex: 'f.*'}}
      withoutHeaders: {g: {exact: h}}
      queryParams: {q: {exact: x}}
      method: {exact: GET}
      authority: {prefix: reviews}
      scheme: {exact: http}
      port: 9080
    rewrite: {uriRegexRewrite: {match: '/v([0-9]+)', rewrite: '/\\1'}, authority: inner}
    headers: {request: {set: {x: y}, add: {z: w}, remove: [secret]}, response: {set: {k: l}}}
    retries: {attempts: 3, perTryTimeout: 1s, retryOn: '5xx,503'}
    timeout: 4s
    route:
    - destination: {host: reviews, subset: v1}
      weight: 70
      headers: {request: {set: {subset: v1}}}
    - destination: {host: reviews}
      weight: 30
  - match: [{uri: {prefix: /go}}]
    redirect: {uri: /there, authority: elsewhere.example.com, scheme: https, port: 8443, redirectCode: 308}
  - match: [{uri: {exact: /tea}}]
    directResponse: {status: 418, body: {string: short and stout}}
  - route: [{destination: {host: reviews}}]
---
apiVersion: v1
kind: Service
metadata: {name: mixed, namespace: bookinfo}
spec:
  clusterIP: 10.96.0.50
  clusterIPs: [10.96.0.50]
  ipFamilies: [IPv4]
  selector: {app: reviews}
  ports:
  - {name: grpc, port: 7001, targetPort: 9081}
  - {name: tcp, port: 7002, targetPort: 9082}
  - {name: tls, port: 7003, targetPort: 9083}
  - {name: detected, port: 7004, targetPort: 9084}
  - {name: http2, port: 7005, targetPort: 9085}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: bookinfo}
spec: {clusterIP: None, clusterIPs: [None], ipFamilies: [IPv4], selector: {app: reviews}, ports: [{name: http, port: 9080, targetPort: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: broad, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [secure.example.com]
    tls: {httpsRedirect: true}
  - port: {number: 443, name: mutual, protocol: HTTPS}
    hosts: [mutual.example.com]
    tls: {mode: MUTUAL, credentialName: bookinfo-cert, minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_3, cipherSuites: [ECDHE-ECDSA-AES128-GCM-SHA256]}
---`;

const peerAuthentication = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: ${mode}}}
---`;

interface Reply {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

describe('a mesh of a gateway and a sidecar with real redirection', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stopApplication: (() => Promise<void>) | undefined;
  let sidecar: RunningEnvoy | undefined;
  let gateway: RunningEnvoy | undefined;

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const { addresses } = network;
    const { chain, privateKey } = mesh.authority.issueServer(['bookinfo.example.com']);
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    mesh.pipeline.objects.apply([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'bookinfo-cert', namespace: 'istio-system' },
        ...{ type: 'kubernetes.io/tls', data: { 'tls.crt': base64(chain.join('')), 'tls.key': base64(privateKey) } },
      },
    ]);
    mesh.pipeline.objects.apply(
      [
        service('reviews', REVIEWS_VIP),
        pod({ app: 'reviews', version: 'v1', ip: addresses.pod }),
        endpointSlice('reviews', [{ ip: addresses.pod, pod: 'reviews-v1-0' }]),
        mixedSlice(addresses.pod),
        ingress.replaceAll('10.1.0.9', addresses.peer),
        bookinfoRoute({ route: [{ destination: { host: 'reviews', port: { number: 9080 } } }] }),
      ].join('\n'),
    );
    await redirectPod(network);
    stopApplication = await network.serve('pod', application(9080, 9082, 9084));
    sidecar = await mesh.startProxy({
      type: 'sidecar',
      pod: 'reviews-v1-0',
      namespace: 'bookinfo',
      serviceAccount: 'bookinfo-reviews',
      ip: addresses.pod,
      labels: { app: 'reviews', version: 'v1' },
      within: network.command('pod', 1337),
    });
    gateway = await mesh.startProxy({
      ...{ type: 'router', pod: ingressProxy.podName, namespace: ingressProxy.namespace },
      ...{ serviceAccount: ingressProxy.serviceAccount, ip: addresses.peer, labels: ingressProxy.labels },
      within: network.command('peer', 1337),
    });
  });

  after(async () => {
    await mesh?.stop();
    await stopApplication?.();
    await network?.remove();
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const ask = (inside: 'pod' | 'peer', url: string, headers: Record<string, string> = {}) =>
    askFrom<Reply>(network, inside, url, { headers });
  const throughGateway = (path = '/', headers: Record<string, string> = {}) =>
    ask('peer', `http://${network.addresses.peer}:8080${path}`, { host: 'bookinfo.example.com', ...headers });

  /** Status and serial number of the certificate, or what is wrong, of a request to the gateway over HTTPS. */
  const askSecurely = async (host: string) => {
    const script = `
      const options = { host: ${JSON.stringify(network.addresses.peer)}, port: 8443, servername: ${JSON.stringify(host)},
        headers: { host: ${JSON.stringify(host)} }, ca: ${JSON.stringify(mesh.authority.rootsPem)}, agent: false, timeout: 5000 };
      require('node:https').get(options, (response) => {
        const { serialNumber } = response.socket.getPeerCertificate();
        response.resume().on('end', () => console.log(response.statusCode + ' ' + serialNumber));
      }).on('error', (error) => console.log(error.message));`;
    return (await network.run('peer', [process.execPath, '-e', script], 1000)).stdout.trim();
  };

  it('carries a request from the gateway over mutual TLS with SPIFFE identities', async () => {
    const { status, headers } = await eventually(
      () => throughGateway('/hello'),
      (reply) => expect(reply.status).to.equal(200),
    );
    expect(status).to.equal(200);
    expect(headers?.['x-forwarded-client-cert'])
      .to.contain('By=spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews')
      .and.contain('URI=spiffe://cluster.local/ns/istio-system/sa/ingress');
    expect(headers).to.have.property('x-request-id');
  });

  it('counts the request on both sides, with who called whom', async () => {
    const requests = async (envoy: RunningEnvoy | undefined) =>
      ((await envoy?.admin('/stats/prometheus')) ?? '')
        .split('\n')
        .filter((line) => line.startsWith('envoy_istio_requests_total{'))
        .join('\n');
    expect(await requests(sidecar))
      .to.contain('reporter="destination"')
      .and.contain('connection_security_policy="mutual_tls"')
      .and.contain('source_principal="spiffe://cluster.local/ns/istio-system/sa/ingress"')
      .and.contain('destination_workload="reviews-v1-0"')
      .and.contain('destination_service="reviews.bookinfo.svc.cluster.local"');
    expect(await requests(gateway))
      .to.contain('reporter="source"')
      .and.contain('destination_principal="spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews"')
      .and.contain('destination_app="reviews"')
      .and.contain('destination_service_name="reviews"');
  });

  it('serves HTTPS with the certificate of a Secret in the gateway’s own namespace', async () => {
    expect(await askSecurely('bookinfo.example.com')).to.match(/^200 /);
  });

  it('serves HTTPS with the certificate of files in the gateway’s own container, and with the one that replaces it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lateen-gateway-'));
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const renew = async () => {
      const { chain, privateKey } = mesh.authority.issueServer(['files.example.com']);
      await writeFile(certificate, chain.join(''));
      await writeFile(key, privateKey);
      return new X509Certificate(chain[0] ?? '').serialNumber;
    };
    await chmod(folder, 0o755);
    try {
      const first = await renew();
      mesh.pipeline.objects.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: files, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: files, protocol: HTTPS}
    hosts: [files.example.com]
    tls: {mode: SIMPLE, serverCertificate: ${certificate}, privateKey: ${key}}
`);
      // Nothing routes the host; what counts here is who answers.
      const secured = (serial: string) =>
        eventually(
          () => askSecurely('files.example.com'),
          (reply) => expect(reply).to.equal(`404 ${serial}`),
        );
      await secured(first);
      await secured(await renew());
    } finally {
      mesh.pipeline.objects.delete('Gateway', 'bookinfo', 'files');
      await rm(folder, { recursive: true });
    }
  });

  it('takes plaintext from outside of the mesh while PERMISSIVE', async () => {
    const { status, headers } = await ask('peer', `http://${network.addresses.pod}:9080/`);
    expect(status).to.equal(200);
    expect(headers).not.to.have.property('x-forwarded-client-cert');
  });

  it('sends the application’s own requests to a service’s address through the mesh', async () => {
    const { status, headers } = await ask('pod', `http://${REVIEWS_VIP}:9080/`, { host: 'reviews:9080' });
    expect(status).to.equal(200);
    expect(headers?.['x-forwarded-client-cert']).to.contain(
      'URI=spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews',
    );
  });

  it('passes requests to unknown hosts through', async () => {
    const stop = await network.serve('peer', application(7777));
    const { status } = await ask('pod', `http://${network.addresses.peer}:7777/`);
    await stop();
    expect(status).to.equal(200);
  });

  it('obeys a changed VirtualService: header match, rewrite, direct answer', async () => {
    mesh.pipeline.objects.apply(
      bookinfoRoute({
        match: [{ headers: { 'end-user': { exact: 'jason' } } }],
        rewrite: { uri: '/rewritten' },
        route: [{ destination: { host: 'reviews', port: { number: 9080 } } }],
      }),
    );
    await eventually(
      () => throughGateway('/'),
      ({ status }) => expect(status).to.equal(404),
    );
    expect(await throughGateway('/', { 'end-user': 'jason' })).to.include({ status: 200, path: '/rewritten' });
  });

  it('accepts what becomes of every honoured field, and obeys some of it', async () => {
    mesh.pipeline.objects.apply(broad);
    const reviews = (path: string, headers: Record<string, string> = {}) =>
      ask('pod', `http://${REVIEWS_VIP}:9080${path}`, { host: 'reviews:9080', ...headers });
    await eventually(
      () => reviews('/tea'),
      ({ status }) => expect(status).to.equal(418),
    );
    expect((await reviews('/go')).status).to.equal(308);
    const matched = await reviews('/v7?q=x', { a: 'b', c: 'do', e: 'fine', secret: '1' });
    expect(matched).to.include({ status: 200, path: '/7?q=x' });
    expect(matched.headers).to.include({ host: 'inner', x: 'y', z: 'w' }).and.not.to.have.property('secret');
    for (const port of [7002, 7004]) {
      expect((await ask('pod', `http://10.96.0.50:${port}/`, { host: 'mixed' })).status, `port ${port}`).to.equal(200);
    }
    expect(await sidecar?.admin('/clusters'), 'on the side of the server')
      .to.contain('inbound|9080||::default_priority::max_connections::100')
      .and.contain('inbound|9080||::default_priority::max_pending_requests::50');
  });

  it('refuses plaintext once STRICT, and mutual TLS goes on', async () => {
    mesh.pipeline.objects.apply(peerAuthentication('STRICT'));
    await eventually(
      () => ask('peer', `http://${network.addresses.pod}:9080/`),
      ({ status }) => expect(status).to.equal(0),
    );
    expect(await throughGateway('/', { 'end-user': 'jason' })).to.include({ status: 200 });
  });
});
