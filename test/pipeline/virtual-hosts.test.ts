import { expect } from 'chai';
import fc from 'fast-check';
import { ingressProxy, service } from '#test/support/bookinfo.ts';
import { editedNamespaces, type MeshEdit, meshEdit, performEdit } from '#test/support/meshedits.ts';
import { connect, describeProxy, startPipeline } from '#test/support/pipeline.ts';
import { ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '#translate/index.ts';
import { decode } from '#wire/index.ts';
import type { Proxy as MeshProxy, Snapshot } from '#xds/source.ts';

/** A sidecar in each namespace, one whose labels make a view of its own, and a gateway. */
const proxies: readonly MeshProxy[] = [
  ...editedNamespaces.map((namespace, at) =>
    describeProxy({ namespace, podName: `reviews-v${1 + (at % 2)}-0`, ipAddresses: [`10.1.1.${1 + at}`] }),
  ),
  describeProxy({ podName: 'stranger-0', ipAddresses: ['10.1.1.4'], labels: { app: 'reviews' } }),
  describeProxy(ingressProxy),
];

/** Each table and virtual host of a snapshot as a line, in whichever form it is served. */
function describeTables(snapshot: Snapshot | undefined): readonly string[] {
  const lines: string[] = [];
  for (const { name, bytes, needs } of snapshot?.types.get(ROUTE_TYPE)?.values() ?? []) {
    const { virtualHosts = [], vhds, ...head } = decode('envoy.config.route.v3.RouteConfiguration', bytes);
    if (vhds !== undefined) expect([virtualHosts, needs]).to.deep.equal([[], []]);
    lines.push(`${name} ${JSON.stringify(head)}`);
    for (const host of virtualHosts) lines.push(`${name} ${JSON.stringify(host)}`);
  }
  for (const { name, bytes } of snapshot?.types.get(VIRTUAL_HOST_TYPE)?.values() ?? []) {
    const host = decode('envoy.config.route.v3.VirtualHost', bytes);
    expect(host.name).to.equal(name);
    const at = name.lastIndexOf('/');
    lines.push(`${name.slice(0, at)} ${JSON.stringify({ ...host, name: name.slice(at + 1) })}`);
  }
  return lines.sort();
}

/** The clusters that routes name, by table. */
function needsByTable(snapshot: Snapshot | undefined): readonly string[] {
  const lines = new Set<string>();
  for (const { name, needs } of snapshot?.types.get(ROUTE_TYPE)?.values() ?? [])
    for (const cluster of needs) lines.add(`${name} ${cluster}`);
  for (const { name, needs } of snapshot?.types.get(VIRTUAL_HOST_TYPE)?.values() ?? [])
    for (const cluster of needs) lines.add(`${name.slice(0, name.lastIndexOf('/'))} ${cluster}`);
  return [...lines].sort();
}

describe('virtual hosts as resources of their own, after any sequence of edits', () => {
  it('say together what the whole table says, come from the same resources, and are those of a build from scratch', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(meshEdit, { minLength: 1, maxLength: 25 }), async (edits: MeshEdit[]) => {
        const pipeline = startPipeline();
        const pairs = await Promise.all(
          proxies.map(async (proxy) => ({
            proxy,
            whole: await connect(pipeline, proxy),
            split: await connect(pipeline, {
              ...proxy,
              connectionId: `${proxy.connectionId}-split`,
              virtualHosts: true,
            }),
          })),
        );
        for (const [at, edit] of edits.entries()) {
          performEdit(pipeline, edit);
          if (at % 2 === 0) await pipeline.settled();
        }
        await pipeline.settled();
        const fresh = startPipeline();
        for (const edit of edits) performEdit(fresh, edit);
        for (const { proxy, whole, split } of pairs) {
          const said = describeTables(split.current());
          expect(said, proxy.nodeId).to.deep.equal(describeTables(whole.current()));
          expect(needsByTable(split.current())).to.deep.equal(needsByTable(whole.current()));
          const sources = (id: string) =>
            pipeline.source
              .snapshotOf(id)
              ?.sources.flat()
              .map(({ uid }) => uid) ?? [];
          expect(sources(`${proxy.connectionId}-split`)).to.include.members(sources(proxy.connectionId));
          const scratch = await connect(fresh, { ...proxy, virtualHosts: true });
          expect(describeTables(scratch.current())).to.deep.equal(said);
          compared += said.length;
        }
        expect(pipeline.faults).to.deep.equal([]);
        await Promise.all([pipeline.stop(), fresh.stop()]);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 30_000 },
    );
    expect(compared).to.be.greaterThan(300);
  }).timeout(60_000);
});

describe('virtual hosts that claim the same address', () => {
  /** Names of those that have it, as a client of a namespace is served them. */
  const holders = async (namespace: string): Promise<readonly string[]> => {
    const pipeline = startPipeline();
    pipeline.objects.apply(service('one', '10.96.0.1', 80, 'a') + service('two', '10.96.0.1', 80, 'b'));
    pipeline.objects.apply(service('three', '10.96.0.3', 80, 'c') + service('four', '10.96.0.4', 80, 'b'));
    const pods = [`x-0.${namespace}`, `y-0.${namespace}`] as const;
    const [split, whole] = await Promise.all(
      pods.map((pod, at) =>
        connect(pipeline, describeProxy({ namespace, podName: pod, connectionId: pod, virtualHosts: at === 0 })),
      ),
    );
    const lines = describeTables(split?.current());
    expect(lines).to.deep.equal(describeTables(whole?.current()));
    const resources = split?.current()?.types.get(VIRTUAL_HOST_TYPE);
    expect([...(resources?.keys() ?? [])].length).to.equal(resources?.size);
    await pipeline.stop();
    const holding = [...(resources?.values() ?? [])].filter(({ claims = [] }) => claims.includes('10.96.0.1'));
    return holding.map(({ name }) => name);
  };

  it('leave it to the first, for those who see both from outside', async () => {
    expect(await holders('c')).to.deep.equal(['80/one.a.svc.cluster.local:80']);
  });

  it('leave it to the first, for those whose own namespace has one of them', async () => {
    expect(await holders('a')).to.deep.equal(['80/one.a.svc.cluster.local:80']);
    expect(await holders('b')).to.deep.equal(['80/one.a.svc.cluster.local:80']);
  });
});
