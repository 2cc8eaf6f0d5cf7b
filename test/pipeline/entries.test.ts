import { expect } from 'chai';
import { bookinfo } from '#test/support/bookinfo.ts';
import { connect, describeProxy, listChanges, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import type { Snapshot } from '#xds/source.ts';

const productpage = describeProxy({ podName: 'productpage-v1-0', ipAddresses: ['10.1.0.1'] });
const entry = (spec: string, namespace = 'bookinfo', name = 'api') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---`;
const workload = (name: string, address: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: bookinfo}
spec: {address: ${address}, labels: {app: api}${more}}
---`;
const http = 'ports: [{number: 8000, name: http, protocol: HTTP}]';

describe('ServiceEntries and WorkloadEntries', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo);
  });

  afterEach(async () => {
    expect(pipeline.faults).to.deep.equal([]);
    await pipeline.stop();
  });

  /** What a step changes for a proxy, and what the proxy has then. */
  const follow = async (proxy = productpage) => {
    const subscription = await connect(pipeline, proxy);
    let before = subscription.current();
    return async (change: () => void): Promise<{ readonly changes: readonly string[]; readonly now?: Snapshot }> => {
      change();
      await pipeline.settled();
      const now = subscription.current();
      const changes = listChanges(before, now);
      before = now;
      return { changes, ...(now === undefined ? {} : { now }) };
    };
  };

  /** `Kind name` of the user resources behind what the proxy has. */
  const sources = () =>
    [
      ...new Set(
        (pipeline.source.snapshotOf(productpage.connectionId)?.sources ?? [])
          .flat()
          .map(({ kind, name }) => `${kind} ${name}`),
      ),
    ].sort();

  it('bring what their resolution needs, and a changed endpoint is its own list alone', async () => {
    const step = await follow();
    const declare = (address: string) =>
      entry(`{hosts: [api.example.com], resolution: STATIC, ${http}, endpoints: [{address: ${address}}]}`);
    expect((await step(() => pipeline.objects.apply(declare('10.9.0.1')))).changes).to.deep.equal(
      [
        '+ Listener 0.0.0.0_8000',
        '+ RouteConfiguration 8000',
        '+ ClusterLoadAssignment outbound|8000||api.example.com',
        '+ Cluster outbound|8000||api.example.com',
      ].sort((a, b) => a.slice(2).localeCompare(b.slice(2))),
    );
    expect((await step(() => pipeline.objects.apply(declare('10.9.0.2')))).changes).to.deep.equal([
      '~ ClusterLoadAssignment outbound|8000||api.example.com',
    ]);
    const { changes } = await step(() => pipeline.objects.delete('ServiceEntry', 'bookinfo', 'api'));
    expect(changes).to.include('- Cluster outbound|8000||api.example.com').and.have.lengthOf(4);
  });

  it('with DNS are a cluster without a list of its own, so a changed name changes the cluster', async () => {
    const step = await follow();
    const declare = (address: string) =>
      entry(
        `{hosts: [api.example.com], resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}], endpoints: [{address: ${address}}]}`,
      );
    expect((await step(() => pipeline.objects.apply(declare('a.example.com')))).changes).to.deep.equal([
      '+ Cluster outbound|443||api.example.com',
      '+ Listener 0.0.0.0_443',
    ]);
    expect((await step(() => pipeline.objects.apply(declare('b.example.com')))).changes).to.deep.equal([
      '~ Cluster outbound|443||api.example.com',
    ]);
  });

  it('name themselves behind what they bring, WorkloadEntries included', async () => {
    const step = await follow();
    await step(() =>
      pipeline.objects.apply(
        [
          entry(`{hosts: [api.example.com], resolution: STATIC, ${http}, workloadSelector: {labels: {app: api}}}`),
          workload('vm-1', '10.9.0.1'),
        ].join(''),
      ),
    );
    const added = await step(() => pipeline.objects.apply(workload('vm-2', '10.9.0.2')));
    expect(added.changes).to.deep.equal(['~ ClusterLoadAssignment outbound|8000||api.example.com']);
    expect(sources()).to.deep.equal(['ServiceEntry api', 'WorkloadEntry vm-1', 'WorkloadEntry vm-2']);
  });

  it('cost nothing to namespaces that do not see them', async () => {
    const step = await follow(describeProxy({ namespace: 'elsewhere', podName: 'other' }));
    const own = entry(
      `{hosts: [api.example.com], exportTo: ["."], resolution: STATIC, ${http}, endpoints: [{address: 10.9.0.1}]}`,
    );
    expect((await step(() => pipeline.objects.apply(own))).changes).to.deep.equal([]);
  });

  it('change hands when a stronger claim to the host comes or goes', async () => {
    const step = await follow();
    const declare = (namespace: string, address: string, exportTo: string) =>
      entry(
        `{hosts: [api.example.com], exportTo: [${exportTo}], resolution: STATIC, ${http}, endpoints: [{address: ${address}}]}`,
        namespace,
      );
    await step(() => pipeline.objects.apply(declare('elsewhere', '10.9.0.1', '"*"')));
    const taken = await step(() => pipeline.objects.apply(declare('bookinfo', '10.9.0.2', '"."')));
    expect(taken.changes).to.include('~ ClusterLoadAssignment outbound|8000||api.example.com');
    expect(taken.changes.filter((change) => change.startsWith('-') || change.startsWith('+'))).to.deep.equal([]);
    const back = await step(() => pipeline.objects.delete('ServiceEntry', 'bookinfo', 'api'));
    expect(back.changes).to.deep.equal(taken.changes);
  });

  it('allocated addresses concern only proxies whose DNS is captured', async () => {
    const plain = await follow();
    const captured = await follow(describeProxy({ podName: 'captured', metadata: { DNS_CAPTURE: 'true' } }));
    const spec = '{hosts: [db.example.com], resolution: DNS, ports: [{number: 5432, name: tcp, protocol: TCP}]}';
    pipeline.objects.apply(entry(spec));
    await Promise.all([plain(() => undefined), captured(() => undefined)]);
    const status = 'status: {addresses: [{value: 240.240.0.7, host: db.example.com}]}';
    pipeline.objects.apply(entry(spec).replace('---', status));
    expect((await plain(() => undefined)).changes).to.deep.equal([]);
    expect((await captured(() => undefined)).changes).to.deep.equal([
      '- Listener 0.0.0.0_5432',
      '+ Listener 240.240.0.7_5432',
    ]);
  });
});
