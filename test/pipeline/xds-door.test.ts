import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { credentials, type ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { buildServerCredentials, type CertificateAuthority, ServerCertificate } from '#ca/index.ts';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { silentLogger, systemClock } from '#runtime/index.ts';
import {
  CLUSTER_URL,
  type ClientOptions,
  type DeltaStream,
  named,
  openDelta,
  sidecarNode,
} from '#test/support/adsclient.ts';
import { createCertificateCallers } from '#test/support/certificatecallers.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { edsCluster } from '#test/support/xdsenvoy.ts';
import type { ClosingReason, DoorLimits, PeerAuthenticator } from '#xds/index.ts';

const serverName = 'istiod.istio-system.svc';
/** How a client of HTTP/2 begins: with a text, and with settings, none of them other than usual. */
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const settings = '\0\0\0\x04\0\0\0\0\0';

describe('discovery server and connections on which nobody is served', () => {
  let server: DiscoveryServer;
  let clock: FakeClock;
  let reasons: ClosingReason[];
  const streams: DeltaStream[] = [];
  const sockets: Socket[] = [];

  const start = async (
    limits: Partial<DoorLimits> = {},
    secure: { readonly credentials?: ServerCredentials; readonly authenticator?: PeerAuthenticator } = {},
  ) => {
    // Certificates are valid today.
    clock = new FakeClock(Date.now());
    reasons = [];
    server = await startDiscovery({ clock, limits, onTurnedAway: (reason) => reasons.push(reason), ...secure });
    server.source.publish(edsCluster('a'));
  };

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.stop();
  });

  const keep = <S extends Socket>(socket: S): S => {
    sockets.push(socket);
    // Who is closed with something unread is told so by an error.
    socket.on('error', () => undefined);
    return socket;
  };
  const arrive = (said = '', from = '127.0.0.1'): Socket => {
    const socket = keep(connect({ port: server.port, host: '127.0.0.1', localAddress: from }));
    if (said !== '') socket.write(said);
    socket.resume();
    return socket;
  };
  /** The server's settings come as soon as it speaks with a client, whatever that has said. */
  const letIn = (socket: Socket) =>
    eventually(
      () => socket.bytesRead,
      (bytes) => expect(bytes).to.be.greaterThan(0),
    );
  const gone = (socket: Socket) =>
    eventually(
      () => socket.closed,
      (closed) => expect(closed).to.equal(true),
    );
  const open = (pod: string, options: ClientOptions = {}): DeltaStream => {
    const stream = openDelta(server.port, options);
    streams.push(stream);
    stream.send({ node: sidecarNode(pod), typeUrl: CLUSTER_URL });
    return stream;
  };
  const served = async (pod: string, options: ClientOptions = {}): Promise<DeltaStream> => {
    const stream = open(pod, options);
    const { nonce } = await stream.next();
    stream.send({ typeUrl: CLUSTER_URL, responseNonce: nonce });
    return stream;
  };

  it('closes a connection without a stream after a while, whatever it has said, and none that has one', async () => {
    await start();
    const stream = await served('web');
    const silent = [arrive(), arrive('PRI'), arrive(preface), arrive(preface + settings)];
    for (const socket of silent) await letIn(socket);
    await clock.advance(14_000);
    expect(silent.map(({ closed }) => closed)).to.deep.equal([false, false, false, false]);
    await clock.advance(1_000);
    for (const socket of silent) await gone(socket);
    expect(reasons).to.deep.equal(['idle', 'idle', 'idle', 'idle']);
    await clock.advance(3600_000);
    server.source.publish(edsCluster('b'));
    expect(named(await stream.next())).to.deep.equal(['b', '-a']);
    expect(reasons).to.have.length(4);
  });

  it('closes a connection whose stream has ended after the same time, unless there is another by then', async () => {
    await start();
    const client = await served('web');
    await clock.advance(20_000);
    const again = client.again();
    again.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
    expect(named(await again.next())).to.deep.equal(['a']);
    client.cancel();
    await eventually(
      () => server.service.streams().length,
      (count) => expect(count).to.equal(1),
    );
    await clock.advance(20_000);
    expect(client.connected).to.equal(true);
    again.cancel();
    await eventually(
      () => server.service.streams().length,
      (count) => expect(count).to.equal(0),
    );
    await clock.advance(15_000);
    await eventually(
      () => client.connected,
      (connected) => expect(connected).to.equal(false),
    );
  });

  it('speaks with so many of one address on which nobody is served, and meanwhile with those of others', async () => {
    await start({ mostIdle: 4, mostIdleOfAddress: 2 });
    const first = [arrive(), arrive()];
    for (const socket of first) await letIn(socket);
    const waits = arrive();
    await once(waits, 'connect');
    const others = [arrive('', '127.0.0.2'), arrive('', '127.0.0.2')];
    for (const socket of others) await letIn(socket);
    expect(waits.bytesRead).to.equal(0);
    first[0]?.destroy();
    await letIn(waits);
    // Four are inside, and a proxy that comes has to wait until one of them is closed.
    const stream = open('web');
    await clock.advance(9_000);
    first[1]?.destroy();
    expect(named(await stream.next())).to.deep.equal(['a']);
    await clock.advance(15_000);
    for (const socket of [waits, ...first, ...others]) await gone(socket);
    expect(reasons).to.deep.equal(['idle', 'idle', 'idle']);
    expect(server.service.streams()).to.have.length(1);
  });

  it('closes a connection that has waited for long, and the one that has for longest when too many do', async () => {
    await start({ mostIdle: 1, mostWaiting: 2 });
    const inside = arrive();
    await letIn(inside);
    const waiting: Socket[] = [];
    for (let at = 0; at < 3; at += 1) {
      const socket = arrive();
      await once(socket, 'connect');
      waiting.push(socket);
    }
    await eventually(
      () => reasons,
      (told) => expect(told).to.deep.equal(['waited']),
    );
    if (waiting[0] !== undefined) await gone(waiting[0]);
    await clock.advance(10_000);
    for (const socket of waiting) await gone(socket);
    expect(inside.closed).to.equal(false);
    expect(reasons).to.deep.equal(['waited', 'waited', 'waited']);
  });

  describe('over TLS', () => {
    let authority: CertificateAuthority;
    let renewing: Promise<void>;
    const stopping = new AbortController();

    before(async () => {
      authority = await openAuthority();
    });
    after(async () => {
      stopping.abort();
      await renewing;
    });

    const startSecurely = async () => {
      const own = { authority, clock: systemClock, logger: silentLogger };
      const certificate = new ServerCertificate({ ...own, dnsNames: [serverName] });
      renewing = certificate.run(stopping.signal);
      await eventually(
        () => certificate.current,
        (current) => expect(current).to.not.equal(undefined),
      );
      const authenticator = createCertificateCallers(authority);
      await start({}, { credentials: buildServerCredentials(certificate), authenticator });
    };

    it('closes who never finishes the handshake and who never proves an identity, and nobody who has', async () => {
      await startSecurely();
      const { privateKey, chain } = issueCredentials(authority);
      const shown = [Buffer.from(authority.rootsPem), Buffer.from(privateKey), Buffer.from(chain)] as const;
      const stream = await served('web', { credentials: credentials.createSsl(...shown) });
      const silent = [arrive(), arrive('\x16\x03\x01')];
      for (const socket of silent) await once(socket, 'connect');
      const anonymous = keep(
        connectSecurely({
          ...{ port: server.port, host: '127.0.0.1', servername: serverName, ca: authority.rootsPem },
          ALPNProtocols: ['h2'],
        }),
      );
      anonymous.resume().write(preface + settings);
      await letIn(anonymous);
      await clock.advance(15_000);
      for (const socket of [...silent, anonymous]) await gone(socket);
      expect(reasons).to.deep.equal(['idle', 'idle', 'idle']);
      server.source.publish(edsCluster('b'));
      expect(named(await stream.next())).to.deep.equal(['b', '-a']);
    });
  });
});
