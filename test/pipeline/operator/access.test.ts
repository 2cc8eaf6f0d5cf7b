import { join } from 'node:path';
import { expect } from 'chai';
import { createRootCertificates } from '#controllers/index.ts';
import { createKubeClient, type KubeClient, type KubeObject, resources } from '#kube/index.ts';
import { istioOperators, OperatorHarness } from './harness.ts';

const top = join(import.meta.dirname, '../../..');

/** Nothing here runs as administrator but the test itself: what is not in the shipped roles fails. */
describe('the shipped manifests', function () {
  this.timeout(120_000);
  let harness: OperatorHarness;
  const clients: KubeClient[] = [];

  before(async () => {
    harness = await OperatorHarness.start();
    await harness.server.kubectl(['apply', '--server-side', '-k', join(top, 'config/default')]);
    harness.startOperator({ client: await clientOf('istio-operator', 'lateen-operator'), namespace: 'istio-operator' });
  });
  after(async () => {
    for (const client of clients) await client.close();
    await harness.stop();
  });

  async function clientOf(namespace: string, account: string): Promise<KubeClient> {
    const token = (await harness.server.kubectl(['create', 'token', account, '-n', namespace])).trim();
    const connection = { server: harness.server.url, tls: { ca: harness.server.ca }, authorization: `Bearer ${token}` };
    const client = createKubeClient({ read: async () => connection });
    clients.push(client);
    return client;
  }

  it('let the operator install, change and remove a mesh', async () => {
    await harness.server.kubectl(['apply', '-f', join(top, 'config/samples/mesh.yaml')]);
    await harness.until(
      async () => (await harness.client.list(resources.deployments, { namespace: 'istio-system' })).items.length === 3,
      'all is applied',
    );
    await harness.publishRoot();
    await harness.bringUp();
    await harness.untilStatus('mesh', 'HEALTHY');
    await harness.patchSpec('mesh', { profile: 'default' });
    await harness.until(
      async () =>
        (await harness.client.list(resources.horizontalPodAutoscalers, { namespace: 'istio-system' })).items.length ===
        2,
      'it scales',
    );
    await harness.untilStatus('mesh', 'HEALTHY');
    expect(
      (await harness.client.list(resources.podDisruptionBudgets, { namespace: 'istio-system' })).items,
    ).to.have.length(2);
  });

  it('let istiod do what it has to, and no more', async () => {
    const istiod = await clientOf('istio-system', 'istiod');
    const stop = new AbortController();
    const running = createRootCertificates({
      client: istiod,
      root: () => 'PEM',
      namespaces: { admits: (namespace) => namespace !== 'kube-system', onChange: () => () => undefined },
    }).run(stop.signal);
    const read = async (namespace: string) =>
      (
        await harness.client.find<KubeObject & { data?: Record<string, string> }>(resources.configMaps, {
          namespace,
          name: 'istio-ca-root-cert',
        })
      )?.data?.['root-cert.pem'];
    await harness.server.kubectl(['create', 'namespace', 'shop']);
    await harness.until(async () => (await read('shop')) === 'PEM', 'a new namespace has it');
    await harness.until(async () => (await read('istio-system')) === 'PEM', 'a wrong one is put right');
    await harness.server.kubectl(['delete', 'configmap', 'istio-ca-root-cert', '-n', 'shop']);
    await harness.until(async () => (await read('shop')) === 'PEM', 'a deleted one comes back');
    expect(await read('kube-system')).to.equal(undefined);
    stop.abort();
    await running;
    for (const kind of [
      'pods',
      'services',
      'secrets',
      'virtualservices.networking.istio.io',
      'endpointslices.discovery.k8s.io',
    ]) {
      await harness.server.kubectl([
        'auth',
        'can-i',
        'watch',
        kind,
        '-A',
        '--as=system:serviceaccount:istio-system:istiod',
      ]);
    }
    for (const verb of ['create', 'patch', 'delete']) {
      await harness.server.kubectl([
        ...['auth', 'can-i', verb, 'workloadentries.networking.istio.io', '-A'],
        '--as=system:serviceaccount:istio-system:istiod',
      ]);
    }
    const refused = [
      'create workloadgroups.networking.istio.io',
      'create pods',
      'update configmaps',
      'delete secrets',
      'create clusterroles',
      'patch deployments',
      'update virtualservices.networking.istio.io',
    ];
    for (const question of refused) {
      const answer = await harness.server
        .kubectl([
          'auth',
          'can-i',
          ...question.split(' '),
          '-n',
          'shop',
          '--as=system:serviceaccount:istio-system:istiod',
        ])
        .then(
          (text) => text.trim(),
          () => 'no',
        );
      expect(answer, question).to.equal('no');
    }
  });

  it('install everything from one file that is written out', async () => {
    const rendered = await harness.server.kubectl(['kustomize', join(top, 'config/default')]);
    expect(rendered).to.contain('istiooperators.install.istio.io').and.to.contain('name: lateen-operator');
    expect(rendered).to.not.match(/(^|\s)- ["']?\*["']?\s*$/m);
    for (const verb of ['escalate', 'bind', 'impersonate'])
      expect(rendered).to.not.match(new RegExp(`^\\s*- ${verb}$`, 'm'));
  });

  it('let the operator take everything away again', async () => {
    await harness.remove('mesh');
    for (const kind of [resources.deployments, resources.clusterRoles, resources.roles]) {
      expect(
        (await harness.client.list(kind, { labelSelector: 'install.operator.istio.io/owning-resource' })).items,
      ).to.deep.equal([]);
    }
    expect((await harness.client.list(istioOperators)).items).to.deep.equal([]);
  });
});
