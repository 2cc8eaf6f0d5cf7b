import { expect } from 'chai';
import { createStatusSubjects } from '#cmd/discovery/status-subjects.ts';
import { planConditions } from '#controllers/status/conditions.ts';
import { systemClock } from '#runtime/index.ts';
import { bookinfo, endpointSlice, reviewsSubsets, service } from '#test/support/bookinfo.ts';
import { connect, describeProxy, listChanges, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { decode } from '#wire/index.ts';

const ENDPOINTS = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
const MANY = 10_000;

describe('a mesh with too much of something', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
  });

  afterEach(() => pipeline.stop());

  it('serves a service with ten thousand endpoints, and a change elsewhere costs nothing of it', async () => {
    const slice = (part: number) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `big-${part}`,
        namespace: 'bookinfo',
        labels: { 'kubernetes.io/service-name': 'big' },
      },
      ...{
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 9080 }],
        endpoints: Array.from({ length: 1_000 }, (_, at) => ({
          addresses: [`10.${100 + part}.${Math.floor(at / 250)}.${1 + (at % 250)}`],
          conditions: { ready: true },
        })),
      },
    });
    pipeline.objects.apply(service('big', '10.96.0.99'));
    pipeline.objects.apply(Array.from({ length: MANY / 1_000 }, (_, part) => slice(part)));
    const proxy = await connect(pipeline, describeProxy());
    const before = proxy.current();
    const bytes = before?.types.get(ENDPOINTS)?.get('outbound|9080||big.bookinfo.svc.cluster.local')?.bytes;
    const { endpoints = [] } = decode('envoy.config.endpoint.v3.ClusterLoadAssignment', bytes ?? new Uint8Array());
    expect(endpoints.flatMap(({ lbEndpoints = [] }) => lbEndpoints)).to.have.length(MANY);
    const computed = () => pipeline.graph.statistics().queries.serviceEndpoints?.computed;
    const looked = computed();
    pipeline.objects.apply(endpointSlice('ratings', [{ ip: '10.1.0.5', pod: 'ratings-v1-0', ready: false }]));
    await pipeline.settled();
    expect(listChanges(before, proxy.current())).to.deep.equal([
      '~ ClusterLoadAssignment outbound|9080||ratings.bookinfo.svc.cluster.local',
    ]);
    expect((computed() ?? 0) - (looked ?? 0)).to.equal(1);
  });

  it('refuses ten thousand bad resources one by one, each with its reason, and serves everything else', async () => {
    const proxy = await connect(pipeline, describeProxy());
    const before = proxy.current();
    const bad = Array.from({ length: MANY }, (_, at) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: `bad-${at}`, namespace: 'bookinfo' },
      ...{ spec: { hosts: ['reviews'], http: [{ timeout: 'soon', route: [{ destination: { host: 'reviews' } }] }] } },
    }));
    pipeline.objects.apply(bad);
    await pipeline.settled();
    expect(listChanges(before, proxy.current())).to.deep.equal([]);
    const { graph, inputs, model, generations } = pipeline;
    const onEdited = () => () => undefined;
    const subjects = createStatusSubjects({
      graph,
      inputs,
      model,
      generations,
      clusterId: 'Kubernetes',
      onEdited,
      clock: systemClock,
    });
    let refused = 0;
    for (const subject of (await subjects.all(new AbortController().signal)) ?? []) {
      const [accepted] = planConditions(subject, [], '') ?? [];
      expect(accepted).to.include({ type: 'Accepted', status: 'False', reason: 'Invalid' });
      expect(accepted?.message).to.contain('spec.http[0].timeout');
      refused += 1;
    }
    expect(refused).to.equal(MANY);
    pipeline.objects.apply(reviewsSubsets);
    await pipeline.settled();
    expect(listChanges(before, proxy.current())).to.include(
      '+ Cluster outbound|9080|v1|reviews.bookinfo.svc.cluster.local',
    );
    expect(pipeline.faults).to.deep.equal([]);
  });
});
