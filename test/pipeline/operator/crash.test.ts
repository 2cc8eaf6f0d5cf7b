import { expect } from 'chai';
import { KubeClient, KubeError, objectKey, resources } from '#kube/index.ts';
import { istioOperators, OperatorHarness } from './harness.ts';

const kinds = [
  resources.deployments,
  resources.services,
  resources.configMaps,
  resources.serviceAccounts,
  resources.roles,
  resources.roleBindings,
  resources.clusterRoles,
  resources.clusterRoleBindings,
  resources.mutatingWebhookConfigurations,
  resources.validatingWebhookConfigurations,
];

/** An operator whose process ends at its n-th write: from then on nothing it does reaches the API server. */
function dyingClient(
  harness: OperatorHarness,
  writes: number,
): { readonly client: KubeClient; readonly died: Promise<void> } {
  const { promise: died, resolve } = Promise.withResolvers<void>();
  const { transport } = harness.client;
  let left = writes;
  const client = new KubeClient({
    async send(call) {
      if (call.method !== 'GET' && !call.path.includes('/leases')) {
        left -= 1;
        if (left <= 0) {
          resolve();
          throw new KubeError('unavailable', 'the process is dead');
        }
      }
      return await transport.send(call);
    },
    stream: (call) => transport.stream(call),
    close: async () => undefined,
  });
  return { client, died };
}

describe('an operator that dies at any of its writes', function () {
  this.timeout(300_000);
  let harness: OperatorHarness;

  before(async () => {
    harness = await OperatorHarness.start();
  });
  after(async () => {
    await harness.stop();
  });

  async function listChildren(): Promise<readonly string[]> {
    const lists = await Promise.all(
      kinds.map(async (kind) => ({
        kind,
        list: await harness.client.list(kind, { labelSelector: 'install.operator.istio.io/owning-resource' }),
      })),
    );
    return lists.flatMap(({ kind, list }) => list.items.map((item) => `${kind.plural} ${objectKey(item)}`)).sort();
  }

  async function finish(): Promise<void> {
    harness.startOperator({ identity: 'survivor' });
    await harness.until(
      async () => (await harness.client.list(resources.deployments, { namespace: 'istio-system' })).items.length === 2,
      'the rest is applied',
    );
    await harness.publishRoot();
    await harness.bringUp();
    await harness.untilStatus('mesh', 'HEALTHY');
  }

  it('leaves nothing that the next one does not complete, and nothing that it does not remove', async () => {
    await harness.create('mesh', { profile: 'default' });
    await finish();
    const complete = await listChildren();
    await harness.remove('mesh');
    await harness.stopOperator();
    expect(await listChildren()).to.deep.equal([]);

    for (const writes of [1, 2, 3, 5, 8, 13, 17]) {
      await harness.create('mesh', { profile: 'default' });
      const { client, died } = dyingClient(harness, writes);
      harness.startOperator({ client, identity: `dies-at-${writes}` });
      await died;
      await harness.stopOperator();
      await finish();
      expect(await listChildren(), `installing, dead at write ${writes}`).to.deep.equal(complete);
      await harness.stopOperator();

      await harness.client.delete(istioOperators, { namespace: 'istio-system', name: 'mesh' });
      const removing = dyingClient(harness, writes);
      harness.startOperator({ client: removing.client, identity: `dies-removing-at-${writes}` });
      await removing.died;
      await harness.stopOperator();
      harness.startOperator({ identity: 'survivor' });
      await harness.remove('mesh');
      expect(await listChildren(), `removing, dead at write ${writes}`).to.deep.equal([]);
      await harness.stopOperator();
    }
  });
});
