import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { endpointSlice, pod, service } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, startClient } from '#test/support/redirected.ts';

/** Answers every request with its own port and the request's host. */
const application = (...ports: readonly (number | string)[]) => `
  process.umask(0);
  const ports = ${JSON.stringify(ports)};
  let open = ports.length;
  for (const port of ports) require('node:http').createServer((request, response) => {
    response.end(JSON.stringify({ port, host: request.headers.host }));
  }).listen(port, () => { if (--open === 0) console.log('ready'); });`;

interface Reply {
  readonly port: number | string;
}

const sidecar = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec: ${spec}
---`;

describe('a Sidecar on a real proxy with real redirection', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  const stops: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const { addresses } = network;
    mesh.pipeline.objects.apply(
      [
        service('shop', '10.96.0.60', 80),
        // The endpoints of the service stand beside the mesh, as pods without a sidecar.
        pod({ app: 'shop', version: 'v1', ip: addresses.peer, mesh: false }),
        endpointSlice('shop', [{ ip: addresses.peer, pod: 'shop-v1-0' }], 7080),
        service('client', '10.96.0.61', 9080),
      ].join('\n'),
    );
    stops.push(await network.serve('peer', application(7080, 7777)));
    stops.push(await network.serve('pod', application(9090, '\0lateen-app')));
    await startClient(mesh, network);
  });

  after(async () => {
    await mesh?.stop();
    for (const stop of stops) await stop();
    await network?.remove();
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const apply = async (spec: string) => {
    mesh.pipeline.objects.apply(sidecar(spec));
    await mesh.converged();
  };
  /** A request from inside, to a URL or a socket. */
  const ask = (inside: 'pod' | 'peer', url: string, more: object = {}) => askFrom<Reply>(network, inside, url, more);
  const shop = () => ask('pod', 'http://10.96.0.60/', { headers: { host: 'shop' } });
  const unknown = () => ask('pod', `http://${network.addresses.peer}:7777/`);

  it('reaches what it imports, and everything else as if it were not there', async () => {
    await apply('{egress: [{hosts: [./*]}]}');
    expect(await shop()).to.include({ status: 200, port: 7080 });
    await apply('{egress: [{hosts: [./client.bookinfo.svc.cluster.local]}]}');
    expect((await shop()).status).to.be.oneOf([0, 503]);
    await apply('{egress: [{hosts: ["*/*"]}]}');
    expect(await shop()).to.include({ status: 200, port: 7080 });
  });

  it('passes unknown destinations through with ALLOW_ANY and refuses them with REGISTRY_ONLY', async () => {
    await apply('{outboundTrafficPolicy: {mode: ALLOW_ANY}}');
    expect(await unknown()).to.include({ status: 200, port: 7777 });
    await apply('{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}');
    expect((await unknown()).status, 'the connection is closed').to.equal(0);
    expect((await ask('pod', 'http://10.96.0.60/', { headers: { host: 'elsewhere' } })).status).to.equal(502);
    expect(await shop()).to.include({ status: 200 });
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    await apply('{egress: [{hosts: ["*/*"]}]}');
    expect((await unknown()).status, 'as the mesh says').to.equal(0);
    mesh.pipeline.objects.applyMeshConfig({});
    await mesh.converged();
    expect(await unknown()).to.include({ status: 200 });
  });

  it('goes where the host of a request leads with ALLOW_ANY_DYNAMIC_DNS, and where a connection was aimed otherwise', async () => {
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } });
    await apply('{egress: [{hosts: [./*]}]}');
    const host = `${network.addresses.peer}:7080`;
    const misled = (url: string) => ask('pod', url, { headers: { host } });
    expect(await misled(`http://${network.addresses.peer}:7777/`), 'no listener knows the port').to.include({
      port: 7080,
    });
    expect(await misled('http://10.96.0.60/'), 'a service has the port').to.include({ port: 7080 });
    expect(await shop()).to.include({ status: 200, port: 7080 });
    mesh.pipeline.objects.applyMeshConfig({});
    await mesh.converged();
    expect(await misled(`http://${network.addresses.peer}:7777/`)).to.include({ port: 7777 });
  });

  it('sends unknown destinations to the egress proxy', async () => {
    const policy = '{mode: ALLOW_ANY, egressProxy: {host: shop, port: {number: 80}}}';
    await apply(`{egress: [{hosts: [./*]}], outboundTrafficPolicy: ${policy}}`);
    expect(await unknown()).to.include({ status: 200, port: 7080 });
  });

  it('listens by itself with captureMode NONE: on an address, as a proxy, on a socket', async () => {
    await apply(`{egress: [
      {port: {number: 8088, protocol: HTTP_PROXY, name: proxy}, bind: 127.0.0.1, captureMode: NONE, hosts: [./*]},
      {port: {number: 0, protocol: HTTP, name: socket}, bind: "unix://@lateen-out", hosts: [./*]},
      {hosts: [./*]}]}`);
    expect(await ask('pod', 'http://127.0.0.1:8088/', { headers: { host: 'shop:80' } })).to.include({
      status: 200,
      port: 7080,
    });
    const absolute = { hostname: '127.0.0.1', port: 8088, path: 'http://shop.bookinfo.svc.cluster.local:80/' };
    expect(
      await ask('pod', 'http://shop.bookinfo.svc.cluster.local/', absolute),
      'as clients of proxies ask',
    ).to.include({ status: 200, port: 7080 });
    expect(await ask('pod', 'http://shop/', { socketPath: '\0lateen-out' })).to.include({ status: 200, port: 7080 });
    await apply(
      '{egress: [{port: {number: 8089, protocol: TCP, name: tcp}, bind: 127.0.0.1, captureMode: NONE, hosts: [./*]}]}',
    );
    expect((await ask('pod', 'http://127.0.0.1:8088/', { headers: { host: 'shop:80' } })).status).to.equal(0);
  });

  const served = (port: number) => ask('peer', `http://${network.addresses.pod}:${port}/`);
  const ingress = (...listeners: readonly string[]) => apply(`{ingress: [${listeners.join(', ')}]}`);
  const at = (port: number, protocol = 'HTTP') => `port: {number: ${port}, protocol: ${protocol}, name: p}`;

  it('serves on another port than the application, or for an application on a socket', async () => {
    await ingress(
      `{${at(9080)}, defaultEndpoint: "127.0.0.1:9090"}`,
      `{${at(9081)}, defaultEndpoint: "0.0.0.0:9090"}`,
      `{${at(9082)}, defaultEndpoint: "unix://@lateen-app"}`,
      `{${at(9083, 'TCP')}, defaultEndpoint: "127.0.0.1:9090"}`,
    );
    for (const port of [9080, 9081, 9083])
      expect(await served(port), String(port)).to.include({ status: 200, port: 9090 });
    expect(await served(9082)).to.include({ status: 200, port: '\0lateen-app' });
    expect(await served(9090), 'passed through').to.include({ status: 200, port: 9090 });
  });

  it('listens by itself for inbound traffic, also on the port of an outbound listener', async () => {
    await ingress(
      `{${at(9080)}, captureMode: NONE, defaultEndpoint: "0.0.0.0:9090"}`,
      `{${at(9081)}, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:9090"}`,
    );
    const own = `http://${network.addresses.pod}:9080/`;
    expect(await ask('peer', own)).to.include({ status: 200, port: 9090 });
    expect(await ask('pod', own)).to.include({ status: 200, port: 9090 });
    expect(await ask('pod', 'http://127.0.0.1:9081/')).to.include({ status: 200, port: 9090 });
  });

  describe('with TLS of the user’s, where mutual TLS is off', () => {
    const mtls = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: ${mode}}}
---`;
    let folder: string;

    /** Files as an administrator replaces them: the certificate first, then its key. */
    const renew = async (name: string) => {
      const { chain, privateKey } = mesh.authority.issueServer([`${name}.example.com`]);
      await writeFile(join(folder, 'cert.pem'), chain.join(''));
      await writeFile(join(folder, 'key.pem'), privateKey);
      return new X509Certificate(chain[0] ?? '').serialNumber;
    };
    const ending = (more = '') =>
      `tls: {mode: SIMPLE, serverCertificate: ${join(folder, 'cert.pem')}, privateKey: ${join(folder, 'key.pem')}${more}}`;
    /** Status and serial number of the certificate, or what is wrong, of a request over TLS from outside. */
    const askSecurely = async () => {
      const script = `
        const options = { host: ${JSON.stringify(network.addresses.pod)}, port: 9443, servername: 'client.example.com',
          ca: ${JSON.stringify(mesh.authority.rootsPem)}, agent: false, timeout: 5000, checkServerIdentity: () => undefined };
        require('node:https').get(options, (response) => {
          const { serialNumber } = response.socket.getPeerCertificate();
          response.resume().on('end', () => console.log(response.statusCode + ' ' + serialNumber));
        }).on('error', (error) => console.log(error.code ?? error.message));`;
      return (await network.run('peer', [process.execPath, '-e', script], 1000)).stdout.trim();
    };

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'lateen-sidecar-'));
      await chmod(folder, 0o755);
      mesh.pipeline.objects.apply(mtls('DISABLE'));
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('ends it with the files’ certificate, and with the new one when they change', async () => {
      const first = await renew('client');
      await ingress(`{${at(9443, 'HTTPS')}, defaultEndpoint: "127.0.0.1:9090", ${ending()}}`);
      expect(await askSecurely()).to.equal(`200 ${first}`);
      const second = await renew('client');
      await eventually(askSecurely, (reply) => expect(reply).to.equal(`200 ${second}`));
    });

    it('refuses connections while files are missing or ciphers unknown, and everything else follows changes', async () => {
      const plain = `{${at(9084)}, defaultEndpoint: "127.0.0.1:9090"}`;
      const secure = `{${at(9443, 'HTTPS')}, defaultEndpoint: "127.0.0.1:9090", ${ending(', cipherSuites: [NONSENSE, -ALL]')}}`;
      mesh.pipeline.objects.apply(sidecar(`{ingress: [${secure}, ${plain}]}`));
      await eventually(
        () => served(9084),
        (reply) => expect(reply.status).to.equal(200),
      );
      expect(await askSecurely()).to.equal('ECONNRESET');
      mesh.pipeline.objects.apply(mtls('STRICT'));
      await eventually(
        () => served(9084),
        (reply) => expect(reply.status).to.equal(0),
      );
      mesh.pipeline.objects.apply(mtls('DISABLE'));
      const serialNumber = await renew('client');
      await eventually(askSecurely, (reply) => expect(reply).to.equal(`200 ${serialNumber}`));
      await mesh.converged();
    }).timeout(60_000);
  });

  it('serves the ports of services at the loopback address where the mesh says so', async () => {
    mesh.pipeline.objects.apply(service('local', '10.96.0.62', 9090).replace('{app: local}', '{app: client}'));
    await apply('{egress: [{hosts: ["*/*"]}]}');
    mesh.pipeline.objects.applyMeshConfig({ inboundTrafficPolicy: { mode: 'LOCALHOST' } });
    await mesh.converged();
    expect(await served(9090)).to.include({ status: 200, port: 9090 });
  });

  it('waits for a server that speaks first no longer than protocol detection may take', async () => {
    stops.push(await network.listen('peer', [7778]));
    mesh.pipeline.objects.apply(
      service('talker', '10.96.0.63', 7778, 'bookinfo', 'any') +
        pod({ app: 'talker', version: 'v1', ip: network.addresses.peer, mesh: false }) +
        endpointSlice('talker', [{ ip: network.addresses.peer, pod: 'talker-v1-0' }], 7778, 'bookinfo', 'any'),
    );
    mesh.pipeline.objects.applyMeshConfig({ protocolDetectionTimeout: '100ms' });
    await mesh.converged();
    expect(await network.dial('pod', '10.96.0.63', 7778, { uid: 1000 })).to.equal('peer 7778');
  });

  it('is all there is without redirection: whatever it lists listens, and nothing is caught', async () => {
    const { addresses } = network;
    mesh.pipeline.objects.apply(
      [
        service('store', '10.96.0.64', 8000),
        pod({ app: 'store', version: 'v1', ip: addresses.peer, mesh: false }),
        endpointSlice('store', [{ ip: addresses.peer, pod: 'store-v1-0' }], 7080),
        pod({ app: 'plain', version: 'v1', ip: addresses.peer, namespace: 'plain' }),
        sidecar(
          `{ingress: [{${at(8081)}, defaultEndpoint: "127.0.0.1:7080"}], egress: [{hosts: [bookinfo/store.bookinfo.svc.cluster.local]}]}`,
        ).replace('namespace: bookinfo', 'namespace: plain'),
      ].join('\n'),
    );
    const plain = await mesh.startProxy({
      ...{
        type: 'sidecar',
        pod: 'plain-v1-0',
        namespace: 'plain',
        serviceAccount: 'default',
        interceptionMode: 'NONE',
      },
      ...{ ip: addresses.peer, labels: { app: 'plain', version: 'v1' }, within: network.command('peer', 1337) },
    });
    await mesh.converged();
    expect(await ask('peer', 'http://127.0.0.1:8000/', { headers: { host: 'store.bookinfo' } })).to.include({
      status: 200,
      port: 7080,
    });
    expect(await ask('peer', 'http://127.0.0.1:8081/')).to.include({ status: 200, port: 7080 });
    const listeners = (await plain.admin('/listeners')).split('\n').map((line) => line.split('::')[0]);
    expect(listeners).to.include.members(['127.0.0.1_8000', 'inbound_0.0.0.0_8081']).and.not.include('virtualOutbound');
  });
});
