import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { endpointSlice, pod, service } from '#test/support/bookinfo.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';

const agent = fileURLToPath(new URL('../../cmd/pilot-agent.ts', import.meta.url));

/** Answers every request with its own port and the request's host. */
const application = (...ports: readonly (number | string)[]) => `
  process.umask(0);
  const ports = ${JSON.stringify(ports)};
  let open = ports.length;
  for (const port of ports) require('node:http').createServer((request, response) => {
    response.end(JSON.stringify({ port, host: request.headers.host }));
  }).listen(port, () => { if (--open === 0) console.log('ready'); });`;

interface Reply {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly port?: number | string;
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
        pod({ app: 'client', version: 'v1', ip: addresses.pod }),
        service('client', '10.96.0.61', 9080),
      ].join('\n'),
    );
    const redirect = await network.run('pod', [
      ...[process.execPath, agent, 'istio-iptables', '-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT'],
      ...['-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020', '--log_output_level=default:info'],
    ]);
    expect(redirect.stderr + redirect.stdout).to.satisfy(() => redirect.code === 0);
    const route = await network.run('pod', ['ip', 'route', 'add', 'default', 'dev', 'eth0']);
    expect(route.stderr).to.equal('');
    stops.push(await network.serve('peer', application(7080, 7777)));
    await mesh.startProxy({
      type: 'sidecar',
      pod: 'client-v1-0',
      namespace: 'bookinfo',
      serviceAccount: 'bookinfo-client',
      ip: addresses.pod,
      labels: { app: 'client', version: 'v1' },
      within: network.command('pod', 1337),
    });
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
  const ask = async (inside: 'pod' | 'peer', url: string, more: object = {}): Promise<Reply> => {
    const script = `
      const options = { timeout: 5000, agent: false, ...${JSON.stringify(more)} };
      const request = require('node:http').get(${JSON.stringify(url)}, options, (response) => {
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
});
