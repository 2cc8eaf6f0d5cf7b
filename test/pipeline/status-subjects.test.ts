import { expect } from 'chai';
import { createStatusSubjects } from '#cmd/discovery/status-subjects.ts';
import { bookinfo, endpointSlice, reviewsSplit, reviewsSubsets } from '#test/support/bookinfo.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';

describe('what status is written about', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
    pipeline.objects.apply(reviewsSplit(50, 50));
  });

  afterEach(() => pipeline.stop());

  const start = (clusterId: string) => {
    const { graph, inputs, model, generations } = pipeline;
    return createStatusSubjects({ graph, inputs, model, generations, clusterId, onEdited: () => () => undefined });
  };

  it('is the identical list while no mesh resource and nothing said of one changes', () => {
    const subjects = start('Kubernetes');
    const first = subjects.all();
    expect(first.map(({ kind, name }) => `${kind} ${name}`)).to.include('VirtualService reviews');
    pipeline.objects.apply(endpointSlice('reviews', [{ ip: '10.1.0.2', pod: 'reviews-v1-0' }]));
    expect(subjects.all()).to.equal(first);
    const isRoute = ({ kind, name }: { kind: string; name: string }) => kind === 'VirtualService' && name === 'reviews';
    const before = first.find(isRoute);
    expect(before?.references?.unresolved).to.not.deep.equal([]);
    pipeline.objects.apply(reviewsSubsets);
    const second = subjects.all();
    expect(second).to.have.length(first.length + 1);
    expect(second.find(isRoute)?.references?.unresolved, 'the rule that came defines its subsets').to.deep.equal([]);
    expect(subjects.all()).to.equal(second);
    pipeline.objects.delete('VirtualService', 'bookinfo', 'reviews');
    expect(subjects.all().find(isRoute)).to.equal(undefined);
  });

  it('is the identical list after the graph has forgotten what proxies that have left needed', () => {
    const subjects = start('Kubernetes');
    const first = subjects.all();
    pipeline.graph.sweep([]);
    expect(subjects.all()).to.equal(first);
  });

  it('are resources of this cluster alone', () => {
    expect(start('another').all()).to.deep.equal([]);
  });
});
