import { expect } from 'chai';
import { type KubeObject, objectKey, resources } from '#kube/index.ts';
import { type DeploymentObject, istioOperators, judge, OperatorHarness, type ServiceObject } from './harness.ts';

interface Webhooks extends KubeObject {
  readonly webhooks: readonly {
    readonly name: string;
    readonly failurePolicy: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}

const mutating = { name: 'istio-sidecar-injector' };
const istiod = { namespace: 'istio-system', name: 'istiod' };

describe('the operator, on a real API server', function () {
  this.timeout(120_000);
  let harness: OperatorHarness;

  before(async () => {
    harness = await OperatorHarness.start();
    harness.startOperator();
  });
  after(async () => {
    await harness.stop();
  });

  async function install(spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await harness.create('mesh', { profile: 'demo', ...spec });
    await harness.until(
      async () => (await harness.client.find(resources.deployments, istiod)) !== undefined,
      'istiod is applied',
    );
    await harness.publishRoot();
    await harness.until(
      async () => (await harness.client.list(resources.deployments, { namespace: 'istio-system' })).items.length === 3,
      'all are applied',
    );
    await harness.bringUp();
    await harness.untilStatus('mesh', 'HEALTHY');
  }

  const readPorts = async () => (await harness.client.get<ServiceObject>(resources.services, istiod)).spec.ports;

  afterEach(async () => {
    harness.silence = undefined;
    for (const { metadata } of (await harness.client.list(istioOperators)).items) {
      if (metadata.namespace === 'istio-system') await harness.remove(metadata.name);
      else await harness.client.delete(istioOperators, metadata);
    }
  });

  it('tells its state step by step, and is green only when everything works', async () => {
    harness.silence = 'ECONNREFUSED';
    const created = await harness.create('mesh', { profile: 'demo' });
    expect(judge(created)).to.equal('Progressing InProgress');
    const reconciling = await harness.untilStatus('mesh', 'RECONCILING');
    expect(judge(reconciling)).to.equal('Progressing InProgress');
    expect(reconciling.metadata.finalizers).to.deep.equal(['istio-finalizer.install.istio.io']);
    await harness.until(
      async () => (await harness.get('mesh')).status?.message?.includes('Deployment istiod') === true,
      'pods are waited for',
    );
    await harness.publishRoot();
    await harness.bringUp();
    await harness.until(
      async () => (await harness.get('mesh')).status?.message?.includes('ECONNREFUSED') === true,
      'the webhook is waited for',
    );
    expect(await harness.client.find(resources.mutatingWebhookConfigurations, mutating)).to.equal(undefined);
    expect(judge(await harness.get('mesh'))).to.equal('Progressing InProgress');
    harness.silence = undefined;
    const healthy = await harness.untilStatus('mesh', 'HEALTHY');
    expect(judge(healthy)).to.equal('Healthy Current');
    expect(healthy.status?.version).to.equal('0.1.0');
    expect(healthy.status?.componentStatus).to.deep.equal({
      Pilot: { status: 'HEALTHY', version: '0.1.0' },
      IngressGateways: { status: 'HEALTHY', version: '0.1.0' },
      EgressGateways: { status: 'HEALTHY', version: '0.1.0' },
    });
    const output = await harness.server.kubectl(['get', 'istiooperators', '-n', 'istio-system']);
    expect(output).to.match(/mesh\s+HEALTHY\s+0\.1\.0\s+True/);
    await harness.server.kubectl(['wait', '--for=condition=Ready', 'iop/mesh', '-n', 'istio-system', '--timeout=30s']);
    await harness.server.kubectl([
      'wait',
      '--for=jsonpath={.status.status}=HEALTHY',
      'iop/mesh',
      '-n',
      'istio-system',
      '--timeout=30s',
    ]);
  });

  it('puts up the webhooks whole, and nothing changes them afterwards', async () => {
    await install();
    const before = await harness.client.get<Webhooks>(resources.mutatingWebhookConfigurations, mutating);
    expect(before.webhooks.map(({ name }) => name.split('.sidecar-injector')[0])).to.deep.equal([
      'rev.namespace',
      'rev.object',
      'namespace',
      'object',
    ]);
    for (const { failurePolicy, clientConfig } of before.webhooks) {
      expect(failurePolicy).to.equal('Fail');
      expect(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString()).to.contain('BEGIN CERTIFICATE');
    }
    // istiod going away is no reason to touch them.
    await harness.setDeploymentStatus('istiod', {
      replicas: 1,
      updatedReplicas: 1,
      availableReplicas: 0,
      readyReplicas: 0,
    });
    await harness.untilStatus('mesh', 'RECONCILING');
    await harness.bringUp();
    await harness.untilStatus('mesh', 'HEALTHY');
    const after = await harness.client.get<Webhooks>(resources.mutatingWebhookConfigurations, mutating);
    expect(after.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
  });

  it('changes nothing when it starts again over an unchanged resource', async () => {
    await install();
    const versions = async () => {
      const kinds = [
        resources.deployments,
        resources.services,
        resources.configMaps,
        resources.clusterRoles,
        resources.roles,
        resources.mutatingWebhookConfigurations,
      ];
      const lists = await Promise.all(
        kinds.map((kind) =>
          harness.client.list(kind, { labelSelector: 'install.operator.istio.io/owning-resource=mesh' }),
        ),
      );
      return lists.flatMap(({ items }) => items.map((item) => `${objectKey(item)}@${item.metadata.resourceVersion}`));
    };
    const before = [...(await versions()), (await harness.get('mesh')).metadata.resourceVersion];
    await harness.stopOperator();
    harness.startOperator();
    // A change that comes after the restart proves that everything before it has been gone through.
    await harness.client.delete(resources.services, istiod);
    await harness.until(
      async () => (await harness.client.find(resources.services, istiod)) !== undefined,
      'the service is back',
    );
    const after = [...(await versions()), (await harness.get('mesh')).metadata.resourceVersion];
    const changed = after.filter((each) => !before.includes(each));
    expect(changed.map((each) => String(each).split('@')[0])).to.deep.equal(['istio-system/istiod']);
  });

  it('puts back what hands edit and delete', async () => {
    await install();
    const image = 'spec.template.spec.containers.0.image';
    await harness.server.kubectl(['set', 'image', 'deployment/istiod', 'discovery=evil:latest', '-n', 'istio-system']);
    await harness.until(
      async () =>
        (await harness.client.get<DeploymentObject>(resources.deployments, istiod)).spec.template.spec.containers[0]
          ?.image === 'localhost/lateen/pilot:0.1.0',
      `${image} is back`,
    );
    await harness.server.kubectl(['delete', 'clusterrole', 'istiod-clusterrole-istio-system']);
    await harness.server.kubectl(['delete', 'mutatingwebhookconfiguration', 'istio-sidecar-injector']);
    await harness.until(
      async () =>
        (await harness.client.find(resources.clusterRoles, { name: 'istiod-clusterrole-istio-system' })) !== undefined,
      'the role is back',
    );
    await harness.until(
      async () => (await harness.client.find(resources.mutatingWebhookConfigurations, mutating)) !== undefined,
      'the webhook is back',
    );
  });

  it('puts back a port that was renumbered and kept its name', async () => {
    await install();
    const before = await readPorts();
    const renumbered = [{ op: 'replace', path: '/spec/ports/1/port', value: 15999 }];
    await harness.client.patch(resources.services, istiod, renumbered, { type: 'application/json-patch+json' });
    await harness.until(
      async () => JSON.stringify(await readPorts()) === JSON.stringify(before),
      'the ports are as they were',
    );
  });

  it('mends everything else when single objects are refused, names those, and tries again', async () => {
    await install();
    const refuse = (name: string) => ({
      k8s: { overlays: [{ kind: 'Service', name, patches: [{ path: 'spec.ports.[0].port', value: 70_000 }] }] },
    });
    await harness.patchSpec('mesh', {
      components: {
        pilot: refuse('istiod'),
        ingressGateways: [{ name: 'istio-ingressgateway', enabled: true, ...refuse('istio-ingressgateway') }],
      },
    });
    const refused = await harness.untilStatus('mesh', 'ERROR');
    expect(refused.status?.message)
      .to.contain('Service istio-system/istiod: ')
      .and.to.contain('Service istio-system/istio-ingressgateway: ')
      .and.to.contain('70000');
    expect(judge(refused)).to.equal('Degraded Failed');
    const egress = { namespace: 'istio-system', name: 'istio-egressgateway' };
    await harness.client.delete(resources.services, egress);
    await harness.client.delete(resources.mutatingWebhookConfigurations, mutating);
    await harness.until(
      async () => (await harness.client.find(resources.services, egress)) !== undefined,
      'what comes after the refused objects is back',
    );
    await harness.until(
      async () => (await harness.client.find(resources.mutatingWebhookConfigurations, mutating)) !== undefined,
      'the webhook is back',
    );
    await harness.patchSpec('mesh', { components: null });
    await harness.untilStatus('mesh', 'HEALTHY');
  });

  it('does not fight somebody who claims a field on purpose, and says so', async () => {
    await install();
    const claim = {
      metadata: istiod,
      spec: { ports: [{ name: 'https-dns', port: 15012, protocol: 'TCP', targetPort: 9999 }] },
    };
    await harness.client.apply(resources.services, claim, { fieldManager: 'somebody', force: true });
    const contested = await harness.untilStatus('mesh', 'ERROR');
    expect(contested.status?.message).to.contain('somebody').and.to.contain('Service istio-system/istiod');
    expect(judge(contested)).to.equal('Degraded Failed');
    const service = await harness.client.get<
      KubeObject & { spec: { ports: readonly { targetPort: number; name: string }[] } }
    >(resources.services, istiod);
    expect(service.spec.ports.find(({ name }) => name === 'https-dns')?.targetPort).to.equal(9999);
  });

  it('does not overwrite an element that somebody applied to a list of ours, and says so', async () => {
    await install();
    await harness.stopOperator();
    // Ours is gone when the claim comes, which is why nobody is asked to force anything.
    const renumbered = [{ op: 'replace', path: '/spec/ports/1/port', value: 15999 }];
    await harness.client.patch(resources.services, istiod, renumbered, { type: 'application/json-patch+json' });
    const { name } = (await readPorts()).find(({ port }) => port === 15999) ?? {};
    const claim = { metadata: istiod, spec: { ports: [{ name, port: 15999, protocol: 'TCP', targetPort: 9999 }] } };
    await harness.client.apply(resources.services, claim, { fieldManager: 'somebody', force: true });
    const before = await readPorts();
    harness.startOperator();
    const contested = await harness.untilStatus('mesh', 'ERROR');
    expect(contested.status?.message)
      .to.contain('Service istio-system/istiod: .spec.ports')
      .and.to.contain('"somebody"')
      .and.to.contain('Duplicate');
    expect(contested.status?.conditions?.find(({ type }) => type === 'Reconciled')?.reason).to.equal('FieldConflict');
    expect(await readPorts()).to.deep.equal(before);
    // Given up, it is put back.
    await harness.client.apply(resources.services, { metadata: istiod }, { fieldManager: 'somebody' });
    await harness.untilStatus('mesh', 'HEALTHY');
    expect((await readPorts()).map(({ port }) => port)).to.not.include(15999);
  });

  it('leaves what somebody else adds', async () => {
    await install();
    await harness.server.kubectl(['label', 'deployment', 'istiod', '-n', 'istio-system', 'team=blue']);
    await harness.server.kubectl(['scale', 'deployment', 'istiod', '-n', 'istio-system', '--replicas=2']);
    await harness.client.delete(resources.services, istiod);
    await harness.until(
      async () => (await harness.client.find(resources.services, istiod)) !== undefined,
      'drift was looked at',
    );
    const live = await harness.client.get<DeploymentObject>(resources.deployments, istiod);
    expect(live.metadata.labels?.team).to.equal('blue');
    expect(live.spec.replicas).to.equal(2);
  });

  const mistakes: readonly (readonly [what: string, spec: Readonly<Record<string, unknown>>, path: string])[] = [
    ['an unknown profile', { profile: 'demmo' }, 'spec.profile'],
    ['an unknown field', { profiel: 'demo' }, 'spec.profiel'],
    [
      'an unknown field of a component',
      { components: { pilot: { k8s: { replicas: 2 } } } },
      'spec.components.pilot.k8s.replicas',
    ],
    ['a value of the wrong type', { values: { pilot: { autoscaleMin: 'two' } } }, 'spec.values.pilot.autoscaleMin'],
    [
      'an overlay that fits nothing',
      { components: { pilot: { k8s: { overlays: [{ kind: 'Deployment', name: 'none', patches: [] }] } } } },
      'spec.components.pilot.k8s.overlays[0]',
    ],
  ];
  for (const [what, spec, path] of mistakes) {
    it(`leaves what runs alone at ${what}, and says where it is`, async () => {
      await install();
      const before = await harness.client.get(resources.deployments, istiod);
      await harness.patchSpec('mesh', spec);
      const refused = await harness.untilStatus('mesh', 'ERROR');
      expect(refused.status?.message).to.contain(path);
      expect(judge(refused)).to.equal('Degraded Failed');
      const after = await harness.client.get(resources.deployments, istiod);
      expect(after.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
    });
  }

  it('names values that have no effect without holding anything up', async () => {
    await install({
      values: { pilot: { noSuchSetting: 1 }, global: { proxy: { privileged: true } } },
      components: { cni: { enabled: true } },
    });
    const { status } = await harness.get('mesh');
    const honoured = status?.conditions?.find(({ type }) => type === 'Honoured');
    expect(honoured).to.include({ status: 'False', reason: 'NotHonoured' });
    expect(honoured?.message).to.equal(
      'no effect: spec.components.cni.enabled; spec.values.global.proxy.privileged; spec.values.pilot.noSuchSetting',
    );
  });

  it('removes what is no longer part of it', async () => {
    await install();
    await harness.patchSpec('mesh', {
      components: { egressGateways: [{ name: 'istio-egressgateway', enabled: false }] },
    });
    await harness.untilStatus('mesh', 'HEALTHY');
    const { items } = await harness.client.list(resources.deployments, { namespace: 'istio-system' });
    expect(items.map(({ metadata }) => metadata.name)).to.deep.equal(['istio-ingressgateway', 'istiod']);
    expect(
      await harness.client.find(resources.serviceAccounts, {
        namespace: 'istio-system',
        name: 'istio-egressgateway-service-account',
      }),
    ).to.equal(undefined);
  });

  it('gives a revision to the oldest that claims it', async () => {
    await install();
    await harness.create('young', { profile: 'minimal' });
    await harness.until(async () => {
      const { status } = await harness.get('young');
      const message = status?.message ?? '';
      return status?.status === 'ERROR' && message.includes('spec.revision') && message.includes('istio-system/mesh');
    }, 'the younger says who has the revision');
    expect((await harness.get('mesh')).status?.status).to.equal('HEALTHY');
    await harness.remove('mesh');
    await harness.until(
      async () => (await harness.client.find(resources.deployments, istiod)) !== undefined,
      'the younger takes over',
    );
    const { metadata } = await harness.client.get(resources.deployments, istiod);
    expect(metadata.labels?.['install.operator.istio.io/owning-resource']).to.equal('young');
  });

  it('installs a canary beside the default revision', async () => {
    await install();
    await harness.create('canary', { profile: 'minimal', revision: 'canary' });
    await harness.until(
      async () =>
        (await harness.client.find(resources.deployments, { ...istiod, name: 'istiod-canary' })) !== undefined,
      'the canary is applied',
    );
    await harness.bringUp();
    await harness.untilStatus('canary', 'HEALTHY');
    expect((await harness.get('mesh')).status?.status).to.equal('HEALTHY');
    const webhook = await harness.client.get<Webhooks>(resources.mutatingWebhookConfigurations, {
      name: 'istio-sidecar-injector-canary',
    });
    expect(webhook.webhooks).to.have.length(2);
    await harness.remove('canary');
    expect(await harness.client.find(resources.deployments, istiod)).to.not.equal(undefined);
    expect(await harness.client.find(resources.deployments, { ...istiod, name: 'istiod-canary' })).to.equal(undefined);
  });

  it('removes everything it installed, and only that', async () => {
    await install();
    await harness.server.kubectl(['create', 'configmap', 'mine', '-n', 'istio-system']);
    await harness.remove('mesh');
    for (const kind of [
      resources.deployments,
      resources.services,
      resources.clusterRoles,
      resources.clusterRoleBindings,
      resources.mutatingWebhookConfigurations,
      resources.validatingWebhookConfigurations,
      resources.configMaps,
    ]) {
      const { items } = await harness.client.list(kind, { labelSelector: 'install.operator.istio.io/owning-resource' });
      expect(items.map(objectKey), kind.plural).to.deep.equal([]);
    }
    await harness.client.get(resources.configMaps, { namespace: 'istio-system', name: 'mine' });
    await harness.client.delete(resources.configMaps, { namespace: 'istio-system', name: 'mine' });
  });

  it('does nothing while it is paused, and says so', async () => {
    await install();
    await harness.server.kubectl([
      'annotate',
      'iop',
      'mesh',
      '-n',
      'istio-system',
      'install.istio.io/ignoreReconcile=true',
    ]);
    await harness.until(
      async () => (await harness.get('mesh')).status?.conditions?.some(({ reason }) => reason === 'Paused') === true,
      'it is paused',
    );
    await harness.client.delete(resources.services, istiod);
    await harness.patchSpec('mesh', { tag: '0.9.9' });
    await harness.until(
      async () =>
        (await harness.get('mesh')).status?.observedGeneration === (await harness.get('mesh')).metadata.generation,
      'the change was seen',
    );
    expect(await harness.client.find(resources.services, istiod)).to.equal(undefined);
    await harness.server.kubectl([
      'annotate',
      'iop',
      'mesh',
      '-n',
      'istio-system',
      'install.istio.io/ignoreReconcile-',
    ]);
    await harness.until(
      async () => (await harness.client.find(resources.services, istiod)) !== undefined,
      'it goes on',
    );
  });

  it('records one event per change of state', async () => {
    await install();
    const { uid } = (await harness.get('mesh')).metadata;
    const healthy = async () => {
      const { items } = await harness.client.list<
        KubeObject & { reason: string; regarding: { uid: string }; series?: object }
      >(resources.events, { namespace: 'istio-system' });
      return items.filter(({ regarding, reason }) => regarding.uid === uid && reason === 'Healthy');
    };
    // It comes after the status that it tells of; told again it would be a series.
    await harness.until(async () => (await healthy()).length > 0, 'the event is there');
    expect((await healthy()).map(({ series }) => series)).to.deep.equal([undefined]);
  });
});
