import { expect } from 'chai';
import { issueCredentials } from '#ca/testsupport/authority.ts';
import { pod, service } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { redirectPod } from '#test/support/redirected.ts';

const http = 9000;
const echo = 9001;
const greeter = 9002;
/** One that no service names. */
const unnamed = 9003;

/** Web, something that says what it hears, and something that speaks first. */
const application = `
  const { createServer } = require('node:net');
  const servers = [
    [require('node:http').createServer((request, response) => response.end('web')), ${http}],
    [createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)), ${echo}],
    [createServer((socket) => socket.on('error', () => socket.destroy()).end('220 welcome')), ${greeter}],
    [createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)), ${unnamed}],
  ];
  let open = servers.length;
  for (const [server, port] of servers) server.listen(port, () => { if (--open === 0) console.log('ready'); });`;

const policy = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: ${mode}}}
`;

const get = 'GET / HTTP/1.1\r\nhost: client\r\nconnection: close\r\n\r\n';
/** No line, and the beginning of no method and no handshake. */
const odd = 'HELLOWORLD';

describe('the first bytes of inbound connections', function () {
  // Dozens of programs run one after another; a busy machine takes its time over each.
  this.timeout(60_000);
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stop: () => Promise<void>;

  before(async () => {
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const ip = network.addresses.pod;
    const served = (name: string, port: number, protocol: string) =>
      service(name, `10.96.0.${port - 8950}`, port, 'bookinfo', protocol).replace(`{app: ${name}}`, '{app: client}');
    mesh.pipeline.objects.apply(
      [
        served('web', http, 'http'),
        served('echo', echo, 'tcp'),
        served('greeter', greeter, 'tcp'),
        pod({ app: 'client', version: 'v1', ip }),
      ].join('\n'),
    );
    await redirectPod(network);
    stop = await network.serve('pod', application);
    await mesh.startProxy({
      ...{ type: 'sidecar', pod: 'client-v1-0', namespace: 'bookinfo', serviceAccount: 'bookinfo-client', ip },
      ...{ labels: { app: 'client', version: 'v1' }, within: network.command('pod', 1337) },
    });
  });

  after(async () => {
    await mesh?.stop();
    await stop?.();
    await network?.remove();
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const apply = async (mode: string) => {
    mesh.pipeline.objects.apply(policy(mode));
    await mesh.converged();
  };

  /** What the peer hears first when it says this, plainly or over mTLS; `hangs` when it hears nothing. */
  async function exchange(port: number, said: string, alpn?: string): Promise<string> {
    const { privateKey: key, chain: cert } = issueCredentials(mesh.authority, { namespace: 'bookinfo' });
    const place = { host: network.addresses.pod, port };
    const secure = { ...place, key, cert, rejectUnauthorized: false, ALPNProtocols: [alpn] };
    const script = `
      const socket = ${
        alpn === undefined
          ? `require('node:net').connect(${JSON.stringify(place)})`
          : `require('node:tls').connect(${JSON.stringify(secure)})`
      };
      const end = (text) => { console.log(text); process.exit(); };
      socket.setTimeout(10000, () => end('hangs'));
      socket.on('data', (data) => end(String(data).split('\\r\\n')[0]));
      socket.on('error', (error) => end(error.code === 'ECONNRESET' ? 'closed' : (error.code ?? error.message)));
      socket.on('close', () => end('closed'));
      socket.write(${JSON.stringify(said)});`;
    return (await network.run('peer', [process.execPath, '-e', script], 1000)).stdout.trim();
  }

  /** Envoy takes new connections on the listener of before for a moment. */
  const hears = (port: number, said: string, heard: string, alpn?: string) =>
    eventually(
      () => exchange(port, said, alpn),
      (text) => expect(text, `port ${port}`).to.equal(heard),
    );

  it('are not waited for on TCP ports without mTLS: a server may speak first, and a client say anything', async () => {
    await apply('DISABLE');
    await hears(greeter, '', '220 welcome');
    await hears(echo, odd, odd);
    await hears(http, get, 'HTTP/1.1 200 OK');
    // It is HTTP to the proxy, to which its own request is no answer.
    await hears(unnamed, get, 'HTTP/1.1 502 Bad Gateway');
  });

  it('tell mTLS from everything else where both are taken', async () => {
    await apply('PERMISSIVE');
    await hears(echo, odd, odd);
    await hears(echo, odd, odd, 'istio');
    await hears(http, get, 'HTTP/1.1 200 OK');
    await hears(http, get, 'HTTP/1.1 200 OK', 'istio-http/1.1');
    await hears(unnamed, `${odd}\r\n`, odd);
    await hears(unnamed, odd, odd, 'istio');
  });

  it('are mTLS where nothing else is taken', async () => {
    await apply('STRICT');
    await hears(echo, odd, 'closed');
    await hears(http, get, 'closed');
    await hears(echo, odd, odd, 'istio');
    await hears(greeter, '', '220 welcome', 'istio');
    await hears(http, get, 'HTTP/1.1 200 OK', 'istio-http/1.1');
  });
});
