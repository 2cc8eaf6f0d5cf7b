import { expect } from 'chai';
import fc from 'fast-check';
import { named, openDelta, openWorld, sidecarNode } from '#test/support/adsclient.ts';
import { bookinfo, ingress, ingressProxy, reviewsSplit, reviewsSubsets, service } from '#test/support/bookinfo.ts';
import { serveSource } from '#test/support/discovery.ts';
import { connect, describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { describeTables, listRouteNeeds } from '#test/support/routetables.ts';
import { VIRTUAL_HOST_TYPE } from '#translate/index.ts';
import { decode } from '#wire/index.ts';
import type { Proxy as MeshProxy } from '#xds/source.ts';

const NAMESPACES = ['a', 'b', 'c'] as const;

/** A sidecar in each namespace, one whose labels make a view of its own, and a gateway. */
const proxies: readonly MeshProxy[] = [
  ...NAMESPACES.map((namespace, at) =>
    describeProxy({ namespace, podName: `pod-${namespace}`, connectionId: namespace, ipAddresses: [`10.1.1.${at}`] }),
  ),
  describeProxy({ namespace: 'a', podName: 'labelled', connectionId: 'labelled', labels: { app: 'x' } }),
  describeProxy(ingressProxy),
];

type Edit = (pipeline: Pipeline) => void;

const namespaces = fc.constantFrom(...NAMESPACES);
const names = fc.constantFrom('x', 'y');
const exports = fc.constantFrom('*', '.', 'c');
const ports = fc.constantFrom(80, 90);

/** Few names and addresses, so that services often claim what others claim too. */
const serviceEdit = fc
  .record({ name: names, namespace: namespaces, address: fc.integer({ min: 1, max: 4 }), port: ports, to: exports })
  .map(({ name, namespace, address, port, to }): Edit => {
    const annotations = `annotations: {networking.istio.io/exportTo: "${to}"}`;
    const object = service(name, `10.96.0.${address}`, port, namespace).replace(
      'metadata: {',
      `metadata: {${annotations}, `,
    );
    return (pipeline) => pipeline.objects.apply(object);
  });

const routeEdit = fc
  .record({
    name: names,
    namespace: namespaces,
    hosts: fc.uniqueArray(
      fc.constantFrom('x', 'y.b.svc.cluster.local', 'free.example.com', '*.example.com', '10.96.0.1'),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
    to: exports,
    gateway: fc.constantFrom('mesh', 'a/gate'),
    test: fc.constantFrom('', 'sourceNamespace: a', 'sourceLabels: {app: x}'),
    target: fc.constantFrom('x.a.svc.cluster.local', 'y.b.svc.cluster.local'),
  })
  .map(({ name, namespace, hosts, to, gateway, test, target }): Edit => {
    const object = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  hosts: ${JSON.stringify(hosts)}
  exportTo: ["${to}"]
  gateways: [${gateway}]
  http:
  - match: [{uri: {prefix: /test}${test === '' ? '' : `, ${test}`}}]
    route: [{destination: {host: ${target}}}]
  - route: [{destination: {host: ${target}, port: {number: 80}}}]
---`;
    return (pipeline) => pipeline.objects.apply(object);
  });

/** Hosts that others declare too, a Service's among them. */
const entryEdit = fc
  .record({
    name: names,
    namespace: namespaces,
    host: fc.constantFrom('x.a.svc.cluster.local', 'shared.example.com', '*.example.com'),
    to: exports,
    port: ports,
    more: fc.constantFrom('resolution: NONE', 'resolution: STATIC, addresses: [10.96.0.1]', 'resolution: STATIC'),
  })
  .map(({ name, namespace, host, to, port, more }): Edit => {
    const object = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: {hosts: ["${host}"], exportTo: ["${to}"], ${more}, ports: [{number: ${port}, name: http, protocol: HTTP}]}
---`;
    return (pipeline) => pipeline.objects.apply(object);
  });

const deletion = fc
  .record({ kind: fc.constantFrom('Service', 'VirtualService', 'ServiceEntry'), namespace: namespaces, name: names })
  .map(
    ({ kind, namespace, name }): Edit =>
      (pipeline) =>
        pipeline.objects.delete(kind, namespace, name),
  );

const anyEdit = fc.oneof(
  { weight: 3, arbitrary: serviceEdit },
  { weight: 2, arbitrary: routeEdit },
  { weight: 2, arbitrary: entryEdit },
  deletion,
);

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gate, namespace: a}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*/*"]}]
---`;

describe('virtual hosts as resources of their own, after any sequence of edits', () => {
  it('say together what the whole table says, come from the same resources, and are those of a build from scratch', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyEdit, { minLength: 1, maxLength: 20, size: 'max' }), async (edits: Edit[]) => {
        const pipeline = startPipeline();
        pipeline.objects.apply(ingress + gateway);
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
          edit(pipeline);
          if (at % 2 === 0) await pipeline.settled();
        }
        await pipeline.settled();
        const fresh = startPipeline();
        fresh.objects.apply(ingress + gateway);
        for (const edit of edits) edit(fresh);
        for (const { proxy, whole, split } of pairs) {
          const said = describeTables(split.current());
          expect(said, proxy.nodeId).to.deep.equal(describeTables(whole.current()));
          expect(listRouteNeeds(split.current())).to.deep.equal(listRouteNeeds(whole.current()));
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
      { numRuns: 40, interruptAfterTimeLimit: 30_000 },
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

describe('route tables on the wire', () => {
  const routes = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
  const hosts = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';
  let pipeline: Pipeline;
  let server: Awaited<ReturnType<typeof serveSource>>;

  beforeEach(async () => {
    pipeline = startPipeline();
    pipeline.objects.apply(bookinfo + reviewsSubsets);
    server = await serveSource(pipeline.source);
  });

  afterEach(async () => {
    await server.stop();
    await pipeline.stop();
  });

  /** Of what stands in the response. */
  const tablesOf = (bodies: readonly (Uint8Array | undefined)[]) =>
    bodies.map((body) => {
      const {
        name,
        vhds,
        virtualHosts = [],
      } = decode('envoy.config.route.v3.RouteConfiguration', body ?? new Uint8Array());
      return { name, asksForHosts: vhds !== undefined, hosts: virtualHosts.length };
    });

  it('are split for an Envoy on delta, which is sent one virtual host when one changes', async () => {
    const stream = openDelta(server.port);
    stream.send({ node: sidecarNode('web', 'bookinfo'), typeUrl: routes, resourceNamesSubscribe: ['9080'] });
    const { resources = [], nonce = '' } = await stream.next();
    expect(tablesOf(resources.map(({ resource }) => resource?.value))).to.deep.equal([
      { name: '9080', asksForHosts: true, hosts: 0 },
    ]);
    stream.send({ typeUrl: routes, responseNonce: nonce });
    stream.send({ typeUrl: hosts });
    const first = await stream.next();
    expect(named(first)).to.have.members(
      ['productpage', 'ratings', 'reviews']
        .map((name) => `9080/${name}.bookinfo.svc.cluster.local:9080`)
        .concat('9080/allow_any'),
    );
    stream.send({ typeUrl: hosts, responseNonce: first.nonce ?? '' });
    pipeline.objects.apply(reviewsSplit(90, 10));
    expect(named(await stream.next())).to.deep.equal(['9080/reviews.bookinfo.svc.cluster.local:9080']);
    stream.close();
  });

  it('are whole for an Envoy in the state-of-the-world protocol', async () => {
    const stream = openWorld(server.port);
    stream.send({ node: sidecarNode('web', 'bookinfo'), typeUrl: routes, resourceNames: ['9080'] });
    const { resources = [] } = await stream.next();
    expect(tablesOf(resources.map(({ value }) => value))).to.deep.equal([
      { name: '9080', asksForHosts: false, hosts: 4 },
    ]);
    stream.close();
  });
});
