import { expect } from 'chai';
import { bookinfo, endpointSlice, service } from '#test/support/bookinfo.ts';
import {
  connect,
  describeProxy,
  listChanges,
  listResources,
  type Pipeline,
  startPipeline,
} from '#test/support/pipeline.ts';
import { CLUSTER_TYPE, LISTENER_TYPE } from '#translate/index.ts';

const productpage = describeProxy({ podName: 'productpage-v1-0', ipAddresses: ['10.1.0.1'] });
const outsider = describeProxy({ podName: 'outsider-0', namespace: 'elsewhere', ipAddresses: ['10.1.9.9'] });

const sidecar = (spec: string, namespace = 'bookinfo') => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ${namespace}}
spec: ${spec}
---`;
const reviewsOnly = sidecar('{egress: [{hosts: [./reviews.bookinfo.svc.cluster.local]}]}');

/** Everything but what every sidecar has, without versions. */
const outbound = (lines: readonly string[]) =>
  lines
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
    .filter((line) => !/inbound|Inbound|BlackHole|PassthroughCluster|virtualOutbound/.test(line));

describe('a Sidecar', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
  });

  afterEach(async () => {
    expect(pipeline.faults).to.deep.equal([]);
    await pipeline.stop();
  });

  it('leaves exactly what it imports', async () => {
    pipeline.objects.apply(reviewsOnly);
    const subscription = await connect(pipeline, productpage);
    expect(outbound(listResources(subscription.current()))).to.deep.equal([
      'Cluster outbound|9080||reviews.bookinfo.svc.cluster.local',
      'ClusterLoadAssignment outbound|9080||reviews.bookinfo.svc.cluster.local',
      'Listener 0.0.0.0_9080',
      'RouteConfiguration 9080',
    ]);
  });

  it('keeps what it does not import from being sent: neither services nor their endpoints', async () => {
    pipeline.objects.apply(reviewsOnly);
    const subscription = await connect(pipeline, productpage);
    const before = subscription.current();
    pipeline.objects.apply(service('new', '10.96.1.1') + service('far', '10.96.1.2', 80, 'elsewhere'));
    pipeline.objects.apply(endpointSlice('ratings', [{ ip: '10.1.0.77', pod: 'ratings-v1-0' }]));
    await pipeline.settled();
    expect(subscription.current()).to.equal(before);
    expect(subscription.changes()).to.equal(1);
  });

  it('changes only what its own workloads have', async () => {
    pipeline.objects.apply(reviewsOnly);
    const [inside, outside] = [await connect(pipeline, productpage), await connect(pipeline, outsider)];
    const before = [inside.current(), outside.current()];
    pipeline.objects.apply(
      sidecar('{egress: [{hosts: [./reviews.bookinfo.svc.cluster.local, ./ratings.bookinfo.svc.cluster.local]}]}'),
    );
    await pipeline.settled();
    expect(listChanges(before[0], inside.current())).to.deep.equal([
      '+ Cluster outbound|9080||ratings.bookinfo.svc.cluster.local',
      '+ ClusterLoadAssignment outbound|9080||ratings.bookinfo.svc.cluster.local',
      '~ RouteConfiguration 9080',
    ]);
    expect(outside.current()).to.equal(before[1]);
  });

  it('is named among the sources of its workloads, also where nothing of it is left to see', async () => {
    pipeline.objects.apply(sidecar('{egress: [{hosts: ["~/*"]}]}'));
    await connect(pipeline, productpage);
    await connect(pipeline, outsider);
    const resource = { cluster: 'Kubernetes', kind: 'Sidecar', namespace: 'bookinfo', name: 'default' };
    expect(pipeline.source.affected(resource)).to.deep.equal([productpage.connectionId]);
  });

  it('is blamed for the listeners that it asks for', async () => {
    pipeline.objects.apply(
      sidecar(`{
        egress: [{port: {number: 3128, protocol: HTTP_PROXY, name: p}, bind: 127.0.0.1, captureMode: NONE, hosts: [./*]}],
        ingress: [{port: {number: 8443, protocol: HTTP, name: p}, bind: 127.0.0.1, captureMode: NONE}]}`),
    );
    await connect(pipeline, productpage);
    for (const name of ['127.0.0.1_3128', 'inbound_127.0.0.1_8443', 'virtualInbound']) {
      const blamed = pipeline.source.blame(productpage.connectionId, LISTENER_TYPE, [name]);
      expect(
        blamed.map(({ kind, name }) => `${kind}/${name}`),
        name,
      ).to.deep.equal(['Sidecar/default']);
    }
    const clusters = pipeline.source.blame(productpage.connectionId, CLUSTER_TYPE, ['inbound|8443||']);
    expect(clusters.map(({ kind }) => kind)).to.deep.equal(['Sidecar']);
  });

  it('of the root namespace is for every namespace, and views of one namespace share their resources', async () => {
    pipeline.objects.apply(
      sidecar('{egress: [{hosts: [bookinfo/reviews.bookinfo.svc.cluster.local]}]}', 'istio-system'),
    );
    const [inside, outside] = [await connect(pipeline, productpage), await connect(pipeline, outsider)];
    const [one, two] = [inside, outside].map((subscription) => subscription.current()?.types.values());
    const lists = [[...(one ?? [])], [...(two ?? [])]];
    const name = 'outbound|9080||reviews.bookinfo.svc.cluster.local';
    const found = lists.map((types) => types.flatMap((resources) => resources.get(name) ?? []));
    expect(found[0]).to.have.length(2);
    expect(found[0]?.every((resource, at) => resource === found[1]?.[at])).to.equal(true);
  });
});
