/** What clients do to others that do not read what they are sent: nothing. */
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  CLUSTER_URL,
  type DeltaStream,
  ENDPOINT_URL,
  LISTENER_URL,
  named,
  openDelta,
  sidecarNode,
} from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { askWithoutReading, Sleeper } from '#test/support/sleeper.ts';
import { serve } from '#test/support/snapshots.ts';
import { DEFAULT_DISCOVERY_SETTINGS, type DiscoverySettings } from '#xds/index.ts';

const cluster = (name: string, altStatName: string) =>
  serve('envoy.config.cluster.v3.Cluster', name, { name, altStatName, type: 'EDS' }, { endpointsName: name });
const listener = (name: string, statPrefix = '') =>
  serve('envoy.config.listener.v3.Listener', name, { name, statPrefix });

/** Ten megabytes: a response is a chunk of them, close to three. */
const large = (serial: number) => Array.from({ length: 40 }, (_, at) => cluster(`c${at}`, `${serial}`.repeat(250_000)));
const { chunkBytes } = DEFAULT_DISCOVERY_SETTINGS;

/** Whoever waits for this fails with the test. */
const neverMs = 3_600_000;

describe('discovery server and clients that do not read', () => {
  let server: DiscoveryServer;
  let reader: DeltaStream;
  const closing: { close(): void }[] = [];
  let changes = 0;

  const start = async (settings: Partial<DiscoverySettings> = {}) => {
    server = await startDiscovery({ settings: { writeTimeoutMs: neverMs, ...settings } });
    server.source.publish(...large(0), listener('http'));
    reader = await configured('reader');
  };

  /** A proxy that has taken its listeners, all that it asks for. */
  const configured = async (pod: string): Promise<DeltaStream> => {
    const stream = openDelta(server.port);
    closing.push(stream);
    stream.send({ node: sidecarNode(pod), typeUrl: LISTENER_URL });
    stream.send({ typeUrl: LISTENER_URL, responseNonce: (await stream.next()).nonce });
    await eventually(
      () => server.observer.events.filter((event) => event.startsWith(`acknowledged ${pod}`)),
      (events) => expect(events).to.have.length.above(0),
    );
    return stream;
  };

  const sleep = (count: number): readonly Sleeper[] =>
    Array.from({ length: count }, (_, at) => {
      const sleeper = askWithoutReading(server.port, `sleeper${at}`);
      closing.push(sleeper);
      return sleeper;
    });

  const measured = async (name: string): Promise<number> => {
    const { text } = await server.metrics.render();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length) ?? 0);
  };
  const undrained = () => measured('lateen_xds_undrained_bytes');
  const clusterResponses = () => measured('pilot_xds_pushes{type="cds"}');

  /** A change of the listener comes to the one that reads. */
  const expectServed = async () => {
    changes += 1;
    server.source.publish(...large(0), listener('http', `change ${changes}`));
    const response = await reader.next();
    expect(named(response)).to.deep.equal(['http']);
    reader.send({ typeUrl: LISTENER_URL, responseNonce: response.nonce });
  };

  afterEach(async () => {
    for (const one of closing.splice(0)) one.close();
    await server.stop();
  });

  it('sends changes to those who read, though others hold all that may be held', async () => {
    await start();
    const { maxPendingBytes } = DEFAULT_DISCOVERY_SETTINGS;
    sleep(30);
    await eventually(undrained, (bytes) => expect(bytes).to.be.above(maxPendingBytes));
    for (let at = 0; at < 3; at += 1) await expectServed();
    expect(await undrained()).to.be.above(maxPendingBytes);
  });

  it('configures who comes anew, and changes much for who reads, though others hold all that may be held', async () => {
    await start();
    sleep(30);
    await eventually(undrained, (bytes) => expect(bytes).to.be.above(DEFAULT_DISCOVERY_SETTINGS.maxPendingBytes));
    await configured('newcomer');
    reader.send({ typeUrl: CLUSTER_URL });
    let names = 0;
    while (names < 40) {
      const { nonce, resources = [] } = await reader.next();
      names += resources.length;
      reader.send({ typeUrl: CLUSTER_URL, responseNonce: nonce });
    }
    expect(names).to.equal(40);
  });

  it('never lets more be held than twice the bound, however many come and come again', async () => {
    const maxPendingBytes = 4 << 20;
    await start({ maxPendingBytes });
    const sleepers = [...sleep(20)];
    let most = 0;
    await eventually(
      async () => {
        most = Math.max(most, await undrained());
        for (const [at, sleeper] of sleepers.entries()) {
          if (sleeper.isClosed) sleepers[at] = sleep(1)[0] ?? sleeper;
        }
        return clusterResponses();
      },
      (responses) => expect(responses).to.be.at.least(10),
    );
    expect(most).to.be.within(maxPendingBytes, 2 * maxPendingBytes + chunkBytes);
    await expectServed();
  });

  it('writes no more to one than it may hold, whatever it says to have taken', async () => {
    await start();
    const guesser = new Sleeper(server.port);
    closing.push(guesser);
    guesser.send({ node: sidecarNode('guesser'), typeUrl: CLUSTER_URL });
    await eventually(clusterResponses, (responses) => expect(responses).to.equal(1));
    for (let nonce = 1; nonce <= 64; nonce += 1) {
      guesser.send({ typeUrl: CLUSTER_URL, responseNonce: `${nonce}`, resourceNamesUnsubscribe: ['*'] });
      guesser.send({ typeUrl: CLUSTER_URL, resourceNamesSubscribe: ['*', ...large(0).map(({ name }) => name)] });
      guesser.send({ typeUrl: ENDPOINT_URL, responseNonce: `${nonce}`, resourceNamesSubscribe: [`e${nonce}`] });
      guesser.send({ typeUrl: LISTENER_URL, responseNonce: `${nonce}` });
    }
    // All are heard; those count that are of responses that are there.
    await eventually(
      async () => (await measured('pilot_xds_expired_nonce{type="cds"}')) + (await clusterResponses()),
      (answered) => expect(answered).to.be.within(64, 65),
    );
    await expectServed();
    expect(await clusterResponses()).to.be.at.most(2);
    expect(await undrained()).to.be.below(2 * chunkBytes + (64 << 10));
  });

  it('writes no more to one that was configured and then stops reading', async () => {
    await start();
    const sleepers = Array.from({ length: 30 }, (_, at) => {
      const sleeper = new Sleeper(server.port);
      closing.push(sleeper);
      // What is little is taken by the HTTP/2 session, so that this is as good as having read it.
      sleeper.send({ node: sidecarNode(`asleep${at}`), typeUrl: LISTENER_URL });
      return sleeper;
    });
    await eventually(
      () => measured('pilot_xds_pushes{type="lds"}'),
      (responses) => expect(responses).to.equal(31),
    );
    for (const sleeper of sleepers) sleeper.send({ typeUrl: LISTENER_URL, responseNonce: '1' });
    await eventually(
      () => server.observer.events.filter((event) => event.startsWith('acknowledged asleep')),
      (events) => expect(events).to.have.length(30),
    );
    for (const sleeper of sleepers) sleeper.send({ typeUrl: CLUSTER_URL });
    await eventually(undrained, (bytes) => expect(bytes).to.be.above(DEFAULT_DISCOVERY_SETTINGS.maxPendingBytes));
    for (let at = 0; at < 3; at += 1) await expectServed();
    await configured('newcomer');
  });

  it('cuts them off in time, with all that they hold', async () => {
    await start({ writeTimeoutMs: 500 });
    const [sleeper] = sleep(1);
    await eventually(
      () => sleeper?.isClosed,
      (closed) => expect(closed).to.equal(true),
    );
    expect(await undrained()).to.equal(0);
    expect(await measured('pilot_xds_write_timeout')).to.equal(1);
    await expectServed();
  });

  it('counts what one holds whose stream has ended, and cuts it off in time', async () => {
    await start({ writeTimeoutMs: 2_000 });
    const [sleeper] = sleep(1);
    await eventually(undrained, (bytes) => expect(bytes).to.be.above(0));
    const held = await undrained();
    sleeper?.sendBytes(Buffer.from('ffffffffff', 'hex'));
    await eventually(
      () => server.service.streams().map(({ proxy }) => proxy.podName),
      (pods) => expect(pods).to.deep.equal(['reader']),
    );
    expect(await undrained()).to.equal(held);
    await eventually(
      () => sleeper?.isClosed,
      (closed) => expect(closed).to.equal(true),
    );
    expect(await undrained()).to.equal(0);
  });

  it('lets one read to the end that reads late, and hear of its status', async () => {
    await start();
    const late = openDelta(server.port);
    closing.push(late);
    late.send({ node: sidecarNode('late'), typeUrl: CLUSTER_URL });
    late.sendBytes(Buffer.from('ffffffffff', 'hex'));
    expect((await late.next()).resources).to.have.length.above(0);
    expect((await late.ended).code).to.equal(status.INVALID_ARGUMENT);
    await eventually(undrained, (bytes) => expect(bytes).to.equal(0));
  });
});
