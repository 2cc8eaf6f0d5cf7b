import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { startApplication } from '#test/support/application.ts';
import { type Cluster, eventually } from '#test/support/cluster.ts';
import { withoutValidation } from '#test/support/faults.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { listPods, signalContainer } from '#test/support/pods.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

interface Resource {
  readonly metadata: {
    readonly name: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly managedFields?: readonly { readonly manager: string; readonly subresource?: string }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

const system = 'istio-system';

async function read(cluster: Cluster, namespace: string, kind: string, name: string): Promise<Resource> {
  return JSON.parse(
    await cluster.kubectl(['get', kind, name, '-n', namespace, '-o', 'json', '--show-managed-fields']),
  ) as Resource;
}

function conditionOf(resource: Resource, type: string): Condition | undefined {
  return resource.status?.conditions?.find((condition) => condition.type === type);
}

/** Waits for a condition at the resource's present generation. */
function untilCondition(
  cluster: Cluster,
  namespace: string,
  name: string,
  type: string,
  wanted: string,
): Promise<Condition> {
  return eventually(`${type} ${wanted} on ${name}`, async () => {
    const resource = await read(cluster, namespace, 'virtualservice', name);
    const condition = conditionOf(resource, type);
    const isCurrent = condition?.observedGeneration === resource.metadata.generation;
    return isCurrent && `${condition.status}/${condition.reason}` === wanted ? condition : undefined;
  });
}

const route = (timeout: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'status-details' },
  spec: { hosts: ['details'], http: [{ timeout, route: [{ destination: { host: 'details' } }] }] },
});

async function readPods(cluster: Cluster, namespace: string, selector: string): Promise<readonly string[]> {
  const names = await cluster.kubectl([
    'get',
    'pods',
    '-n',
    namespace,
    '-l',
    selector,
    '--field-selector=status.phase=Running',
    '-o',
    'jsonpath={.items[*].metadata.name}',
  ]);
  return names.split(' ').filter((name) => name !== '');
}

/** Pods with a sidecar in the whole mesh: each of them sees the route. */
async function countSidecars(cluster: Cluster): Promise<number> {
  const selector = ['-l', 'security.istio.io/tlsMode=istio', '--field-selector=status.phase=Running'];
  const names = await cluster.kubectl(['get', 'pods', '-A', ...selector, '-o', 'name']);
  return names.split('\n').filter((name) => name !== '').length;
}

/** Streams that one istiod replica serves, by its own metrics. */
async function countStreams(cluster: Cluster, pod: string): Promise<number> {
  const metrics = await cluster.kubectl([
    'get',
    '--raw',
    `/api/v1/namespaces/${system}/pods/${pod}:15014/proxy/metrics`,
  ]);
  const samples = [...metrics.matchAll(/^pilot_xds(?:\{[^}]*\})? (\d+)/gm)];
  return samples.reduce((sum, [, value]) => sum + Number(value), 0);
}

describe('status of mesh resources', () => {
  let mesh: Mesh;
  let cluster: Cluster;

  before(async function () {
    this.timeout(600_000);
    mesh = await useMesh();
    ({ cluster } = mesh);
  });

  afterEach(() =>
    cluster.kubectl(['delete', 'virtualservice', 'status-details', '-n', mesh.namespace, '--ignore-not-found']),
  );

  it('is Programmed when every proxy has acknowledged, and says how many', async () => {
    await cluster.apply([route('3s')], mesh.namespace);
    const { message } = await untilCondition(
      cluster,
      mesh.namespace,
      'status-details',
      'Programmed',
      'True/Programmed',
    );
    const sidecars = await countSidecars(cluster);
    expect(message).to.equal(`acknowledged by ${sidecars} of ${sidecars} proxies`);
    const columns = await cluster.kubectl(['get', 'virtualservice', 'status-details', '-n', mesh.namespace]);
    expect(columns.split('\n')[0]).to.match(/ACCEPTED\s+PROGRAMMED/);
    expect(columns.split('\n')[1]).to.match(/True\s+True/);
  });

  it('is not written again when nothing changes', async () => {
    await cluster.apply([route('4s')], mesh.namespace);
    await untilCondition(cluster, mesh.namespace, 'status-details', 'Programmed', 'True/Programmed');
    const before = await read(cluster, mesh.namespace, 'virtualservice', 'status-details');
    // A proxy that goes and one that comes are no reason to write.
    await cluster.kubectl(['delete', 'pod', '-n', mesh.namespace, '-l', 'app=ratings', '--wait=true']);
    await cluster.kubectl([
      'wait',
      '-n',
      mesh.namespace,
      '--for=condition=Available',
      '--timeout=60s',
      'deployment/ratings-v1',
    ]);
    const after = await read(cluster, mesh.namespace, 'virtualservice', 'status-details');
    expect(after.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
  });

  it('is written again where another writer takes it away', async () => {
    await cluster.apply([route('5s')], mesh.namespace);
    await untilCondition(cluster, mesh.namespace, 'status-details', 'Programmed', 'True/Programmed');
    const { status } = await read(cluster, mesh.namespace, 'virtualservice', 'status-details');
    const patch = JSON.stringify([{ op: 'remove', path: '/status' }]);
    const resource = ['virtualservice', 'status-details', '-n', mesh.namespace];
    await cluster.kubectl(['patch', ...resource, '--subresource=status', '--type=json', '--patch', patch]);
    await eventually('the status as it was', async () => {
      const now = await read(cluster, mesh.namespace, 'virtualservice', 'status-details');
      return isDeepStrictEqual(now.status, status) || undefined;
    });
  });

  it('names a reference that does not resolve by its path', async () => {
    const dangling = {
      ...route('1s'),
      spec: { hosts: ['details'], http: [{ route: [{ destination: { host: 'details', subset: 'nowhere' } }] }] },
    };
    await cluster.apply([dangling], mesh.namespace);
    const { message } = await untilCondition(
      cluster,
      mesh.namespace,
      'status-details',
      'ResolvedRefs',
      'False/RefNotFound',
    );
    expect(message).to.contain('spec.http[0].route[0].destination.subset');
  });

  describe('with two replicas of istiod', () => {
    const setReplicas = async (count: number) => {
      const patch = JSON.stringify({ spec: { components: { pilot: { k8s: { replicaCount: count } } } } });
      await cluster.kubectl(['patch', 'istiooperator', 'mesh', '-n', system, '--type=merge', '-p', patch]);
      await eventually(`${count} replicas`, async () => {
        const ready = await cluster.kubectl([
          'get',
          'deployment',
          'istiod',
          '-n',
          system,
          '-o',
          'jsonpath={.status.readyReplicas}/{.status.replicas}',
        ]);
        return ready === `${count}/${count}` ? ready : undefined;
      });
    };
    before(async function () {
      this.timeout(120_000);
      await setReplicas(2);
      // The first replica has all streams; without it they spread anew over both.
      const [first = ''] = await readPods(cluster, system, 'app=istiod');
      await cluster.kubectl(['delete', 'pod', first, '-n', system, '--wait=true']);
      await setReplicas(2);
    });
    after(async function () {
      this.timeout(120_000);
      await setReplicas(1);
    });

    it('waits for the proxies of a replica that does not answer, and adds up both', async function () {
      this.timeout(180_000);
      const holder = await eventually('a leader', async () => {
        const name = await cluster.kubectl([
          'get',
          'lease',
          'istiod-leader',
          '-n',
          system,
          '-o',
          'jsonpath={.spec.holderIdentity}',
        ]);
        return (await readPods(cluster, system, 'app=istiod')).includes(name) ? name : undefined;
      });
      const other = (await listPods(mesh, system, 'app=istiod')).find(({ metadata }) => metadata.name !== holder);
      if (other === undefined) throw new Error('there is no second replica');
      await eventually('the streams are on both replicas', async () => {
        const streams = await Promise.all([holder, other.metadata.name].map((pod) => countStreams(cluster, pod)));
        return streams.reduce((sum, count) => sum + count, 0) >= 6 ? streams : undefined;
      });

      // The API server might ask the very replica that does not answer whether the change is valid.
      await withoutValidation(mesh, async () => {
        await signalContainer(other, 'discovery', 'node', 'SIGSTOP');
        try {
          await cluster.apply([route('5s')], mesh.namespace);
          await untilCondition(cluster, mesh.namespace, 'status-details', 'Accepted', 'True/Accepted');
          const pending = await untilCondition(
            cluster,
            mesh.namespace,
            'status-details',
            'Programmed',
            'False/Pending',
          );
          expect(pending.message).to.equal('not yet translated at this generation');
        } finally {
          await signalContainer(other, 'discovery', 'node', 'SIGCONT');
        }
      });
      const done = await untilCondition(cluster, mesh.namespace, 'status-details', 'Programmed', 'True/Programmed');
      const sidecars = await countSidecars(cluster);
      expect(done.message).to.equal(`acknowledged by ${sidecars} of ${sidecars} proxies`);
    });
  });

  describe('with two revisions', () => {
    const canary = {
      apiVersion: 'install.istio.io/v1alpha1',
      kind: 'IstioOperator',
      metadata: { name: 'canary', namespace: system },
      spec: {
        profile: 'demo',
        revision: 'canary',
        components: {
          ingressGateways: [{ name: 'istio-ingressgateway', enabled: false }],
          egressGateways: [{ name: 'istio-egressgateway', enabled: false }],
        },
      },
    };
    const namespace = 'canary-shop';

    before(async function () {
      this.timeout(240_000);
      await cluster.apply([canary]);
      await cluster.kubectl(['wait', 'istiooperator/canary', '-n', system, '--for=condition=Ready', '--timeout=120s']);
      await startApplication(cluster, namespace, { 'istio.io/rev': 'canary' }, shop);
    });
    after(async function () {
      this.timeout(120_000);
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait=true']);
      await cluster.kubectl(['delete', 'istiooperator', 'canary', '-n', system, '--timeout=60s']);
    });

    it('each writes entries of its own, and neither touches the other', async function () {
      this.timeout(120_000);
      const pod = await cluster.kubectl([
        'get',
        'pods',
        '-n',
        namespace,
        '-o',
        'jsonpath={.items[0].metadata.annotations.sidecar\\.istio\\.io/status}',
      ]);
      expect(JSON.parse(pod)).to.include({ revision: 'canary' });
      await cluster.apply([route('6s')], mesh.namespace);
      await untilCondition(cluster, mesh.namespace, 'status-details', 'Programmed', 'True/Programmed');
      const own = await untilCondition(
        cluster,
        mesh.namespace,
        'status-details',
        'canary.istio.io/Programmed',
        'True/Programmed',
      );
      expect(own.message).to.equal('acknowledged by 1 of 1 proxies');
      const first = await read(cluster, mesh.namespace, 'virtualservice', 'status-details');
      const managers = (first.metadata.managedFields ?? [])
        .filter(({ subresource }) => subresource === 'status')
        .map(({ manager }) => manager);
      expect(managers).to.have.members(['lateen-default/status', 'lateen-canary/status']);
      await cluster.apply([route('7s')], mesh.namespace);
      await untilCondition(cluster, mesh.namespace, 'status-details', 'canary.istio.io/Programmed', 'True/Programmed');
      await untilCondition(cluster, mesh.namespace, 'status-details', 'Programmed', 'True/Programmed');
    });
  });
});

const shop = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop' },
    spec: { selector: { app: 'shop' }, ports: [{ name: 'http', port: 9080 }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'shop' },
    spec: {
      selector: { matchLabels: { app: 'shop' } },
      template: {
        metadata: { labels: { app: 'shop', version: 'v1' } },
        spec: {
          containers: [
            {
              name: 'shop',
              image: 'localhost/lateen/bookinfo:1',
              imagePullPolicy: 'IfNotPresent',
              args: ['details'],
              ports: [{ containerPort: 9080 }],
            },
          ],
        },
      },
    },
  },
];
