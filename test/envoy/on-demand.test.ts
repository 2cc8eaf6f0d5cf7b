import { expect } from 'chai';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { freePort, type RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { serve } from '#test/support/snapshots.ts';
import { request, startUpstream, type Upstream } from '#test/support/upstream.ts';
import { edsCluster, endpoint, startXdsEnvoy } from '#test/support/xdsenvoy.ts';
import { pack } from '#wire/index.ts';

const ADS = { ads: {}, resourceApiVersion: 'V3' } as const;

/** Goes to the cluster that a header names, and asks for it when it isn't there. */
function askingListener(port: number) {
  const filter = pack('envoy.extensions.filters.http.on_demand.v3.OnDemand', { odcds: { source: ADS } });
  const manager = pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'asking',
    routeConfig: {
      virtualHosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { clusterHeader: 'x-cluster' } }] },
      ],
    },
    httpFilters: [
      { name: 'ask', typedConfig: filter },
      { name: 'router', typedConfig: pack('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
  });
  return serve('envoy.config.listener.v3.Listener', 'asking', {
    name: 'asking',
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
  });
}

describe('a real Envoy that asks for clusters on demand', () => {
  let server: DiscoveryServer;
  let envoy: RunningEnvoy;
  let upstream: Upstream;
  let port: number;

  const ask = async (cluster: string) => (await request(port, '/', { 'x-cluster': cluster })).status;
  const acknowledged = (revision: number) =>
    eventually(
      () => server.observer.events,
      (events) => expect(events).to.include(`acknowledged web ${revision}`),
    );

  beforeEach(async () => {
    [server, upstream, port] = await Promise.all([startDiscovery(), startUpstream('upstream'), freePort()]);
    server.source.publish(edsCluster('known'), endpoint('known', upstream.port), askingListener(port));
    envoy = await startXdsEnvoy(server.port, 'delta');
  });

  afterEach(async () => {
    await envoy.stop();
    await Promise.all([server.stop(), upstream.close()]);
  });

  it('is told at once that there is none of that name, and gets it when there is', async () => {
    await acknowledged(1);
    expect(await ask('known')).to.equal(200);
    expect(await ask('late')).to.equal(503);
    const both = [edsCluster('known'), edsCluster('late')];
    const endpoints = [endpoint('known', upstream.port), endpoint('late', upstream.port)];
    await acknowledged(server.source.publish(...both, ...endpoints, askingListener(port)));
    expect(await ask('late')).to.equal(200);
    expect(await ask('known')).to.equal(200);
  });
});
