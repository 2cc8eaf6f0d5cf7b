import { expect } from 'chai';
import { connect, describeProxy, listChanges, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, ROUTE_TYPE } from '#translate/index.ts';
import { decode } from '#wire/index.ts';
import type { Snapshot, Subscription } from '#xds/source.ts';

const namespace = 'shop';

/** Two zones, a node and a client in each. */
const zones = ['a', 'b']
  .map(
    (zone, at) => `
apiVersion: v1
kind: Node
metadata: {name: node-${zone}, labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: ${zone}}}
---
apiVersion: v1
kind: Pod
metadata: {name: client-${zone}, namespace: ${namespace}, labels: {security.istio.io/tlsMode: istio}}
spec: {nodeName: node-${zone}}
status: {podIP: 10.0.9.${at}}
---`,
  )
  .join('');

const client = (zone: string) =>
  describeProxy({ namespace, podName: `client-${zone}`, ipAddresses: [`10.0.9.${zone === 'a' ? 0 : 1}`] });

interface Member {
  readonly ip: string;
  readonly node?: string;
  readonly ready?: boolean;
}

/** A Service `web`, a pod per member and their slice. */
function web(spec: object, members: readonly Member[], portName = 'http'): string {
  const pods = members.map(({ ip, node = 'node-a' }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `web-${ip}`, namespace, labels: { app: 'web', 'security.istio.io/tlsMode': 'istio' } },
    spec: { nodeName: node },
    status: { podIP: ip },
  }));
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { clusterIP: '10.96.0.1', selector: { app: 'web' }, ports: [{ name: portName, port: 80 }], ...spec },
  };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: portName, port: 8080 }],
    endpoints: members.map(({ ip, node = 'node-a', ready = true }) => ({
      addresses: [ip],
      nodeName: node,
      conditions: { ready },
      targetRef: { kind: 'Pod', name: `web-${ip}` },
    })),
  };
  return [...pods, service, slice].map((object) => JSON.stringify(object)).join('\n---\n');
}

/** `zone: addresses` of a ClusterLoadAssignment by priority. */
function assigned(snapshot: Snapshot | undefined, name = 'outbound|80||web.shop.svc.cluster.local') {
  const bytes = snapshot?.types.get(ENDPOINT_TYPE)?.get(name)?.bytes;
  if (bytes === undefined) return undefined;
  const { endpoints } = decode('envoy.config.endpoint.v3.ClusterLoadAssignment', bytes);
  return (endpoints ?? []).map(({ priority, locality, lbEndpoints }) => {
    const addresses = (lbEndpoints ?? []).map(({ endpoint }) => endpoint?.address?.socketAddress?.address);
    return `${priority ?? 0} ${locality?.zone}: ${addresses.join()}`;
  });
}

describe('Services of Kubernetes', () => {
  let pipeline: Pipeline;
  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(zones);
  });
  afterEach(async () => {
    expect(pipeline.faults).to.deep.equal([]);
    await pipeline.stop();
  });

  const members = [
    { ip: '10.0.0.1', node: 'node-a' },
    { ip: '10.0.0.2', node: 'node-b' },
  ];

  it('have one endpoint list for clients everywhere until clients prefer some, then one for each place', async () => {
    pipeline.objects.apply(web({}, members));
    const [a, b] = [await connect(pipeline, client('a')), await connect(pipeline, client('b'))];
    const before = { a: a.current(), b: b.current() };
    expect(assigned(before.a)).to.deep.equal(['0 a: 10.0.0.1', '0 b: 10.0.0.2']);
    expect(before.b).to.equal(before.a);

    pipeline.objects.apply(web({ trafficDistribution: 'PreferClose' }, members));
    await pipeline.settled();
    const name = 'ClusterLoadAssignment outbound|80||web.shop.svc.cluster.local';
    expect(listChanges(before.a, a.current())).to.deep.equal([`~ ${name}`]);
    expect(listChanges(before.b, b.current())).to.deep.equal([`~ ${name}`]);
    expect(assigned(a.current())).to.deep.equal(['0 a: 10.0.0.1', '1 b: 10.0.0.2']);
    expect(assigned(b.current())).to.deep.equal(['1 a: 10.0.0.1', '0 b: 10.0.0.2']);
    const shared = (type: string) => [a, b].map((one) => [...(one.current()?.types.get(type)?.values() ?? [])]);
    const [ofA, ofB] = shared(CLUSTER_TYPE);
    expect(ofA?.length).to.be.greaterThan(0);
    expect(ofB?.every((resource, at) => resource === ofA?.[at])).to.equal(true);

    pipeline.objects.apply(web({}, members));
    await pipeline.settled();
    expect(listChanges(before.a, a.current())).to.deep.equal([]);
    expect(b.current()).to.equal(a.current());
  });

  it('with internalTrafficPolicy Local are served on the client’s node alone, and follow the client’s move', async () => {
    pipeline.objects.apply(web({ internalTrafficPolicy: 'Local' }, members));
    const a = await connect(pipeline, client('a'));
    expect(assigned(a.current())).to.deep.equal(['0 a: 10.0.0.1']);
    pipeline.objects.apply(
      `kind: Pod\nmetadata: {name: client-a, namespace: ${namespace}, labels: {security.istio.io/tlsMode: istio}}\nspec: {nodeName: node-b}\nstatus: {podIP: 10.0.9.0}`,
    );
    await pipeline.settled();
    expect(assigned(a.current())).to.deep.equal(['0 b: 10.0.0.2']);
  });

  it('without an address have a listener for each pod, which stays while the pod is not ready', async () => {
    const headless = { clusterIP: 'None' };
    const one = [{ ip: '10.0.0.1' }];
    pipeline.objects.apply(web(headless, one, 'tcp'));
    const a = await connect(pipeline, client('a'));
    const first = a.current();
    const change = async (items: readonly Member[]) => {
      const before = a.current();
      pipeline.objects.apply(web(headless, items, 'tcp'));
      await pipeline.settled();
      return listChanges(before, a.current());
    };
    expect(await change([...one, { ip: '10.0.0.2' }])).to.deep.equal(['+ Listener 10.0.0.2_80']);
    expect(await change([...one, { ip: '10.0.0.2', ready: false }])).to.deep.equal([]);
    expect(await change(one)).to.deep.equal(['- Listener 10.0.0.2_80']);
    expect(listChanges(first, a.current())).to.deep.equal([]);
  });

  it('without an address answer to the names of their pods', async () => {
    pipeline.objects.apply(web({ clusterIP: 'None' }, [{ ip: '10.0.0.1' }]));
    const a = await connect(pipeline, client('a'));
    expect(domainsOf(a, '80', 'web.shop.svc.cluster.local:80')).to.include.members([
      '*.web.shop.svc.cluster.local',
      '*.web.shop',
      '*.web',
    ]);
  });

  it('of type ExternalName add their names to the virtual host of the service, and nothing else', async () => {
    pipeline.objects.apply(web({}, members));
    const a = await connect(pipeline, client('a'));
    const before = a.current();
    pipeline.objects.apply(
      `kind: Service\nmetadata: {name: store, namespace: ${namespace}}\nspec: {type: ExternalName, externalName: web.shop.svc.cluster.local}`,
    );
    await pipeline.settled();
    expect(listChanges(before, a.current())).to.deep.equal(['~ RouteConfiguration 80']);
    expect(domainsOf(a, '80', 'web.shop.svc.cluster.local:80')).to.include.members(['web', 'store', 'store.shop.svc']);
  });
});

function domainsOf(subscription: Subscription, table: string, host: string): readonly string[] {
  const bytes = subscription.current()?.types.get(ROUTE_TYPE)?.get(table)?.bytes ?? new Uint8Array();
  const { virtualHosts } = decode('envoy.config.route.v3.RouteConfiguration', bytes);
  return virtualHosts?.find(({ name }) => name === host)?.domains ?? [];
}
