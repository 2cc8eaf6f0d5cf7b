import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type CaBundle, mintSelfSigned, renderCaFiles } from '#ca/bundle.ts';
import { buildCertificate } from '#ca/certificate.ts';
import { buildServerCredentials, type CertificateAuthority, onDistrust, ServerCertificate } from '#ca/index.ts';
import { oids } from '#ca/oids.ts';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { MemoryStore } from '#ca/testsupport/store.ts';
import { silentLogger, systemClock } from '#runtime/index.ts';
import { CLUSTER_URL, type DeltaStream, named, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { createCertificateCallers } from '#test/support/certificatecallers.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { edsCluster } from '#test/support/xdsenvoy.ts';

const SERVER_NAME = 'istiod.istio-system.svc';
const context = { clock: systemClock, logger: silentLogger };

/** Client credentials of a workload in namespace default, issued by `issuer`, trusting `trusted`. */
function workload(
  trusted: CertificateAuthority,
  issuer: CertificateAuthority,
  serviceAccount = 'default',
  ttl?: number,
): ChannelCredentials {
  const { privateKey, chain } = issueCredentials(issuer, { serviceAccount }, ttl);
  return credentials.createSsl(Buffer.from(trusted.rootsPem), Buffer.from(privateKey), Buffer.from(chain));
}

/** Puts an intermediate of this name below a root into the store, as an administrator does; roots beside it are trusted too. */
function plug(store: MemoryStore, name: string, root: CaBundle, others: readonly CaBundle[] = []): MemoryStore {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = buildCertificate(
    {
      ...{ publicKey, subject: [[oids.organization, name]], names: {}, authority: true },
      ...{ notBefore: Date.now() - 60_000, notAfter: Date.now() + 3600_000 },
    },
    root,
  );
  const roots = [...root.roots, ...others.flatMap((other) => other.roots)];
  store.plugged = renderCaFiles({ privateKey, certificate, intermediates: [certificate], roots });
  return store;
}

describe('discovery over TLS', () => {
  let authority: CertificateAuthority;
  let server: DiscoveryServer;
  let stopCertificate: AbortController;
  let renewing: Promise<void>;
  const streams: DeltaStream[] = [];

  beforeEach(async () => start(await openAuthority()));

  const start = async (own: CertificateAuthority) => {
    authority = own;
    stopCertificate = new AbortController();
    // Lives for four seconds, so it is renewed every two.
    const certificate = new ServerCertificate({ ...context, authority, dnsNames: [SERVER_NAME], ttl: 4_000 });
    renewing = certificate.run(stopCertificate.signal);
    await eventually(
      () => certificate.current,
      (current) => expect(current).to.not.equal(undefined),
    );
    const authenticator = createCertificateCallers(authority);
    server = await startDiscovery({
      credentials: buildServerCredentials(certificate),
      authenticator,
      onDistrust: (listener) => onDistrust(certificate, listener),
    });
    server.source.publish(edsCluster('a'));
  };

  const stop = async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
    stopCertificate.abort();
    await renewing;
  };
  afterEach(stop);

  function open(channel: ChannelCredentials, pod = 'web'): DeltaStream {
    const stream = openDelta(server.port, { credentials: channel });
    streams.push(stream);
    stream.send({ node: sidecarNode(pod), typeUrl: CLUSTER_URL });
    return stream;
  }

  /** Serial number of the certificate that a new connection is shown. */
  async function shownSerial(): Promise<string> {
    const socket = connect({
      port: server.port,
      host: '127.0.0.1',
      servername: SERVER_NAME,
      ca: authority.rootsPem,
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    const { serialNumber } = new X509Certificate(socket.getPeerCertificate().raw);
    socket.destroy();
    return serialNumber;
  }

  it('proves the identity of a proxy by its mesh certificate', async () => {
    expect(named(await open(workload(authority, authority)).next())).to.deep.equal(['a']);
    expect(server.source.proxies[0]?.identity).to.deep.equal({
      trustDomain: 'cluster.local',
      namespace: 'default',
      serviceAccount: 'default',
    });
  });

  it('knows the certificates of an intermediate that was replaced since, under the same root', async () => {
    const root = mintSelfSigned('corporation', Date.now());
    const plugged = (name: string) => openAuthority({ store: plug(new MemoryStore(), name, root) });
    await stop();
    await start(await plugged('new'));
    const old = await plugged('old');
    expect(named(await open(workload(authority, old)).next())).to.deep.equal(['a']);
    expect(server.source.proxies[0]?.identity?.serviceAccount).to.equal('default');
  });

  it('closes every connection when a root is trusted no more: who showed what leads to it has to prove itself anew', async () => {
    const [before, now] = [mintSelfSigned('before', Date.now()), mintSelfSigned('now', Date.now())];
    const store = plug(new MemoryStore(), 'in between', before, [now]);
    await stop();
    await start(await openAuthority({ store }));
    // Signed by an intermediate that nobody here knows: only TLS has seen that it leads to a root.
    const stranger = workload(authority, await openAuthority({ store: plug(new MemoryStore(), 'unknown', before) }));
    const old = open(stranger);
    expect(named(await old.next())).to.deep.equal(['a']);

    plug(store, 'after', now, [before]);
    await authority.refresh();
    const kept = open(workload(authority, authority), 'kept');
    expect(named(await kept.next())).to.deep.equal(['a']);
    server.source.publish(edsCluster('b'));
    expect(named(await old.next()), 'both roots are trusted').to.deep.equal(['b', '-a']);

    plug(store, 'after', now);
    await authority.refresh();
    expect((await old.ended).code).to.equal(status.UNAVAILABLE);
    expect((await kept.ended).code).to.equal(status.UNAVAILABLE);
    for (const stream of [old, kept])
      await eventually(
        () => stream.connected,
        (connected) => expect(connected).to.equal(false),
      );
    expect((await open(stranger).ended).code).to.equal(status.UNAUTHENTICATED);
    expect(named(await open(workload(authority, authority), 'kept').next())).to.deep.equal(['b']);
  });

  it('refuses a proxy without a certificate', async () => {
    const nobody = open(credentials.createSsl(Buffer.from(authority.rootsPem)));
    expect((await nobody.ended).code).to.equal(status.UNAUTHENTICATED);
  });

  it('refuses a certificate of another authority, whatever name stands in it, and the connection that showed it', async () => {
    const impostor = open(workload(authority, await openAuthority()));
    expect((await impostor.ended).code).to.equal(status.UNAUTHENTICATED);
    expect(server.source.proxies).to.deep.equal([]);
    await eventually(
      () => impostor.connected,
      (connected) => expect(connected).to.equal(false),
    );
  });

  it('refuses a certificate of another service account than the node claims', async () => {
    const other = open(workload(authority, authority, 'ratings'));
    expect((await other.ended).code).to.equal(status.PERMISSION_DENIED);
  });

  it('ends a stream when its certificate expires, and the connection, so that the client shows its next one', async () => {
    const stream = open(workload(authority, authority, 'default', 5_000));
    expect(named(await stream.next())).to.deep.equal(['a']);
    expect(await stream.ended).to.deep.equal({
      code: status.UNAUTHENTICATED,
      details: 'the client certificate has expired',
    });
    // The client's own channel notices that its connection is gone, without a call on it.
    await eventually(
      () => stream.connected,
      (connected) => expect(connected).to.equal(false),
    );
    expect(named(await open(workload(authority, authority)).next())).to.deep.equal(['a']);
  });

  it('notices at once that a client has ended, though nobody answers any more who could say it is gone', async () => {
    const ended: Socket[] = [];
    // Between client and server, so that the client's last segment is its end: nothing resets what is sent to it then.
    const wire = createServer((client) => {
      const upstream = connectPlain({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      ended.push(upstream);
    });
    wire.listen(0, '127.0.0.1');
    await once(wire, 'listening');
    const stream = openDelta((wire.address() as AddressInfo).port, { credentials: workload(authority, authority) });
    try {
      stream.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
      await stream.next();
      expect(server.service.streams()).to.have.length(1);
      for (const socket of ended) socket.end();
      // Well before the pings that find out about peers that vanished without a word.
      await eventually(
        () => server.observer.events.at(-1),
        (event) => expect(event).to.equal('disconnected web'),
        10_000,
      );
      expect(server.service.streams()).to.deep.equal([]);
    } finally {
      for (const socket of ended) socket.destroy();
      wire.close();
      stream.close();
    }
  });

  it('shows new connections the renewed server certificate, and keeps open streams', async () => {
    const stream = open(workload(authority, authority));
    const { nonce } = await stream.next();
    stream.send({ typeUrl: CLUSTER_URL, responseNonce: nonce });
    const before = await shownSerial();
    await eventually(shownSerial, (serial) => expect(serial).to.not.equal(before));
    server.source.publish(edsCluster('b'));
    expect(named(await stream.next())).to.deep.equal(['b', '-a']);
    expect(named(await open(workload(authority, authority), 'late').next())).to.deep.equal(['b']);
  });
});
