import { expect } from 'chai';
import { endpointSlice, pod, service } from '#test/support/bookinfo.ts';
import type { RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { redirectPod, startClient } from '#test/support/redirected.ts';

const VIP = '10.96.0.60';
const PORT = 9090;

/** One port for all: HTTP/1.1, also upgraded, HTTP/2 and bytes. What it answers shows how it was reached. */
const application = `
  const describe = ({ httpVersion, headers }) =>
    JSON.stringify({ version: httpVersion, client: headers['x-forwarded-client-cert'] ?? '' });
  const answer = (request, response) => response.end(describe(request));
  const http1 = require('node:http').createServer(answer).on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n');
    socket.once('data', (bytes) => socket.write(bytes + describe(request)));
  });
  const http2 = require('node:http2').createServer(answer);
  require('node:net').createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first) => {
      const server = { PRI: http2, GET: http1 }[first.toString('latin1', 0, 3)];
      if (server === undefined) return socket.end('bytes ' + first);
      socket.pause();
      socket.unshift(first);
      server.emit('connection', socket);
      if (server === http1) socket.resume();
    });
  }).listen(${PORT}, '0.0.0.0', () => console.log('ready'));`;

/** Clients: each prints what came back, or what went wrong. */
const clients = {
  http1: `
    require('node:http').get({ ...server, agent: false }, (response) => response.pipe(process.stdout)).on('error', fail);`,
  http2: `
    const session = require('node:http2').connect('http://' + server.host + ':' + server.port).on('error', fail);
    session.request({ ':path': '/' }).on('error', fail).on('close', () => session.close()).pipe(process.stdout);`,
  websocket: `
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    require('node:http').get({ ...server, headers, agent: false }).on('error', fail).on('upgrade', (response, socket) => {
      socket.on('data', (bytes) => {
        process.stdout.write(bytes);
        if (String(bytes).endsWith('}')) socket.destroy();
      });
      socket.write('hello ');
    });`,
  tcp: `
    const socket = require('node:net').connect(server, () => socket.write('hello\\n')).on('error', fail);
    socket.pipe(process.stdout);`,
} as const;

const identity = 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-client';
const caller = `URI=${identity}`;
const counted = [`source_principal="${identity}"`, 'connection_security_policy="mutual_tls"'];

describe('a port that declares no protocol, between two sidecars with mutual TLS as the only way in', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stopApplication: (() => Promise<void>) | undefined;
  let client: RunningEnvoy;
  let server: RunningEnvoy;

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const ip = network.addresses.peer;
    mesh.pipeline.objects.apply(
      [
        service('any', VIP, PORT, 'bookinfo', 'any'),
        pod({ app: 'any', version: 'v1', ip, port: PORT }),
        endpointSlice('any', [{ ip, pod: 'any-v1-0' }], PORT, 'bookinfo', 'any'),
        `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: STRICT}}
`,
      ].join('\n'),
    );
    stopApplication = await network.serve('peer', application);
    await redirectPod(network, 'peer');
    server = await mesh.startProxy({
      ...{ type: 'sidecar', pod: 'any-v1-0', namespace: 'bookinfo', serviceAccount: 'bookinfo-any', ip },
      ...{ labels: { app: 'any', version: 'v1' }, within: network.command('peer', 1337) },
    });
    client = await startClient(mesh, network);
    await mesh.converged();
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

  const call = async (kind: keyof typeof clients): Promise<string> => {
    const script = `
      const server = ${JSON.stringify({ host: VIP, port: PORT })};
      const fail = (error) => process.stdout.write(String(error));
      setTimeout(() => process.exit(), 10_000).unref();
      ${clients[kind]}`;
    return (await network.run('pod', [process.execPath, '-e', script], 1000)).stdout;
  };
  /** What the server's sidecar has counted so far of what this caller sent over mutual TLS. */
  const counts = async () => {
    const lines = (await server.admin('/stats/prometheus')).split('\n');
    const sum = (name: string) =>
      lines
        .filter((line) => line.startsWith(`envoy_istio_${name}{`) && counted.every((label) => line.includes(label)))
        .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
    return { requests: sum('requests_total'), connections: sum('tcp_connections_closed_total') };
  };
  /** Connections that the client's sidecar has opened to the server's so far. */
  const openedConnections = async (): Promise<number> => {
    const [, total] = /any\.\S+:9090::cx_total::(\d+)/.exec(await client.admin('/clusters')) ?? [];
    return Number(total);
  };

  for (const [kind, version] of [
    ['http1', '1.1'],
    ['http2', '2.0'],
    ['websocket', '1.1'],
  ] as const) {
    it(`carries HTTP (${kind}) as such, and the server sees who called`, async () => {
      const answer = await call(kind);
      expect(answer).to.contain(`"version":"${version}"`).and.contain(caller);
    });
  }

  it('keeps a connection for HTTP/1.1 and one for HTTP/2, and uses them again', async () => {
    await call('http1');
    await call('http2');
    const opened = await openedConnections();
    expect(opened).to.be.at.least(2);
    for (let i = 0; i < 3; i += 1) {
      for (const kind of ['http1', 'http2'] as const) expect(await call(kind)).to.contain(caller);
    }
    expect(await openedConnections()).to.equal(opened);
  });

  it('counts HTTP as requests of the caller', async () => {
    const before = await counts();
    expect(await call('http1')).to.contain(caller);
    const after = await eventually(counts, ({ requests }) => expect(requests).to.be.above(before.requests));
    expect(after.connections).to.equal(before.connections);
  });

  it('carries other bytes as such, and counts a connection of the caller', async () => {
    const before = await counts();
    expect(await call('tcp')).to.equal('bytes hello\n');
    await eventually(counts, (after) => expect(after.connections).to.be.above(before.connections));
  });
});
