/** What `istioctl proxy-status` is told of a proxy whose stream ended and that has come back. */
import { expect } from 'chai';
import { CLUSTER_URL, openDelta, ROUTE_URL, sidecarNode } from '#test/support/adsclient.ts';
import { eventually } from '#test/support/eventually.ts';
import { meshCredentials } from '#test/support/istiod.ts';
import { type ObservedMesh, startObservedMesh } from '#test/support/observed-mesh.ts';
import { decode, type Message } from '#wire/index.ts';

type Versions = Readonly<Record<string, string>>;

const versionsOf = (resources: Message<'envoy.service.discovery.v3.DeltaDiscoveryResponse'>['resources']): Versions =>
  Object.fromEntries((resources ?? []).map(({ name = '', version = '' }) => [name, version]));

describe('the status of a proxy', () => {
  let mesh: ObservedMesh;

  before(async function () {
    this.timeout(180_000);
    mesh = await startObservedMesh();
  });

  after(() => mesh?.stop());

  it('calls in sync who came back with all that it is to hold, and was sent nothing', async () => {
    const token = await mesh.istiod.token('bookinfo', 'default');
    const node = sidecarNode('returning', 'bookinfo', { CLUSTER_ID: 'Kubernetes' });
    /** Holds these versions of clusters, takes what comes of them, and asks for a route configuration. */
    const connect = async (clusters: Versions, route: string, routes: Versions) => {
      const stream = openDelta(mesh.istiod.securePort, { credentials: meshCredentials(mesh.istiod), token });
      stream.send({ node, typeUrl: CLUSTER_URL, initialResourceVersions: clusters });
      const { nonce, resources } = await stream.next();
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: nonce });
      const more = { resourceNamesSubscribe: [route], initialResourceVersions: routes };
      stream.send({ typeUrl: ROUTE_URL, ...more });
      return { stream, held: { ...clusters, ...versionsOf(resources) } };
    };
    const says = (expected: string | undefined) =>
      eventually(
        async () => (await mesh.ask('istio.io/debug/syncz')).resources ?? [],
        (resources) => {
          const client = resources
            .map(({ value }) => decode('envoy.service.status.v3.ClientConfig', value ?? new Uint8Array()))
            .find(({ node }) => node?.id === 'returning.bookinfo');
          const routes = client?.genericXdsConfigs?.find(({ typeUrl }) => typeUrl === ROUTE_URL);
          expect(routes?.configStatus).to.equal(expected);
        },
      );

    const first = await connect({}, '9080', {});
    const { nonce, resources } = await first.stream.next();
    await says('STALE');
    first.stream.send({ typeUrl: ROUTE_URL, responseNonce: nonce });
    await says('SYNCED');
    first.stream.close();
    await says(undefined);

    const again = await connect(first.held, '9080', versionsOf(resources));
    await says('SYNCED');
    expect(again.stream.waiting).to.deep.equal([]);
    again.stream.close();
    await says(undefined);
  });
});
