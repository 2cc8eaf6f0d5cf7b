import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { endpointSlice, ingress, ingressProxy, pod, service } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';

const agent = fileURLToPath(new URL('../../cmd/pilot-agent.ts', import.meta.url));
const REVIEWS_VIP = '10.96.0.20';

/** An application: answers every request with its headers, and says hello first on a TCP port. */
const application = `
  require('node:http').createServer((request, response) => {
    response.end(JSON.stringify({ path: request.url, headers: request.headers }));
  }).listen(9080, '0.0.0.0', () => console.log('ready'));`;

const bookinfoRoute = (route: object) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo, namespace: bookinfo}
spec:
  hosts: [bookinfo.example.com]
  gateways: [bookinfo]
  http: [${JSON.stringify(route)}]
---`;

const peerAuthentication = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: ${mode}}}
---`;

interface Reply {
  readonly status: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

describe('a mesh of a gateway and a sidecar with real redirection', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stopApplication: (() => Promise<void>) | undefined;

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
        ingress.replaceAll('10.1.0.9', addresses.peer),
        bookinfoRoute({ route: [{ destination: { host: 'reviews', port: { number: 9080 } } }] }),
      ].join('\n'),
    );
    const redirect = await network.run('pod', [
      ...[process.execPath, agent, 'istio-iptables', '-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT'],
      ...['-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020', '--log_output_level=default:info'],
    ]);
    expect(redirect.stderr + redirect.stdout).to.satisfy(() => redirect.code === 0);
    stopApplication = await network.serve('pod', application);
    const route = await network.run('pod', ['ip', 'route', 'add', 'default', 'dev', 'eth0']);
    expect(route.stderr).to.equal('');
    await mesh.startProxy({
      type: 'sidecar',
      pod: 'reviews-v1-0',
      namespace: 'bookinfo',
      serviceAccount: 'bookinfo-reviews',
      ip: addresses.pod,
      labels: { app: 'reviews', version: 'v1' },
      within: network.command('pod', 1337),
    });
    await mesh.startProxy({
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

  /** A request from inside; status 0 when there was no answer. */
  const ask = async (inside: 'pod' | 'peer', url: string, headers: Record<string, string> = {}): Promise<Reply> => {
    const script = `
      const request = require('node:http').get(${JSON.stringify(url)}, { headers: ${JSON.stringify(headers)}, timeout: 5000 }, (response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; });
        response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, body })));
      });
      request.on('timeout', () => request.destroy(new Error('timeout')));
      request.on('error', () => console.log(JSON.stringify({ status: 0, body: '' })));`;
    const { stdout } = await network.run(inside, [process.execPath, '-e', script], 1000);
    const { status, body } = JSON.parse(stdout) as { status: number; body: string };
    return { status, ...(body.startsWith('{') ? (JSON.parse(body) as object) : {}) };
  };
  const throughGateway = (path = '/', headers: Record<string, string> = {}) =>
    ask('peer', `http://${network.addresses.peer}:8080${path}`, { host: 'bookinfo.example.com', ...headers });

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

  it('serves HTTPS with the certificate of a Secret in the gateway’s own namespace', async () => {
    const script = `
      const options = { host: ${JSON.stringify(network.addresses.peer)}, port: 8443, servername: 'bookinfo.example.com',
        headers: { host: 'bookinfo.example.com' }, ca: ${JSON.stringify(mesh.authority.rootsPem)}, agent: false, timeout: 5000 };
      require('node:https').get(options, (response) => response.resume().on('end', () => console.log(response.statusCode)))
        .on('error', (error) => console.log(error.message));`;
    const { stdout } = await network.run('peer', [process.execPath, '-e', script], 1000);
    expect(stdout.trim()).to.equal('200');
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
    const stop = await network.serve('peer', application.replace('9080', '7777'));
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

  it('refuses plaintext once STRICT, and mutual TLS goes on', async () => {
    mesh.pipeline.objects.apply(peerAuthentication('STRICT'));
    await eventually(
      () => ask('peer', `http://${network.addresses.pod}:9080/`),
      ({ status }) => expect(status).to.equal(0),
    );
    expect(await throughGateway('/', { 'end-user': 'jason' })).to.include({ status: 200 });
  });
});
