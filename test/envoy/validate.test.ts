import { expect } from 'chai';
import {
  buildCluster,
  buildListener,
  buildRouteTable,
  KUBERNETES_SECRET_PREFIX,
  type ListenerSettings,
} from '#envoy/index.ts';
import type { Listener } from '#model/types/index.ts';
import { buildStaticBootstrap, validate } from '#test/support/envoy.ts';
import { clusters, endpointGroup, listeners, routeTable } from '#test/support/resolved/index.ts';
import { type Message, unpack } from '#wire/index.ts';

const text: ListenerSettings = { accessLog: { path: '/dev/stdout', format: { encoding: 'TEXT' } }, metrics: true };
const json: ListenerSettings = { accessLog: { path: '/dev/stdout', format: { encoding: 'JSON' } }, metrics: false };

/**
 * Envoy 1.40 crashes in validation when a static cluster takes a secret from ADS; that one is checked over a real stream.
 */
const staticClusters = Object.values(clusters)
  .filter((cluster) => !JSON.stringify(cluster).includes(KUBERNETES_SECRET_PREFIX))
  .map(buildCluster);

describe('the real Envoy accepts', () => {
  it('every cluster that the builders spell', async () => {
    const messages = staticClusters;
    expect(await validate(buildStaticBootstrap({ clusters: messages, listeners: [] }))).to.deep.equal([]);
  });

  for (const [name, settings] of Object.entries({ text, json })) {
    it(`every listener, route table and endpoint, with a ${name} access log`, async () => {
      const bootstrap = buildStaticBootstrap({
        clusters: staticClusters,
        listeners: Object.values(listeners).map((listener) => buildListener(listener, settings)),
      });
      expect(await validate(bootstrap)).to.deep.equal([]);
    });
  }

  it('and says so when a name is wrong: the check can fail', async () => {
    const [cluster] = staticClusters;
    const broken = { ...cluster, name: '' };
    expect((await validate(buildStaticBootstrap({ clusters: [broken], listeners: [] }))).at(-1)).to.contain('refused');
  });
});

describe('the real Envoy refuses a whole listener', () => {
  const [listener] = Object.values(listeners);
  const refusal = async (change: object): Promise<string> => {
    const messages = [{ ...buildListener(listener as Listener, text), ...change }];
    return (await validate(buildStaticBootstrap({ clusters: staticClusters, listeners: messages }))).join('\n');
  };

  it('for a wildcard that is part of a label among its server names', async () => {
    const chains = (buildListener(listener as Listener, text).filterChains ?? []).map((chain) => ({
      ...chain,
      filterChainMatch: { serverNames: ['*-a.example.com'] },
    }));
    expect(await refusal({ filterChains: chains.slice(0, 1) })).to.contain('partial wildcards are not supported');
    expect(await refusal({})).to.equal('');
  });

  it('for a name, or a block in two spellings, that stands twice in what it matches', async () => {
    const [chain] = buildListener(listener as Listener, text).filterChains ?? [];
    const block = (addressPrefix: string) => ({ addressPrefix, prefixLen: { value: 8 } });
    for (const filterChainMatch of [
      { serverNames: ['a.example.com', 'a.example.com'] },
      { prefixRanges: [block('10.0.0.0'), block('10.1.0.0')] },
    ])
      expect(await refusal({ filterChains: [{ ...chain, filterChainMatch }] })).to.contain(
        'overlapping matching rules',
      );
  });
});

describe('nothing that is generated', () => {
  it('names an extension that only Istio compiles in', () => {
    const names: string[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
      const any = value as Message<'google.protobuf.Any'>;
      if (typeof any.typeUrl === 'string') names.push(any.typeUrl);
      Object.values(value).forEach(visit);
    };
    for (const listener of Object.values(listeners)) {
      const message = buildListener(listener, text);
      visit(message);
      for (const chain of message.filterChains ?? []) {
        const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
        visit(unpack(manager, chain.filters?.[0]?.typedConfig ?? {}));
      }
    }
    Object.values(clusters).map(buildCluster).forEach(visit);
    visit(buildRouteTable(routeTable));
    expect(names).to.not.be.empty;
    expect(names.filter((name) => /istio/i.test(name))).to.deep.equal([]);
    expect(endpointGroup.localities).to.not.be.empty;
  });
});
