/** What a control plane that has just started prepares before proxies come. */
import { expect } from 'chai';
import { rehearseChanges } from '#cmd/discovery/rehearsal/changes.ts';
import { createRehearsal } from '#cmd/discovery/rehearsal/index.ts';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { bookinfo, pod, reviewsSplit, reviewsSubsets } from '#test/support/bookinfo.ts';
import { connect, describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { createDiscoveryService, type DiscoveryService } from '#xds/index.ts';

const pods = [
  pod({ app: 'web', version: 'v1', ip: '10.0.0.9', namespace: 'shop' }),
  pod({ app: 'bare', version: 'v1', ip: '10.0.0.10', namespace: 'legacy', mesh: false }),
];

describe('a rehearsal', () => {
  let pipeline: Pipeline;
  let discovery: DiscoveryService;
  let connected: number;

  beforeEach(() => {
    pipeline = startPipeline();
    for (const object of [bookinfo, reviewsSubsets, reviewsSplit(80, 20), ...pods]) pipeline.objects.apply(object);
    connected = 0;
    const ignore = () => undefined;
    discovery = createDiscoveryService({
      source: pipeline.source,
      observer: {
        connected: () => {
          connected += 1;
        },
        ...{ progressed: ignore, acknowledged: ignore, rejected: ignore, waiting: ignore, disconnected: ignore },
      },
      logger: silentLogger,
      metrics: createMetrics(),
    });
  });

  afterEach(() => pipeline.stop());

  /** The results of each; the nodes that were made up. */
  const run = async (): Promise<ReadonlyMap<string, boolean>> => {
    const answered = new Map<string, boolean>();
    const stopping = new AbortController();
    let running: Promise<void> = Promise.resolve();
    await new Promise<void>((onDone) => {
      running = createRehearsal({
        mesh: pipeline,
        snapshots: pipeline.source,
        discovery: {
          rehearse: async (node, prepare) => {
            const complete = await discovery.rehearse(node, prepare);
            answered.set(node.id ?? '', complete);
            return complete;
          },
        },
        synced: Promise.resolve(),
        withChanges: false,
        clock: systemClock,
        logger: silentLogger,
        onDone,
      }).run(stopping.signal);
    });
    stopping.abort();
    await running;
    return answered;
  };

  it('answers one proxy of each namespace that has pods with a sidecar, in full', async () => {
    const answered = await run();
    expect(Object.fromEntries(answered)).to.deep.equal({
      'sidecar~10.0.0.9~web-v1-0.shop~shop.svc': true,
      'sidecar~10.1.0.1~productpage-v1-0.bookinfo~bookinfo.svc': true,
    });
  });

  it('leaves nothing to build for the proxies when they come', async () => {
    await run();
    const computed = () => pipeline.graph.statistics().queries['translate.view.types']?.computed;
    const before = computed();
    expect(before).to.be.greaterThan(0);
    const subscription = await connect(
      pipeline,
      describeProxy({
        ...{ podName: 'reviews-v1-0', serviceAccount: 'bookinfo-reviews', ipAddresses: ['10.1.0.2'] },
        virtualHosts: true,
      }),
    );
    expect(subscription.current()?.types.size).to.be.greaterThan(0);
    expect(computed()).to.equal(before);
  });

  it('is seen by nobody', async () => {
    await run();
    expect(connected).to.equal(0);
    expect(discovery.streams()).to.deep.equal([]);
    expect(pipeline.source.combinations()).to.deep.equal([]);
  });
});

describe('a rehearsal of changes', () => {
  it('ends when its clients have acknowledged every one of them', async () => {
    const made = await rehearseChanges({ clock: systemClock, rounds: 3 }, new AbortController().signal);
    // An endpoint, a route, a rule, a service that comes and goes.
    expect(made).to.equal(3 * 5);
  });

  it('can be ended', async () => {
    const stopping = new AbortController();
    const rehearsing = rehearseChanges({ clock: systemClock, rounds: Number.POSITIVE_INFINITY }, stopping.signal);
    setTimeout(() => stopping.abort(), 500);
    expect(await rehearsing).to.be.lessThan(Number.POSITIVE_INFINITY);
  });
});
