import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Clock } from '#runtime/index.ts';
import {
  CLUSTER_URL,
  type DeltaStream,
  LISTENER_URL,
  named,
  openDelta,
  openWorld,
  ROUTE_URL,
  SECRET_URL,
  sidecarNode,
  type WorldStream,
} from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { serve } from '#test/support/snapshots.ts';
import { routeTo } from '#test/support/xdsenvoy.ts';
import { decode } from '#wire/index.ts';
import type { PeerAuthenticator } from '#xds/index.ts';

const cluster = (name: string, altStatName = '') =>
  serve('envoy.config.cluster.v3.Cluster', name, { name, altStatName, type: 'EDS' }, { endpointsName: name });
const listener = (name: string, statPrefix = '') =>
  serve('envoy.config.listener.v3.Listener', name, { name, statPrefix });

describe('discovery server', () => {
  let server: DiscoveryServer;
  const streams: { close(): void }[] = [];

  const delta = (...args: Parameters<typeof openDelta> extends [number, ...infer Rest] ? Rest : never): DeltaStream => {
    const stream = openDelta(server.port, ...args);
    streams.push(stream);
    return stream;
  };

  /** Subscribes to everything of a type and takes the first response. */
  async function subscribed(stream: DeltaStream, typeUrl: string, pod = 'web') {
    stream.send({ node: sidecarNode(pod), typeUrl });
    return stream.next();
  }

  beforeEach(async () => {
    server = await startDiscovery();
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
  });

  describe('delta', () => {
    it('serves resources that decode to what was encoded, with name and version, and reports the acknowledgement', async () => {
      server.source.publish(cluster('a', 'first'), listener('http'));
      const stream = delta();
      const clusters = await subscribed(stream, CLUSTER_URL);
      const [resource] = clusters.resources ?? [];
      expect(resource?.name).to.equal('a');
      expect(resource?.version).to.match(/^.{16}$/);
      expect(resource?.resource?.typeUrl).to.equal(CLUSTER_URL);
      const decoded = decode('envoy.config.cluster.v3.Cluster', resource?.resource?.value ?? new Uint8Array());
      expect(decoded).to.deep.equal({ name: 'a', altStatName: 'first', type: 'EDS' });
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: clusters.nonce });
      stream.send({ typeUrl: LISTENER_URL });
      const listeners = await stream.next();
      expect(listeners).to.include({ typeUrl: LISTENER_URL, systemVersionInfo: '1' });
      stream.send({ typeUrl: LISTENER_URL, responseNonce: listeners.nonce });
      await eventually(
        () => server.observer.events,
        (events) => expect(events).to.deep.equal(['connected web', 'acknowledged web 1']),
      );
    });

    it('pushes a change as soon as it is published, and only that', async () => {
      server.source.publish(cluster('a'), cluster('b'));
      const stream = delta();
      const first = await subscribed(stream, CLUSTER_URL);
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: first.nonce });
      await eventually(
        () => server.service.streams(),
        (states) => expect(states).to.have.length(1),
      );
      server.source.publish(cluster('a', 'changed'));
      expect(named(await stream.next())).to.deep.equal(['a', '-b']);
    });

    it('knows the proxy from its node', async () => {
      server.source.publish();
      await subscribed(delta(), CLUSTER_URL);
      const [proxy] = server.source.proxies;
      expect(proxy).to.include({
        podName: 'web',
        namespace: 'default',
        type: 'sidecar',
        istioVersion: '1.31.0',
        envoyVersion: '1.40.0',
        client: 'envoy',
      });
      expect(proxy).to.not.have.property('identity');
    });

    it('keeps a refusal to the stream that refused, and reports the culprit', async () => {
      server.source.publish(listener('good'));
      const [picky, easy] = [delta(), delta()];
      for (const [stream, pod] of [
        [picky, 'picky'],
        [easy, 'easy'],
      ] as const) {
        const { nonce } = await subscribed(stream, LISTENER_URL, pod);
        stream.send({ typeUrl: LISTENER_URL, responseNonce: nonce });
      }
      server.source.publish(listener('good', 'x'), listener('bad'));
      const both = await picky.next();
      picky.send({
        typeUrl: LISTENER_URL,
        responseNonce: both.nonce,
        errorDetail: { code: 13, message: 'bad is bad' },
      });
      const one = await picky.next();
      expect(named(one)).to.deep.equal(['bad']);
      picky.send({ typeUrl: LISTENER_URL, responseNonce: one.nonce, errorDetail: { code: 13, message: 'bad is bad' } });
      const other = await picky.next();
      expect(named(other)).to.deep.equal(['good']);
      picky.send({ typeUrl: LISTENER_URL, responseNonce: other.nonce });
      const untouched = await easy.next();
      expect(named(untouched)).to.deep.equal(['bad', 'good']);
      easy.send({ typeUrl: LISTENER_URL, responseNonce: untouched.nonce });
      await eventually(
        () => server.observer.events,
        (events) =>
          expect(events).to.include.members([
            'rejected picky bad: bad is bad',
            'acknowledged picky 2',
            'acknowledged easy 2',
          ]),
      );
      expect(server.observer.events.filter((event) => event.startsWith('rejected easy'))).to.deep.equal([]);
      expect(easy.waiting).to.deep.equal([]);
    });

    it('counts pushes, refusals, stale answers and connections', async () => {
      server.source.publish(listener('bad'));
      const stream = delta();
      const { nonce } = await subscribed(stream, LISTENER_URL);
      stream.send({ typeUrl: LISTENER_URL, responseNonce: nonce, errorDetail: { message: 'no' } });
      stream.send({ typeUrl: LISTENER_URL, responseNonce: nonce });
      await eventually(
        async () => (await server.metrics.render()).text,
        (text) => {
          expect(text).to.contain('pilot_xds{version="1.31.0"} 1');
          expect(text).to.contain('pilot_xds_pushes{type="lds"} 1');
          expect(text).to.contain('pilot_total_xds_rejects{type="lds"} 1');
          expect(text).to.contain(
            'pilot_xds_lds_reject{node="sidecar~10.0.0.1~web.default~default.svc.cluster.local"} 1',
          );
          expect(text).to.contain('pilot_xds_expired_nonce{type="lds"} 1');
          expect(text).to.contain('pilot_proxy_convergence_time_count 1');
        },
      );
    });

    it('forgets a proxy that went away', async () => {
      server.source.publish();
      const stream = delta();
      await subscribed(stream, CLUSTER_URL);
      stream.close();
      await eventually(
        () => server.observer.events,
        (events) => expect(events.at(-1)).to.equal('disconnected web'),
      );
      expect(server.source.subscribers).to.equal(0);
      expect(server.service.streams()).to.deep.equal([]);
      expect((await server.metrics.render()).text).to.contain('pilot_xds{version="1.31.0"} 0');
    });
  });

  it('serves the state of the world to clients that ask so', async () => {
    server.source.publish(cluster('a'), cluster('b'));
    const stream = openWorld(server.port);
    streams.push(stream);
    stream.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
    const { resources = [], versionInfo, nonce } = await stream.next();
    expect(
      resources.map(({ value = new Uint8Array() }) => decode('envoy.config.cluster.v3.Cluster', value).name),
    ).to.deep.equal(['a', 'b']);
    expect(versionInfo).to.equal('1');
    stream.send({ typeUrl: CLUSTER_URL, versionInfo, responseNonce: nonce });
    await eventually(
      () => server.service.streams(),
      (states) => expect(states).to.have.length(1),
    );
    server.source.publish(cluster('b'));
    expect((await stream.next()).resources).to.have.length(1);
  });

  describe('bad input', () => {
    const endOf = async (act: (stream: DeltaStream) => void) => {
      const stream = delta();
      act(stream);
      return stream.ended;
    };

    it('that is no request ends its stream as invalid', async () => {
      const { code } = await endOf((stream) => stream.sendBytes(Buffer.from('ffffffffff', 'hex')));
      expect(code).to.equal(status.INVALID_ARGUMENT);
    });

    it('without a node, or with an id that is none, ends its stream as invalid', async () => {
      const nobody = await endOf((stream) => stream.send({ typeUrl: CLUSTER_URL }));
      expect(nobody).to.deep.include({
        code: status.INVALID_ARGUMENT,
        details: 'the first request of a stream must hold a node with an id',
      });
      const strange = await endOf((stream) => stream.send({ typeUrl: CLUSTER_URL, node: { id: 'ztunnel~1~2' } }));
      expect(strange.code).to.equal(status.INVALID_ARGUMENT);
      expect(strange.details).to.contain('sidecar|router~ip~pod.namespace~domain');
    });

    it('that asks for a type nobody serves is refused, and logged once however often', async () => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const { code, details } = await endOf((stream) =>
          stream.send({ node: sidecarNode('web'), typeUrl: 'type.googleapis.com/api.Everything' }),
        );
        expect([code, details]).to.deep.equal([
          status.INVALID_ARGUMENT,
          'no resources of type "type.googleapis.com/api.Everything" are served',
        ]);
      }
      expect(server.logged.filter(({ message }) => message === 'discovery stream refused')).to.have.length(1);
    });

    it('that asks for another generator is refused', async () => {
      const node = sidecarNode('web', 'default', { GENERATOR: 'api' });
      expect(await endOf((stream) => stream.send({ node, typeUrl: CLUSTER_URL }))).to.deep.include({
        code: status.INVALID_ARGUMENT,
      });
    });

    it('on one stream leaves the others alone', async () => {
      server.source.publish(cluster('a'));
      const stream = delta();
      const first = await subscribed(stream, CLUSTER_URL);
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: first.nonce });
      await endOf((bad) => bad.sendBytes(Buffer.from('ffffffffff', 'hex')));
      server.source.publish(cluster('b'));
      expect(named(await stream.next())).to.deep.equal(['b', '-a']);
    });
  });

  it('ends its streams when it stops, and stops although clients hold on', async () => {
    server.source.publish();
    const stream = delta();
    await subscribed(stream, CLUSTER_URL);
    await server.stop();
    expect((await stream.ended).code).to.equal(status.UNAVAILABLE);
    server = await startDiscovery();
  });
});

describe('discovery server with identities', () => {
  /** Tokens spell the identity, or one of the ways to fail. */
  const asked = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<void>();
  const authenticator: PeerAuthenticator = {
    authenticate: async ({ authorization: [header = ''] }) => {
      if (header === 'Bearer slow/default') {
        asked.resolve();
        await slow.promise;
      }
      const token = header.replace('Bearer ', '');
      if (token === 'nobody-can-tell') return { ok: false, code: 'unavailable', reason: 'no API server' };
      const [namespace, serviceAccount] = token.split('/');
      if (namespace === undefined || serviceAccount === undefined)
        return { ok: false, code: 'unauthenticated', reason: 'no such token' };
      return { ok: true, identity: { trustDomain: 'cluster.local', namespace, serviceAccount } };
    },
  };
  const secretType = 'envoy.extensions.transport_sockets.tls.v3.Secret';
  const holding = (inlineString: string) =>
    serve(secretType, 'kubernetes://cert', {
      name: 'kubernetes://cert',
      validationContext: { trustedCa: { inlineString } },
    });
  const secret = holding('roots');
  let server: DiscoveryServer;
  let streams: (DeltaStream | WorldStream)[];

  beforeEach(async () => {
    streams = [];
    server = await startDiscovery({ authenticator });
  });

  afterEach(async () => {
    for (const stream of streams) stream.close();
    await server.stop();
  });

  function open(token?: string): DeltaStream {
    const stream = openDelta(server.port, token === undefined ? {} : { token });
    streams.push(stream);
    return stream;
  }

  async function endWith(token: string | undefined, node = sidecarNode('web')) {
    const stream = open(token);
    stream.send({ node, typeUrl: CLUSTER_URL });
    return stream.ended;
  }

  it('refuses a client that proves nothing, and tells it nothing', async () => {
    expect(await endWith(undefined)).to.deep.equal({ code: status.UNAUTHENTICATED, details: 'authentication failure' });
    expect(await endWith('forged')).to.deep.equal({ code: status.UNAUTHENTICATED, details: 'authentication failure' });
    expect(server.source.proxies).to.deep.equal([]);
  });

  it('tells a client to come again when nobody can verify', async () => {
    expect((await endWith('nobody-can-tell')).code).to.equal(status.UNAVAILABLE);
  });

  it('sends a client elsewhere whose identity is proven only when the service has closed', async () => {
    const ending = endWith('slow/default', sidecarNode('web', 'slow'));
    await asked.promise;
    server.service.close();
    slow.resolve();
    expect((await ending).code).to.equal(status.UNAVAILABLE);
    expect(server.source.proxies).to.deep.equal([]);
  });

  it('refuses a node that claims another namespace or service account than its credential proves', async () => {
    const namespace = await endWith('default/default', sidecarNode('web', 'kube-system'));
    expect(namespace.code).to.equal(status.PERMISSION_DENIED);
    expect(namespace.details).to.contain('"kube-system"');
    const account = await endWith('default/default', sidecarNode('web', 'default', { SERVICE_ACCOUNT: 'admin' }));
    expect(account.code).to.equal(status.PERMISSION_DENIED);
    expect(server.source.proxies).to.deep.equal([]);
  });

  it('gives the source the proven identity and serves secrets that it yields', async () => {
    server.source.publish();
    server.source.setSecret(secret);
    const stream = open('default/default');
    stream.send({ node: sidecarNode('web'), typeUrl: SECRET_URL, resourceNamesSubscribe: ['kubernetes://cert'] });
    expect(named(await stream.next())).to.deep.equal(['kubernetes://cert']);
    expect(server.source.proxies[0]?.identity).to.deep.equal({
      trustDomain: 'cluster.local',
      namespace: 'default',
      serviceAccount: 'default',
    });
  });

  it('serves secrets in the state of the world to the proven identity, and again when they change', async () => {
    server.source.publish(cluster('a'));
    server.source.setSecret(secret);
    const stream = openWorld(server.port, { token: 'default/default' });
    streams.push(stream);
    const resourceNames = ['kubernetes://cert', 'kubernetes://of-others'];
    const take = async () => {
      const { resources = [], ...response } = await stream.next();
      expect(response.typeUrl).to.equal(SECRET_URL);
      stream.send({ typeUrl: SECRET_URL, responseNonce: response.nonce, resourceNames });
      return resources.map(({ value = new Uint8Array() }) => {
        const { name, validationContext } = decode(secretType, value);
        return [name, validationContext?.trustedCa?.inlineString];
      });
    };
    stream.send({ node: sidecarNode('web'), typeUrl: SECRET_URL, resourceNames });
    expect(await take()).to.deep.equal([['kubernetes://cert', 'roots']]);
    server.source.setSecret(holding('new roots'));
    expect(await take()).to.deep.equal([['kubernetes://cert', 'new roots']]);
    // What may not be read is never spoken of, and holds nothing else up.
    stream.send({ typeUrl: CLUSTER_URL });
    expect((await stream.next()).typeUrl).to.equal(CLUSTER_URL);
    expect(server.source.proxies.map(({ identity }) => identity)).to.deep.equal([
      { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'default' },
    ]);
  });

  it('serves no secrets to anyone on a port without identities', async () => {
    const plain = await startDiscovery();
    try {
      plain.source.publish(cluster('a'));
      plain.source.setSecret(secret);
      const stream = openDelta(plain.port);
      streams.push(stream);
      stream.send({ node: sidecarNode('web'), typeUrl: SECRET_URL, resourceNamesSubscribe: ['kubernetes://cert'] });
      stream.send({ typeUrl: CLUSTER_URL });
      expect((await stream.next()).typeUrl).to.equal(CLUSTER_URL);
      expect(stream.waiting).to.deep.equal([]);
      const world = openWorld(plain.port);
      streams.push(world);
      world.send({ node: sidecarNode('web'), typeUrl: SECRET_URL, resourceNames: ['kubernetes://cert'] });
      world.send({ typeUrl: CLUSTER_URL });
      expect((await world.next()).typeUrl).to.equal(CLUSTER_URL);
      expect(world.waiting).to.deep.equal([]);
    } finally {
      await plain.stop();
    }
  });
});

describe('discovery server and time', () => {
  it('lets go what has waited long enough, though time passes while it looks and timers are early', async () => {
    let elapsed = 0;
    // Each look at this clock finds a millisecond gone, and its timers end just before they should.
    const clock: Clock = {
      now: () => elapsed,
      monotonic: () => {
        elapsed += 1;
        return elapsed;
      },
      sleep: async (ms) => {
        const end = elapsed + ms;
        await new Promise((resolve) => setImmediate(resolve));
        elapsed = Math.max(elapsed, end - 2);
      },
    };
    const server = await startDiscovery({ clock });
    const stream = openDelta(server.port);
    try {
      server.source.publish(cluster('a'), routeTo('a'));
      for (const [typeUrl, resourceNamesSubscribe] of [
        [CLUSTER_URL, []],
        [ROUTE_URL, ['web']],
      ] as const) {
        stream.send({ node: sidecarNode('web'), typeUrl, resourceNamesSubscribe: [...resourceNamesSubscribe] });
        stream.send({ typeUrl, responseNonce: (await stream.next()).nonce });
      }
      await eventually(
        async () => (await server.metrics.render()).text,
        (text) => expect(text).to.contain('pilot_xds_pushes{type="rds"} 1'),
      );
      server.source.publish(cluster('a'), cluster('cold'), routeTo('cold'));
      expect(named(await stream.next())).to.deep.equal(['cold']);
      // Never acknowledged.
      await eventually(
        () => stream.waiting,
        (responses) => expect(responses.map(named)).to.deep.equal([['web']]),
        5_000,
      );
    } finally {
      stream.close();
      await server.stop();
    }
  });
});
