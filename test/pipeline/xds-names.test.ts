import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  CLUSTER_URL,
  type DeltaStream,
  ENDPOINT_URL,
  EXTENSION_URL,
  LISTENER_URL,
  named,
  openDelta,
  openWorld,
  ROUTE_URL,
  SECRET_URL,
  sidecarNode,
} from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { serve } from '#test/support/snapshots.ts';
import type { PeerAuthenticator } from '#xds/index.ts';

const identities: PeerAuthenticator = {
  authenticate: ({ authorization }) => {
    const serviceAccount = authorization[0]?.replace('Bearer ', '') ?? '';
    return Promise.resolve({
      ok: true,
      identity: { trustDomain: 'cluster.local', namespace: 'default', serviceAccount },
    });
  },
};
const maxNameBytesPerStream = 200_000;
const maxNameBytes = 500_000;
const ofStream = `the names that this stream asks for and brought along take more than the ${maxNameBytesPerStream} bytes that one stream may have`;
const ofAll = (who: string) =>
  `the names that all streams ask for and brought along take more than ${maxNameBytes} bytes, and ${who} has most of them`;
const listener = (statPrefix = '') => serve('envoy.config.listener.v3.Listener', 'http', { name: 'http', statPrefix });
const secret = (name: string) => serve('envoy.extensions.transport_sockets.tls.v3.Secret', name, { name });

describe('discovery server and clients that name more than there is', () => {
  let server: DiscoveryServer;
  const streams: { close(): void }[] = [];

  beforeEach(async () => {
    server = await startDiscovery({ authenticator: identities, settings: { maxNameBytesPerStream, maxNameBytes } });
    server.source.publish(listener());
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
  });

  const open = async (pod: string, token = 'web'): Promise<DeltaStream> => {
    const stream = openDelta(server.port, { token });
    streams.push(stream);
    stream.send({ node: sidecarNode(pod, 'default', { SERVICE_ACCOUNT: token }), typeUrl: LISTENER_URL });
    stream.send({ typeUrl: LISTENER_URL, responseNonce: (await stream.next()).nonce });
    return stream;
  };
  /** So many names of so many characters. */
  const invent = (count: number, length: number) =>
    Array.from({ length: count }, (_, at) => `invented-${at}`.padEnd(length, '.'));
  const endsFor = async (stream: DeltaStream, details: string) =>
    expect(await stream.ended).to.deep.equal({ code: status.RESOURCE_EXHAUSTED, details });
  const exhausted = async (kind: string, count: number) =>
    expect((await server.metrics.render()).text).to.contain(`lateen_xds_streams_exhausted{holder="${kind}"} ${count}`);
  let changes = 0;
  const expectServed = async (stream: DeltaStream) => {
    changes += 1;
    server.source.publish(listener(`change ${changes}`));
    const response = await stream.next();
    expect(named(response)).to.deep.equal(['http']);
    stream.send({ typeUrl: LISTENER_URL, responseNonce: response.nonce });
  };

  for (const [what, count, length] of [
    ['few long', 250, 1_000],
    ['many short', 2_500, 20],
  ] as const) {
    it(`ends a stream that asks for ${what} secrets, and no other`, async () => {
      const good = await open('good');
      const greedy = await open('greedy');
      greedy.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: invent(count, length) });
      await endsFor(greedy, ofStream);
      await exhausted('stream', 1);
      await expectServed(good);
    });

    it(`ends a stream that claims to hold ${what} clusters of an earlier one`, async () => {
      const greedy = await open('greedy');
      const held = Object.fromEntries(invent(count, length).map((name) => [name, 'version']));
      greedy.send({ typeUrl: CLUSTER_URL, initialResourceVersions: held });
      await endsFor(greedy, ofStream);
    });

    it(`ends a stream that lets go of ${what} listeners that it never had, before it has answered`, async () => {
      const greedy = openDelta(server.port, { token: 'web' });
      streams.push(greedy);
      greedy.send({ node: sidecarNode('greedy', 'default', { SERVICE_ACCOUNT: 'web' }), typeUrl: LISTENER_URL });
      await greedy.next();
      greedy.send({ typeUrl: LISTENER_URL, resourceNamesUnsubscribe: invent(count, length) });
      await endsFor(greedy, ofStream);
    });

    it(`ends a stream of the state of the world that asks for ${what} assignments`, async () => {
      const greedy = openWorld(server.port, { token: 'web' });
      streams.push(greedy);
      const node = sidecarNode('greedy', 'default', { SERVICE_ACCOUNT: 'web' });
      greedy.send({ node, typeUrl: ENDPOINT_URL, resourceNames: invent(count, length) });
      expect(await greedy.ended).to.deep.equal({ code: status.RESOURCE_EXHAUSTED, details: ofStream });
    });
  }

  it('counts the names of all types of a stream together', async () => {
    const greedy = await open('greedy');
    for (const typeUrl of [ENDPOINT_URL, SECRET_URL, EXTENSION_URL, ROUTE_URL])
      greedy.send({ typeUrl, resourceNamesSubscribe: invent(60, 900) });
    await endsFor(greedy, ofStream);
  });

  it('counts what a client says of each thing that it refuses', async () => {
    const assignments = Array.from({ length: 60 }, (_, at) =>
      serve('envoy.config.endpoint.v3.ClusterLoadAssignment', `e${at}`, { clusterName: `e${at}` }),
    );
    server.source.publish(listener(), ...assignments);
    const greedy = await open('greedy');
    const message = 'no'.repeat(2_048);
    greedy.send({ typeUrl: ENDPOINT_URL, resourceNamesSubscribe: assignments.map(({ name }) => name) });
    const refusing = (async () => {
      for (;;) {
        const { typeUrl, nonce } = await greedy.next();
        greedy.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 3, message } });
      }
    })().catch(() => undefined);
    await endsFor(greedy, ofStream);
    await refusing;
  });

  it('forgets what a client asks for no longer', async () => {
    const stream = await open('moody');
    for (let round = 0; round < 10; round += 1) {
      const names = invent(80, 900 + round);
      stream.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: names });
      stream.send({ typeUrl: SECRET_URL, resourceNamesUnsubscribe: names });
    }
    // A stream is read in order.
    stream.send({ typeUrl: CLUSTER_URL });
    expect((await stream.next()).typeUrl).to.equal(CLUSTER_URL);
    await expectServed(stream);
  });

  it('ends streams of the identity that has most, when all together have too much', async () => {
    const good = await open('good', 'db');
    good.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: invent(100, 900) });
    const greedy: DeltaStream[] = [];
    for (const pod of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const stream = await open(pod);
      stream.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: invent(100, 900) });
      greedy.push(stream);
    }
    await Promise.race(greedy.map((stream) => endsFor(stream, ofAll('identity default/web'))));
    await eventually(
      () => server.service.streams().length,
      (left) => expect(left).to.equal(6),
    );
    await exhausted('all', 1);
    await expectServed(good);
  });

  it('sends a secret that comes later to one of thousands of names, and tells of the rest nothing', async () => {
    await server.stop();
    server = await startDiscovery({ authenticator: identities });
    server.source.publish(listener());
    const stream = await open('gateway');
    const names = invent(20_000, 40);
    stream.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: names });
    await expectServed(stream);
    server.source.setSecret(secret(names[12_345] ?? ''));
    const first = await stream.next();
    expect(named(first)).to.deep.equal([names[12_345]]);
    stream.send({ typeUrl: SECRET_URL, responseNonce: first.nonce });
    // Asked for again it is sent again.
    stream.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: [names[12_345] ?? ''] });
    expect(named(await stream.next())).to.deep.equal([names[12_345]]);
  });

  it('takes away thousands of clusters that only an earlier stream knew, in parts, and nothing that there is', async () => {
    await server.stop();
    server = await startDiscovery({ authenticator: identities, settings: { warmMs: 1 } });
    const cluster = (name: string) => serve('envoy.config.cluster.v3.Cluster', name, { name });
    server.source.publish(listener(), cluster('kept'));
    const stream = await open('returning');
    const names = invent(3_000, 40);
    stream.send({
      typeUrl: CLUSTER_URL,
      initialResourceVersions: Object.fromEntries([...names, 'kept'].map((name) => [name, 'of the past'])),
    });
    const told: string[] = [];
    while (told.length < names.length + 1) {
      const response = await stream.next();
      expect(response.removedResources?.length ?? 0).to.be.at.most(250);
      told.push(...named(response));
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: response.nonce });
    }
    expect(told.sort()).to.deep.equal(['kept', ...names.map((name) => `-${name}`)].sort());
    await expectServed(stream);
  });
});
