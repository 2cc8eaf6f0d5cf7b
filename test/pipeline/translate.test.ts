import { expect } from 'chai';
import {
  bookinfo,
  endpointSlice,
  ingress,
  ingressProxy,
  pod,
  reviewsSplit,
  reviewsSubsets,
  service,
} from '#test/support/bookinfo.ts';
import {
  connect,
  describeProxy,
  listChanges,
  listResources,
  type Pipeline,
  startPipeline,
} from '#test/support/pipeline.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '#translate/index.ts';
import { decode } from '#wire/index.ts';
import type { Snapshot } from '#xds/source.ts';

const REVIEWS = 'outbound|9080||reviews.bookinfo.svc.cluster.local';
const productpage = describeProxy({ podName: 'productpage-v1-0', ipAddresses: ['10.1.0.1'] });

describe('snapshots', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
  });

  afterEach(async () => {
    expect(pipeline.faults).to.deep.equal([]);
    await pipeline.stop();
  });

  const story = async (change: () => void, proxy = productpage) => {
    const subscription = await connect(pipeline, proxy);
    const before = subscription.current();
    change();
    await pipeline.settled();
    return {
      before,
      after: subscription.current(),
      changes: listChanges(before, subscription.current()),
      subscription,
    };
  };

  const sameCollections = (before: Snapshot | undefined, after: Snapshot | undefined) =>
    [...(before?.types ?? [])]
      .filter(([type, resources]) => after?.types.get(type) === resources)
      .map(([type]) => type);

  it('do not exist before the first lists are in', async () => {
    const early = startPipeline({ synced: false });
    const subscription = early.source.subscribe(productpage, () => undefined);
    early.objects.apply(bookinfo);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(subscription.current()).to.equal(undefined);
    early.sync();
    await early.settled();
    expect(subscription.current()).not.to.equal(undefined);
    await early.stop();
  });

  it('of a sidecar hold its own listener and clusters beside what it sees', async () => {
    const subscription = await connect(pipeline, productpage);
    const names = listResources(subscription.current()).map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(names).to.include.members([
      'Cluster BlackHoleCluster',
      'Cluster InboundPassthroughCluster',
      'Cluster PassthroughCluster',
      'Cluster inbound|9080||',
      `Cluster ${REVIEWS}`,
      `ClusterLoadAssignment ${REVIEWS}`,
      'Listener virtualInbound',
      'Listener virtualOutbound',
      'RouteConfiguration 9080',
    ]);
  });

  it('a changed endpoint touches its own ClusterLoadAssignment and nothing else', async () => {
    const { changes, before, after } = await story(() => {
      const members = [
        { ip: '10.1.0.2', pod: 'reviews-v1-0' },
        { ip: '10.1.0.3', pod: 'reviews-v2-0', ready: false },
        { ip: '10.1.0.4', pod: 'reviews-v3-0' },
      ];
      pipeline.objects.apply(endpointSlice('reviews', members));
    });
    expect(changes).to.deep.equal([`~ ClusterLoadAssignment ${REVIEWS}`]);
    expect(sameCollections(before, after)).to.have.members([CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE]);
    const ratings = 'outbound|9080||ratings.bookinfo.svc.cluster.local';
    const untouched = before?.types.get(ENDPOINT_TYPE)?.get(ratings);
    expect(untouched).not.to.equal(undefined);
    expect(after?.types.get(ENDPOINT_TYPE)?.get(ratings)).to.equal(untouched);
  });

  it('a VirtualService touches the route table of its port only', async () => {
    pipeline.objects.apply(reviewsSubsets);
    const { changes, before, after, subscription } = await story(() => pipeline.objects.apply(reviewsSplit(90, 10)));
    expect(changes).to.deep.equal(['~ RouteConfiguration 9080']);
    expect(sameCollections(before, after)).to.have.members([CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE]);
    expect(after?.types.get(ROUTE_TYPE)?.get('9080')?.needs).to.include.members([
      'outbound|9080|v1|reviews.bookinfo.svc.cluster.local',
      'outbound|9080|v2|reviews.bookinfo.svc.cluster.local',
    ]);
    expect(subscription.changes()).to.equal(2);
  });

  it('a VirtualService touches one virtual host, where proxies take them as resources of their own', async () => {
    pipeline.objects.apply(reviewsSubsets);
    const { changes, before, after, subscription } = await story(() => pipeline.objects.apply(reviewsSplit(90, 10)), {
      ...productpage,
      virtualHosts: true,
    });
    const name = '9080/reviews.bookinfo.svc.cluster.local:9080';
    expect(changes).to.deep.equal([`~ VirtualHost ${name}`]);
    expect(sameCollections(before, after)).to.have.members([CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE]);
    const host = after?.types.get(VIRTUAL_HOST_TYPE)?.get(name);
    expect(host?.needs).to.include('outbound|9080|v2|reviews.bookinfo.svc.cluster.local');
    expect(host?.claims).to.include.members(['reviews', 'reviews.bookinfo.svc.cluster.local']);
    const blamed = pipeline.source.blame(productpage.connectionId, VIRTUAL_HOST_TYPE, [name]);
    expect(blamed.map(({ kind }) => kind)).to.deep.equal(['VirtualService']);
    // Another sidecar of the namespace shares it; one of a state-of-the-world client does not see it at all.
    const other = await connect(pipeline, describeProxy({ podName: 'reviews-v1-0', virtualHosts: true }));
    expect(other.current()?.types.get(VIRTUAL_HOST_TYPE)).to.equal(
      subscription.current()?.types.get(VIRTUAL_HOST_TYPE),
    );
    const whole = await connect(pipeline, describeProxy({ podName: 'ratings-v1-0' }));
    expect(whole.current()?.types.has(VIRTUAL_HOST_TYPE)).to.equal(false);
  });

  it('subsets of a DestinationRule come as clusters with endpoints of their own', async () => {
    const { changes } = await story(() => pipeline.objects.apply(reviewsSubsets));
    expect(changes.filter((change) => change.startsWith('+'))).to.deep.equal([
      '+ Cluster outbound|9080|v1|reviews.bookinfo.svc.cluster.local',
      '+ Cluster outbound|9080|v2|reviews.bookinfo.svc.cluster.local',
      '+ ClusterLoadAssignment outbound|9080|v1|reviews.bookinfo.svc.cluster.local',
      '+ ClusterLoadAssignment outbound|9080|v2|reviews.bookinfo.svc.cluster.local',
    ]);
  });

  it('a service that comes and goes leaves nothing behind', async () => {
    const { after, subscription } = await story(() => pipeline.objects.apply(service('details', '10.96.0.40')));
    expect([...(after?.types.get(CLUSTER_TYPE)?.keys() ?? [])]).to.include(
      'outbound|9080||details.bookinfo.svc.cluster.local',
    );
    pipeline.objects.delete('Service', 'bookinfo', 'details');
    await pipeline.settled();
    expect(listResources(subscription.current()).filter((line) => line.includes('details'))).to.deep.equal([]);
  });

  it('an object written again without a change costs nothing and tells nobody', async () => {
    const { before, after, subscription } = await story(() => pipeline.objects.apply(bookinfo));
    expect(after).to.equal(before);
    expect(subscription.changes()).to.equal(1);
  });

  it('share everything outbound between pods of one view, and the whole snapshot within one class', async () => {
    pipeline.objects.apply(pod({ app: 'reviews', version: 'v9', ip: '10.1.0.99' }));
    const one = await connect(pipeline, describeProxy({ podName: 'reviews-v1-0', ipAddresses: ['10.1.0.2'] }));
    const twin = await connect(pipeline, describeProxy({ podName: 'reviews-v2-0', ipAddresses: ['10.1.0.3'] }));
    const other = await connect(pipeline, productpage);
    expect(twin.current()).to.equal(one.current());
    expect(other.current()?.types.get(ENDPOINT_TYPE)).to.equal(one.current()?.types.get(ENDPOINT_TYPE));
    expect(other.current()?.types.get(ROUTE_TYPE)).to.equal(one.current()?.types.get(ROUTE_TYPE));
    expect(pipeline.source.combinations()).to.have.length(2);
  });

  it('never go back in revision when a proxy moves to another class', async () => {
    const waiting = await connect(pipeline, describeProxy({ podName: 'reviews-v1-0', ipAddresses: ['10.1.0.2'] }));
    const old = waiting.current()?.revision ?? -1;
    const mover = describeProxy({ podName: 'ratings-v1-0', ipAddresses: ['10.1.0.5'] });
    pipeline.objects.apply(endpointSlice('ratings', []));
    const subscription = await connect(pipeline, mover);
    const before = subscription.current()?.revision ?? -1;
    expect(pipeline.source.combinations()).to.have.length(2);
    pipeline.objects.apply(pod({ app: 'ratings', version: 'v1', ip: '10.1.0.5', labels: { app: 'reviews' } }));
    await pipeline.settled();
    expect(pipeline.source.combinations()).to.have.length(1);
    expect(before).to.be.greaterThan(old);
    expect(subscription.current()?.revision).to.be.greaterThan(before);
  });

  it('name the user resources behind them', async () => {
    pipeline.objects.apply(reviewsSubsets + reviewsSplit(50, 50));
    await connect(pipeline, productpage);
    const id = productpage.connectionId;
    const names = pipeline.source
      .snapshotOf(id)
      ?.sources.flat()
      .map(({ kind, name }) => `${kind}/${name}`);
    expect(names).to.deep.equal(['DestinationRule/reviews', 'VirtualService/reviews']);
    const blamed = pipeline.source.blame(id, ROUTE_TYPE, ['9080']).map(({ kind }) => kind);
    expect(blamed).to.include('VirtualService');
    const resource = { cluster: 'Kubernetes', kind: 'VirtualService', namespace: 'bookinfo', name: 'reviews' };
    expect(pipeline.source.affected(resource)).to.deep.equal([id]);
    expect(pipeline.source.affected({ ...resource, name: 'unknown' })).to.deep.equal([]);
  });

  it('settle at the revision of the newest edit, also when nothing changed for a proxy', async () => {
    const subscription = await connect(pipeline, productpage);
    const { revision = -1 } = subscription.current() ?? {};
    pipeline.objects.apply(
      pod({ app: 'stranger', version: 'v1', ip: '10.1.7.7', namespace: 'elsewhere', mesh: false }),
    );
    await pipeline.settled();
    expect(pipeline.source.settledRevision()).to.equal(pipeline.graph.revision).and.to.be.greaterThan(revision);
    expect(pipeline.source.snapshotOf(productpage.connectionId)?.revision).to.equal(revision);
  });

  it('of a gateway hold its listeners and route tables', async () => {
    pipeline.objects.apply(ingress);
    const subscription = await connect(pipeline, describeProxy(ingressProxy));
    const types = subscription.current()?.types;
    expect([...(types?.get(LISTENER_TYPE)?.keys() ?? [])].sort()).to.deep.equal(['0.0.0.0_8080', '0.0.0.0_8443']);
    const tables = [...(types?.get(ROUTE_TYPE)?.values() ?? [])];
    expect(tables.flatMap((table) => table.needs)).to.include('outbound|9080||productpage.bookinfo.svc.cluster.local');
    const [table] = tables;
    const hosts = decode('envoy.config.route.v3.RouteConfiguration', table?.bytes ?? new Uint8Array()).virtualHosts;
    expect(hosts?.flatMap((host) => host.domains ?? [])).to.include('bookinfo.example.com');
  });
});
