import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { type AgentOptions, AgentProcess } from '#test/support/agentprocess.ts';
import { agentEnvironment, agentNodeFlags, buildAgentBundle } from '#test/support/bundle.ts';
import { buildEchoListener } from '#test/support/echolistener.ts';
import { eventually } from '#test/support/eventually.ts';
import { readMemory } from '#test/support/memory.ts';
import { MeshPeer, type MeshPeerOptions } from '#test/support/meshpeer.ts';

const identity = 'URI:spiffe://cluster.local/ns/demo/sa/web';

describe('the agent with a real Envoy and a real certificate authority', () => {
  let folder: string;
  let program: string;
  let peer: MeshPeer;
  let peerOptions: MeshPeerOptions;
  let agent: AgentProcess;
  let listenerPort: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    program = (await buildAgentBundle(folder)).path;
  });

  after(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    const echo = await buildEchoListener();
    listenerPort = echo.port;
    peerOptions = {
      token: 'token-of-web',
      namespace: 'demo',
      serviceAccount: 'web',
      resources: { 'envoy.config.listener.v3.Listener': [echo] },
    };
    peer = await MeshPeer.start(peerOptions);
  });

  afterEach(async () => {
    await agent.remove();
    await peer.stop();
  });

  const prepare = async (more: Partial<AgentOptions> = {}) => {
    agent = await AgentProcess.prepare({ program, ...peer.access, ...more });
    return agent;
  };

  /** The certificate that Envoy shows on the listener that the control plane sent. */
  const servedCertificate = () =>
    new Promise<X509Certificate>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: listenerPort, rejectUnauthorized: false }, () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate) resolve(certificate);
        else reject(new Error('no certificate'));
      });
      socket.on('error', reject);
    });

  it('is ready once Envoy has its certificate and configuration, as the identity that its token proves', async () => {
    await prepare();
    await agent.start();
    await agent.untilReady();
    expect(peer.identities).to.deep.equal([identity]);
    expect(peer.rejections).to.deep.equal([]);
    const [node] = peer.nodes;
    expect(node?.id).to.equal('sidecar~127.0.0.1~web-1.demo~demo.svc.cluster.local');
    expect(node?.cluster).to.equal('web.demo');
    const certificate = await servedCertificate();
    expect(certificate.subjectAltName).to.equal(identity);
    expect(certificate.verify(new X509Certificate(peer.authority.rootsPem).publicKey)).to.equal(true);
    expect(await agent.log())
      .not.to.contain('PRIVATE KEY')
      .and.not.to.contain('token-of-web');
  });

  it('is content with little memory once it is idle', async () => {
    await prepare({ nodeFlags: agentNodeFlags, env: agentEnvironment });
    await agent.start();
    await agent.untilReady();
    await eventually(
      () => readMemory(agent.pid),
      (memory) => {
        expect(memory.rss / 2 ** 20, 'RSS in MB').to.be.below(60);
        expect(memory.private / 2 ** 20, 'private in MB').to.be.below(16);
      },
    );
  });

  it('renews the certificate while connections go on', async () => {
    await prepare({ env: { SECRET_TTL: '4s', SECRET_GRACE_PERIOD_RATIO: '1', SECRET_GRACE_PERIOD_RATIO_JITTER: '0' } });
    await agent.start();
    await agent.untilReady();
    const first = await servedCertificate();
    await eventually(servedCertificate, (next) => expect(next.serialNumber).not.to.equal(first.serialNumber));
    expect(peer.nodes).to.have.length(1);
  });

  it('trusts a new root as soon as its file says so, and gets a certificate from it', async () => {
    await prepare();
    await agent.start();
    await agent.untilReady();
    const first = await servedCertificate();
    await peer.stop();
    peer = await MeshPeer.start({ ...peerOptions, port: peer.port });
    await writeFile(join(agent.folder, 'root-cert.pem'), peer.authority.rootsPem);
    const next = await eventually(servedCertificate, (certificate) =>
      expect(certificate.serialNumber).not.to.equal(first.serialNumber),
    );
    expect(next.verify(new X509Certificate(peer.authority.rootsPem).publicKey)).to.equal(true);
    await eventually(
      () => peer.identities,
      (identities) => expect(identities).to.include(identity),
    );
  });

  it('waits for the authority with patience and recovers by itself', async () => {
    await peer.stop();
    await prepare();
    await agent.start();
    await eventually(
      () => agent.log(),
      (log) => expect(log).to.contain('workload certificate not issued'),
    );
    expect(await agent.readiness()).not.to.equal(200);
    peer = await MeshPeer.start({ ...peerOptions, files: peer.files, port: peer.port });
    await agent.untilReady();
  });

  it('says when its token is refused, and is not ready', async () => {
    await prepare({ token: 'somebody-elses-token' });
    await agent.start();
    await eventually(
      () => agent.log(),
      (log) => expect(log).to.contain('code=unauthenticated'),
    );
    expect(await agent.readiness()).not.to.equal(200);
    expect(peer.nodes).to.deep.equal([]);
  });

  it('starts Envoy again when it dies', async () => {
    await prepare();
    await agent.start();
    await agent.untilReady();
    const startup = async () => {
      const body = await (await agent.get(agent.ports.status, '/stats/prometheus')).text();
      return /^istio_agent_startup_duration_seconds (.*)$/m.exec(body)?.[1];
    };
    const first = await startup();
    expect(Number(first)).to.be.above(0);
    const [envoy = 0] = await agent.children();
    process.kill(envoy, 'SIGKILL');
    await eventually(
      () => agent.children(),
      (children) => expect(children).to.have.length(1).and.not.to.include(envoy),
    );
    await agent.untilReady();
    expect(await startup(), 'how long the pod took, not how long it has been there').to.equal(first);
    expect(await agent.log()).to.contain('Envoy ended unexpectedly');
    expect((await servedCertificate()).subjectAltName).to.equal(identity);
  });

  it('comes back after it was killed, over the socket and files that it left behind', async () => {
    await prepare();
    await agent.start();
    await agent.untilReady();
    const orphans = await agent.children();
    await agent.end('SIGKILL');
    for (const pid of orphans) process.kill(pid, 'SIGKILL');
    await agent.start();
    await agent.untilReady();
    expect(await agent.log()).not.to.contain('agent failed');
  });

  it('drains on SIGTERM: not ready any more, open connections finish, then exit code 0', async () => {
    await prepare({ proxyConfig: { terminationDrainDuration: '5s' } });
    await agent.start();
    await agent.untilReady();
    const finish = await startRequest(listenerPort);
    agent.signal('SIGTERM');
    await eventually(
      () => agent.readiness(),
      (status) => expect(status).to.equal(503),
    );
    expect(await finish()).to.contain('200 OK');
    expect(await agent.ended).to.equal(0);
    expect(await agent.children()).to.deep.equal([]);
    const log = await agent.log();
    expect(log).to.contain('signal received').and.to.contain('Envoy stopped').and.to.contain('agent stopped');
  });

  it('waits for the last client when asked to, and a second signal ends it at once', async () => {
    await prepare({ env: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '100ms' } });
    await agent.start();
    await agent.untilReady();
    const client = connect({ host: '127.0.0.1', port: listenerPort, rejectUnauthorized: false });
    await new Promise((resolve) => client.once('secureConnect', resolve));
    agent.signal('SIGTERM');
    await eventually(
      () => agent.log(),
      (log) => expect(log).to.contain('clients still connected'),
    );
    agent.signal('SIGTERM');
    expect(await agent.ended).to.equal(0);
    client.destroy();
  });

  it('is done with draining when the last client has gone', async () => {
    await prepare({ env: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '100ms' } });
    await agent.start();
    await agent.untilReady();
    const client = connect({ host: '127.0.0.1', port: listenerPort, rejectUnauthorized: false });
    await new Promise((resolve) => client.once('secureConnect', resolve));
    agent.signal('SIGTERM');
    await eventually(
      () => agent.log(),
      (log) => expect(log).to.contain('clients still connected'),
    );
    client.destroy();
    expect(await agent.ended).to.equal(0);
  });

  it('runs a gateway too, whose every listener drains, and logs JSON when asked to', async () => {
    await prepare({ flags: ['--log_as_json'], proxyConfig: { terminationDrainDuration: '1s' } });
    await agent.start('router');
    await agent.untilReady();
    expect(peer.nodes[0]?.id).to.equal('router~127.0.0.1~web-1.demo~demo.svc.cluster.local');
    agent.signal('SIGTERM');
    expect(await agent.ended).to.equal(0);
    const lines = (await agent.log()).split('\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line), line).to.have.property('msg');
  });

  it('ends on POST /quitquitquit, and only on POST', async () => {
    await prepare();
    await agent.start();
    await agent.untilReady();
    expect((await agent.get(agent.ports.status, '/quitquitquit')).status).to.equal(405);
    expect((await agent.get(agent.ports.status, '/quitquitquit', { method: 'POST' })).status).to.equal(200);
    expect(await agent.ended).to.equal(0);
  });

  it('gives up on an Envoy that cannot start, with an exit code and the reason', async () => {
    await prepare({ proxyConfig: { binaryPath: '/nonexistent/envoy' } });
    await agent.start();
    expect(await agent.ended).to.equal(1);
    expect(await agent.log()).to.contain('cannot start Envoy');
  });

  it('refuses settings that make no sense, each by name', async () => {
    await prepare({
      env: { SECRET_TTL: 'soon', ISTIO_KUBE_APP_PROBERS: '{"/elsewhere": {}}' },
      proxyConfig: { statusPort: 'x' },
    });
    await agent.start();
    expect(await agent.ended).to.equal(2);
    const log = await agent.log();
    expect(log)
      .to.contain('SECRET_TTL')
      .and.to.contain('ISTIO_KUBE_APP_PROBERS')
      .and.to.contain('PROXY_CONFIG.statusPort');
  });
});

/** One HTTP request over TLS of which half is written; the result writes the rest and gives what is answered. */
async function startRequest(port: number): Promise<() => Promise<string>> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.write('GET / HTTP/1.1\r\nhost: web\r\n');
  return () => {
    socket.write('connection: close\r\n\r\n');
    return text(socket);
  };
}
