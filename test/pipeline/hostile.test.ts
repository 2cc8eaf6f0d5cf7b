import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  CLUSTER_URL,
  type DeltaStream,
  ENDPOINT_URL,
  LISTENER_URL,
  named,
  openDelta,
  openWorld,
  sidecarNode,
} from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { serve } from '#test/support/snapshots.ts';
import { decode, encode } from '#wire/index.ts';

const listener = (name: string, statPrefix = '') =>
  serve('envoy.config.listener.v3.Listener', name, { name, statPrefix });
const endpoints = (clusterName: string) =>
  serve('envoy.config.endpoint.v3.ClusterLoadAssignment', clusterName, { clusterName });

/** A field of a protobuf message that holds bytes. */
function field(number: number, value: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = value.length; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest % 128) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), value]);
}

describe('discovery server and hostile clients', () => {
  let server: DiscoveryServer;
  let good: DeltaStream;
  const streams: { close(): void }[] = [];
  let changes = 0;

  const open = (): DeltaStream => {
    const stream = openDelta(server.port);
    streams.push(stream);
    return stream;
  };

  beforeEach(async () => {
    // A client of grpc-js that is closed before it has connected leaves its connection behind.
    server = await startDiscovery({ limits: { mostIdleOfAddress: 1_000 } });
    server.source.publish(listener('http'));
    good = open();
    good.send({ node: sidecarNode('good'), typeUrl: LISTENER_URL });
    good.send({ typeUrl: LISTENER_URL, responseNonce: (await good.next()).nonce });
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
  });

  /** The well-behaved proxy gets a change, just once, and nothing else has come to it. */
  const expectServed = async () => {
    expect(good.waiting).to.deep.equal([]);
    changes += 1;
    server.source.publish(listener('http', `change ${changes}`));
    const response = await good.next();
    expect(named(response)).to.deep.equal(['http']);
    good.send({ typeUrl: LISTENER_URL, responseNonce: response.nonce });
  };

  const refusal = async (bytes: Uint8Array) => {
    const stream = open();
    stream.sendBytes(bytes);
    return stream.ended;
  };

  it('refuses garbage, what is nested without end and what is too big, each with its status', async () => {
    const type = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
    const request = Buffer.from(encode(type, { node: sidecarNode('evil'), typeUrl: LISTENER_URL }));
    for (let cut = 1; cut < request.length; cut += 7) {
      const { code } = await refusal(request.subarray(0, cut));
      expect(code, `cut at ${cut}`).to.equal(status.INVALID_ARGUMENT);
    }
    // Struct > fields (map entry) > value > struct > ...
    let nested: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 2_000; depth += 1) nested = field(1, field(2, field(5, nested)));
    const deep = await refusal(Buffer.concat([request, field(1, field(3, nested))]));
    expect(deep.code).to.equal(status.INVALID_ARGUMENT);
    expect(deep.details).to.contain('nested');
    const huge = await refusal(Buffer.concat([request, field(3, Buffer.alloc(17 << 20, 'x'))]));
    expect(huge.code).to.equal(status.RESOURCE_EXHAUSTED);
    expect((await refusal(Buffer.concat([request, field(3, Buffer.alloc(2_000, 'x'))]))).code).to.equal(
      status.INVALID_ARGUMENT,
    );
    await expectServed();
  });

  it('takes nonces that are old, foreign or made up for what they are, and answers nothing to them', async () => {
    const stream = open();
    stream.send({ node: sidecarNode('replayer'), typeUrl: LISTENER_URL });
    const first = await stream.next();
    stream.send({ typeUrl: CLUSTER_URL });
    const clusters = await stream.next();
    for (const responseNonce of ['0', '999', 'x'.repeat(100_000), clusters.nonce]) {
      stream.send({ typeUrl: LISTENER_URL, responseNonce, errorDetail: { code: 3, message: 'no' } });
    }
    stream.send({ typeUrl: LISTENER_URL, responseNonce: first.nonce });
    for (let replay = 0; replay < 100; replay += 1) stream.send({ typeUrl: LISTENER_URL, responseNonce: first.nonce });
    stream.send({ typeUrl: CLUSTER_URL, responseNonce: clusters.nonce });
    await eventually(
      () => server.observer.events,
      (events) => expect(events).to.include('acknowledged replayer 1'),
    );
    expect(server.observer.events.filter((event) => event.startsWith('rejected'))).to.deep.equal([]);
    expect(stream.waiting).to.deep.equal([]);
    expect((await server.metrics.render()).text).to.contain('pilot_xds_expired_nonce{type="lds"} 104');
    await expectServed();
    expect(named(await stream.next())).to.deep.equal(['http']);
  });

  it('goes by the nonce in the state of the world, whatever version a request says that it has', async () => {
    const stream = openWorld(server.port);
    streams.push(stream);
    const take = async () => {
      const { resources = [], ...response } = await stream.next();
      const prefixes = resources.map(
        ({ value = new Uint8Array() }) => decode('envoy.config.listener.v3.Listener', value).statPrefix ?? '',
      );
      return { ...response, prefixes };
    };
    const say = (versionInfo: string | undefined, responseNonce: string | undefined, error?: string) =>
      stream.send({
        ...{ typeUrl: LISTENER_URL, versionInfo, responseNonce },
        ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
      });
    // As if it had been another server's, or our own before.
    stream.send({ node: sidecarNode('replayer'), typeUrl: LISTENER_URL, versionInfo: '77', responseNonce: '999' });
    const first = await take();
    expect(first.prefixes).to.deep.equal(['']);
    await expectServed();
    say('77', first.nonce);
    const second = await take();
    expect(second.prefixes).to.deep.equal([`change ${changes}`]);
    // Neither the present version nor a refusal makes an answer of what answers nothing that is under way.
    for (const version of [second.versionInfo, first.versionInfo, '77', undefined]) {
      say(version, first.nonce);
      say(version, '999', 'no');
      say(version, undefined);
    }
    await eventually(
      async () => (await server.metrics.render()).text,
      (text) => expect(text).to.match(/^pilot_xds_expired_nonce\{type="lds"\} 12$/m),
    );
    expect(server.observer.events.filter((event) => event.startsWith('acknowledged replayer'))).to.deep.equal([]);
    say(first.versionInfo, second.nonce);
    await eventually(
      () => server.observer.events,
      (events) => expect(events).to.include('acknowledged replayer 2'),
    );
    // The answer once more, with versions old and new: no request for anything, and no refusal of what was taken.
    for (const version of [second.versionInfo, first.versionInfo, '77', undefined]) {
      say(version, second.nonce);
      say(version, second.nonce, 'no');
    }
    // A stream is read in order: what is sent for this comes after whatever was sent for those.
    stream.send({ typeUrl: CLUSTER_URL });
    const clusters = await take();
    expect(clusters.typeUrl).to.equal(CLUSTER_URL);
    stream.send({ typeUrl: CLUSTER_URL, responseNonce: clusters.nonce });
    await expectServed();
    const third = await take();
    expect(third.prefixes).to.deep.equal([`change ${changes}`]);
    say(first.versionInfo, third.nonce);
    await eventually(
      () => server.observer.events,
      (events) => expect(events).to.include('acknowledged replayer 3'),
    );
    expect(server.observer.events.filter((event) => event.startsWith('rejected'))).to.deep.equal([]);
    expect(stream.waiting).to.deep.equal([]);
  });

  it('sends anew what a client brought along in another version, and takes away what never was', async () => {
    server.source.publish(listener('changed'), listener('http'));
    const fresh = open();
    fresh.send({ node: sidecarNode('fresh'), typeUrl: LISTENER_URL });
    const { resources = [] } = await fresh.next();
    const versions = Object.fromEntries(resources.map(({ name = '', version = '' }) => [name, version]));
    expect(Object.keys(versions)).to.deep.equal(['changed', 'http']);
    const stream = open();
    stream.send({
      ...{ node: sidecarNode('returning'), typeUrl: LISTENER_URL },
      initialResourceVersions: { ...versions, changed: versions.http ?? '', 'never-was': versions.http ?? '' },
    });
    const first = await stream.next();
    expect(named(first)).to.deep.equal(['changed', '-never-was']);
    expect(first.resources?.map(({ version }) => version)).to.deep.equal([versions.changed]);
    // Only the first request for a type says what was there before the stream.
    stream.send({
      ...{ typeUrl: LISTENER_URL, responseNonce: first.nonce },
      initialResourceVersions: { http: 'of the past', changed: 'of the past', 'never-was-either': '1' },
    });
    stream.send({ typeUrl: CLUSTER_URL });
    expect((await stream.next()).typeUrl).to.equal(CLUSTER_URL);
    server.source.publish(listener('http'));
    expect(named(await stream.next())).to.deep.equal(['-changed']);
  });

  it('keeps of a client no more than a proxy says of itself and holds', async () => {
    const refused = async (request: Parameters<DeltaStream['send']>[0]) => {
      const stream = open();
      stream.send(request);
      const { code, details } = await stream.ended;
      expect(code).to.equal(status.INVALID_ARGUMENT);
      return details;
    };
    const long = 'x'.repeat(1_000);
    const node = sidecarNode('boaster', 'default', { NOTE: long.repeat(600) });
    expect(await refused({ node, typeUrl: LISTENER_URL })).to.contain('metadata');
    const extensions = Array.from({ length: 5_000 }, (_, at) => ({ name: `envoy.made-up.${at}` }));
    expect(await refused({ node: { ...sidecarNode('boaster'), extensions }, typeUrl: LISTENER_URL })).to.contain(
      'extensions',
    );
    const holder = { node: sidecarNode('holder'), typeUrl: CLUSTER_URL };
    const tooLong = 'cds: a name has more than 1024 characters';
    expect(await refused({ ...holder, initialResourceVersions: { c: long.repeat(2) } })).to.equal(tooLong);
    expect(await refused({ ...holder, resourceNamesSubscribe: [long.repeat(2)] })).to.equal(tooLong);
    expect(await refused({ ...holder, resourceNamesUnsubscribe: [long.repeat(2)] })).to.equal(tooLong);
    await expectServed();
  });

  it('remembers of what a client says about a refusal no more than a page', async () => {
    const stream = open();
    stream.send({ node: sidecarNode('talker'), typeUrl: LISTENER_URL });
    const { nonce } = await stream.next();
    stream.send({
      typeUrl: LISTENER_URL,
      responseNonce: nonce,
      errorDetail: { code: 3, message: 'no'.repeat(500_000) },
    });
    await eventually(
      () => server.observer.events.filter((event) => event.startsWith('rejected talker http: nono')),
      (events) => expect(events).to.not.deep.equal([]),
    );
    for (const event of server.observer.events) expect(event.length).to.be.lessThan(4_200);
    for (const line of server.logged) expect(JSON.stringify(line).length).to.be.lessThan(5_000);
    await expectServed();
  });

  it('serves ten thousand names on one stream', async () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `outbound|80||service-${at}.default.svc.cluster.local`);
    server.source.publish(listener('http'), ...names.slice(0, 5_000).map(endpoints));
    const stream = open();
    stream.send({ node: sidecarNode('curious'), typeUrl: ENDPOINT_URL, resourceNamesSubscribe: names });
    const told = new Set<string>();
    while (told.size < names.length) {
      const response = await stream.next();
      for (const name of named(response)) told.add(name);
      stream.send({ typeUrl: ENDPOINT_URL, responseNonce: response.nonce });
    }
    expect([...told].filter((name) => name.startsWith('-'))).to.have.length(5_000);
    await expectServed();
  }).timeout(60_000);

  it('tells of long names that there are none of in messages that clients take', async () => {
    const names = Array.from({ length: 7_000 }, (_, at) => `${at}-`.padEnd(1_000, 'x'));
    // It takes messages of up to 4 MB, as clients do by default.
    const stream = open();
    stream.send({ node: sidecarNode('verbose'), typeUrl: ENDPOINT_URL, resourceNamesSubscribe: names });
    const told = new Set<string>();
    while (told.size < names.length) {
      const response = await stream.next();
      for (const name of named(response)) told.add(name);
      stream.send({ typeUrl: ENDPOINT_URL, responseNonce: response.nonce });
    }
    expect(told).to.deep.equal(new Set(names.map((name) => `-${name}`)));
    await expectServed();
  });

  it('has one response in flight for each type of a stream, and goes straight to the newest after it', async () => {
    const stream = open();
    stream.send({ node: sidecarNode('slow'), typeUrl: LISTENER_URL });
    const first = await stream.next();
    for (let version = 1; version <= 50; version += 1) {
      server.source.publish(listener('http', `version ${version}`));
      await eventually(
        () => good.waiting.length,
        (waiting) => expect(waiting).to.equal(1),
      );
      good.send({ typeUrl: LISTENER_URL, responseNonce: (await good.next()).nonce });
    }
    expect(stream.waiting).to.deep.equal([]);
    stream.send({ typeUrl: LISTENER_URL, responseNonce: first.nonce });
    const next = await stream.next();
    expect(next.systemVersionInfo).to.equal(String(server.source.publish(listener('http', 'version 50')) - 1));
    stream.send({ typeUrl: LISTENER_URL, responseNonce: next.nonce });
    await expectServed();
  });

  it('forgets a thousand clients that come and go at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const storm = Array.from({ length: 100 }, (_, at) => {
        const stream = openDelta(server.port);
        stream.send({ node: sidecarNode(`storm-${round}-${at}`), typeUrl: LISTENER_URL });
        return stream;
      });
      if (round % 2 === 0) await Promise.all(storm.map((stream) => stream.next()));
      for (const stream of storm) stream.close();
      await expectServed();
    }
    await eventually(
      () => [server.source.subscribers, server.service.streams().length],
      (left) => expect(left).to.deep.equal([1, 1]),
    );
    await expectServed();
  }).timeout(60_000);
});
