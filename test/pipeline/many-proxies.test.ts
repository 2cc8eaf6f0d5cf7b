import { expect } from 'chai';
import {
  describeMesh,
  describeRoute,
  describeRule,
  describeService,
  describeSlice,
  type MeshSize,
  namespaceOf,
  podAddress,
} from '#test/bench/scale/objects.ts';
import { serveSource } from '#test/support/discovery.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { SimulatedProxy, simulatedTypes } from '#test/support/simulated-proxy.ts';
import type { Proxy as MeshProxy, SnapshotSource, Subscription } from '#xds/source.ts';

/** Enough that proxies ask for names in bulk and share what they are sent. */
const size: MeshSize = { services: 60, endpointsPerService: 3, namespaces: 5 };
const proxyCount = 12;
const changed = 7;

describe('many proxies of one mesh', () => {
  let pipeline: Pipeline;
  let proxies: SimulatedProxy[];
  let server: Awaited<ReturnType<typeof serveSource>>;
  const subscriptions = new Map<string, Subscription>();

  /** Keeps the subscriptions, to compare what proxies hold with what they are to hold. */
  const watched = (source: SnapshotSource): SnapshotSource => ({
    subscribe(proxy: MeshProxy, onChange) {
      const subscription = source.subscribe(proxy, onChange);
      subscriptions.set(proxy.podName, subscription);
      return subscription;
    },
  });

  const wanted = (pod: string, url: string) =>
    new Map(
      [...(subscriptions.get(pod)?.current()?.types.get(url) ?? [])].map(([name, { version }]) => [name, version]),
    );

  const allHold = () =>
    eventually(
      () => pipeline.settled(),
      () => {
        proxies.forEach((proxy, at) => {
          for (const url of Object.values(simulatedTypes))
            expect(new Map(proxy.held(url)), `proxy ${at}, ${url}`).to.deep.equal(wanted(podOf(at), url));
        });
        expect(proxies[0]?.held(simulatedTypes.clusters).size).to.be.greaterThan(size.services);
      },
    );

  /** Applies a change, waits until every proxy has it, and gives the most bytes that one of them was sent. */
  const bytesOf = async (apply: () => void): Promise<number> => {
    for (const proxy of proxies) proxy.takeBytes();
    apply();
    await allHold();
    return Math.max(...proxies.map((proxy) => proxy.takeBytes()));
  };

  const podOf = (at: number) => `s${at}-0`;

  before(async () => {
    pipeline = startPipeline();
    pipeline.objects.apply([
      ...describeMesh(size),
      ...[changed, 8].map((service) => describeRoute(service, size, 1)),
      ...[changed, 8].map((service) => describeRule(service, size, 1)),
    ]);
    server = await serveSource(watched(pipeline.source));
    proxies = Array.from(
      { length: proxyCount },
      (_, at) =>
        new SimulatedProxy({
          port: server.port,
          pod: podOf(at),
          namespace: namespaceOf(at, size),
          address: podAddress(at, 0),
        }),
    );
    await allHold();
  });

  after(async () => {
    for (const proxy of proxies) proxy.close();
    await Promise.all(proxies.map(({ running }) => running));
    await server.stop();
    await pipeline.stop();
  });

  it('are sent a changed endpoint, and nothing else', async () => {
    const bytes = await bytesOf(() => pipeline.objects.apply([describeSlice(changed, size, { without: 1 })]));
    // The whole service, v1 and v2.
    expect(bytes).to.be.within(100, 1_500);
  });

  it('are sent the virtual host of a changed VirtualService, and nothing else', async () => {
    const bytes = await bytesOf(() => pipeline.objects.apply([describeRoute(changed, size, 2)]));
    expect(bytes).to.be.within(100, 1_500);
  });

  it('are sent the clusters of a changed DestinationRule with their endpoints, and nothing else', async () => {
    const bytes = await bytesOf(() => pipeline.objects.apply([describeRule(changed, size, 2)]));
    expect(bytes).to.be.within(1_000, 12_000);
  });

  it('are sent a new service, and lose it when it is gone', async () => {
    const added = await bytesOf(() =>
      pipeline.objects.apply([describeService(size.services, size), describeSlice(size.services, size)]),
    );
    expect(added).to.be.within(500, 8_000);
    const removed = await bytesOf(() => {
      pipeline.objects.delete('Service', namespaceOf(size.services, size), `s${size.services}`);
      pipeline.objects.delete('EndpointSlice', namespaceOf(size.services, size), `s${size.services}-1`);
    });
    expect(removed).to.equal(0);
  });

  it('end right after many changes that nobody waits for', async () => {
    for (let round = 0; round < 30; round += 1) {
      const service = round % 10;
      pipeline.objects.apply([describeSlice(service, size, { without: round % size.endpointsPerService })]);
      if (round % 5 === 0) pipeline.objects.apply([describeRoute(changed, size, round + 3)]);
      if (round % 7 === 0) pipeline.objects.apply([describeRule(8, size, round + 3)]);
      // Some of them come while others are under way.
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await allHold();
  });

  it('that come back are given the same', async () => {
    const [first] = proxies;
    first?.close();
    await first?.running;
    proxies[0] = new SimulatedProxy({
      port: server.port,
      pod: podOf(0),
      namespace: namespaceOf(0, size),
      address: podAddress(0, 0),
    });
    await allHold();
  });
});
