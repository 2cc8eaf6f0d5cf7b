import { expect } from 'chai';
import { createStatusSubjects } from '#cmd/discovery/status-subjects.ts';
import { type Clock, systemClock } from '#runtime/index.ts';
import { bookinfo, endpointSlice, reviewsSplit, reviewsSubsets } from '#test/support/bookinfo.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';

describe('what status is written about', () => {
  const { signal } = new AbortController();
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
    pipeline.objects.apply(reviewsSplit(50, 50));
  });

  afterEach(() => pipeline.stop());

  const start = (clusterId: string, clock: Pick<Clock, 'monotonic'> = systemClock) => {
    const { graph, inputs, model, generations } = pipeline;
    const onEdited = () => () => undefined;
    return createStatusSubjects({ graph, inputs, model, generations, clusterId, onEdited, clock });
  };

  const all = async (subjects: ReturnType<typeof start>) => (await subjects.all(signal)) ?? expect.fail('given up');

  it('is the identical list while no mesh resource and nothing said of one changes', async () => {
    const subjects = start('Kubernetes');
    const first = await all(subjects);
    expect(first.map(({ kind, name }) => `${kind} ${name}`)).to.include('VirtualService reviews');
    pipeline.objects.apply(endpointSlice('reviews', [{ ip: '10.1.0.2', pod: 'reviews-v1-0' }]));
    await pipeline.settled();
    expect(await all(subjects)).to.equal(first);
    const isRoute = ({ kind, name }: { kind: string; name: string }) => kind === 'VirtualService' && name === 'reviews';
    const before = first.find(isRoute);
    expect(before?.references?.unresolved).to.not.deep.equal([]);
    pipeline.objects.apply(reviewsSubsets);
    await pipeline.settled();
    const second = await all(subjects);
    expect(second).to.have.length(first.length + 1);
    expect(second.find(isRoute)?.references?.unresolved, 'the rule that came defines its subsets').to.deep.equal([]);
    expect(await all(subjects)).to.equal(second);
    pipeline.objects.delete('VirtualService', 'bookinfo', 'reviews');
    await pipeline.settled();
    expect((await all(subjects)).find(isRoute)).to.equal(undefined);
  });

  it('is the identical list after the graph has forgotten what proxies that have left needed', async () => {
    const subjects = start('Kubernetes');
    const first = await all(subjects);
    pipeline.graph.sweep([]);
    expect(await all(subjects)).to.equal(first);
  });

  it('are looked at in slices where thousands come at once', async () => {
    let reads = 0;
    const clock = {
      monotonic: () => {
        reads += 1;
        return reads;
      },
    };
    pipeline.objects.apply(
      Array.from({ length: 1_000 }, (_, at) => ({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: `many-${at}`, namespace: 'bookinfo' },
        spec: { hosts: [`many-${at}`], http: [{ route: [{ destination: { host: 'reviews' } }] }] },
      })),
    );
    await pipeline.settled();
    const subjects = start('Kubernetes', clock);
    expect(await subjects.all(AbortSignal.abort())).to.equal(undefined);
    let turns = 0;
    let last = false;
    const count = () => {
      turns += 1;
      if (!last) setImmediate(count);
    };
    setImmediate(count);
    expect(await all(subjects)).to.have.length.greaterThan(1_000);
    last = true;
    expect(turns).to.be.greaterThan(90);
  });

  it('are resources of this cluster alone', async () => {
    expect(await all(start('another'))).to.deep.equal([]);
  });
});
