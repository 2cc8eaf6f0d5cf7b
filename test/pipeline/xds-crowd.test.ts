import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { CLUSTER_URL, type DeltaStream, named, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { edsCluster } from '#test/support/xdsenvoy.ts';
import type { PeerAuthenticator } from '#xds/index.ts';

describe('discovery server and a client that opens stream after stream', () => {
  const identities: PeerAuthenticator = {
    authenticate: ({ authorization }) =>
      Promise.resolve({
        ok: true,
        identity: {
          trustDomain: 'cluster.local',
          namespace: 'default',
          serviceAccount: authorization[0]?.replace('Bearer ', '') ?? '',
        },
      }),
  };
  let server: DiscoveryServer;
  const streams: DeltaStream[] = [];

  const start = async (authenticator?: PeerAuthenticator) => {
    server = await startDiscovery({
      settings: { maxStreamsPerIdentity: 4, maxStreamsPerProxy: 2 },
      ...(authenticator === undefined ? {} : { authenticator }),
    });
    server.source.publish(edsCluster('a'));
  };
  const open = (pod: string, token?: string): DeltaStream => {
    const stream = openDelta(server.port, token === undefined ? {} : { token });
    streams.push(stream);
    const node = sidecarNode(pod, 'default', token === undefined ? {} : { SERVICE_ACCOUNT: token });
    stream.send({ node, typeUrl: CLUSTER_URL });
    return stream;
  };
  const served = async (pod: string, token?: string): Promise<DeltaStream> => {
    const stream = open(pod, token);
    expect(named(await stream.next())).to.deep.equal(['a']);
    return stream;
  };
  const turnedAway = async (details: string, pod: string, token?: string) =>
    expect(await open(pod, token).ended).to.deep.equal({ code: status.RESOURCE_EXHAUSTED, details });
  /** Until the server has noticed the end of those that were closed. */
  const remaining = (count: number) =>
    eventually(
      () => server.service.streams(),
      (states) => expect(states).to.have.length(count),
    );

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await server.stop();
  });

  const full = 'has 4 discovery streams, as many as it may have';
  const twice = 'has 2 discovery streams, as many as it may have';
  const idOf = (pod: string) => `sidecar~10.0.0.1~${pod}.default~default.svc.cluster.local`;

  it('bounds the streams of one identity, whatever proxies they are said to be of, and serves others meanwhile', async () => {
    await start(identities);
    const first = await served('a', 'web');
    for (const pod of ['b', 'c', 'd']) await served(pod, 'web');
    await turnedAway(`identity default/web ${full}`, 'e', 'web');
    await served('e', 'db');
    const { text } = await server.metrics.render();
    expect(text).to.contain('lateen_xds_streams_exhausted{holder="identity"} 1');
    first.close();
    await remaining(4);
    await served('e', 'web');
  });

  it('bounds the streams of one proxy, which neither its siblings feel nor who has its id and another identity', async () => {
    await start(identities);
    const first = await served('a', 'web');
    await served('a', 'web');
    await turnedAway(`proxy ${idOf('a')} of identity default/web ${twice}`, 'a', 'web');
    await served('b', 'web');
    await served('a', 'db');
    const { text } = await server.metrics.render();
    expect(text).to.contain('lateen_xds_streams_exhausted{holder="proxy"} 1');
    first.close();
    await remaining(3);
    await served('a', 'web');
  });

  it('bounds the streams of one address where no identity is proven, those that ask for nothing among them', async () => {
    await start();
    for (const pod of ['a', 'b', 'c', 'd']) await served(pod);
    const silent = openDelta(server.port);
    streams.push(silent);
    expect(await silent.ended).to.deep.equal({
      code: status.RESOURCE_EXHAUSTED,
      details: `address 127.0.0.1 ${full}`,
    });
  });
});
