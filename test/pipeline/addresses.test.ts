import { expect } from 'chai';
import { createControlPlane } from '#cmd/discovery/control-plane.ts';
import { discoverySettings } from '#cmd/discovery/settings.ts';
import { createKubeClient, createKubeconfigConnection, type KubeObject } from '#kube/index.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';

interface Address {
  readonly value: string;
  readonly host: string;
}

interface ServiceEntry extends KubeObject {
  readonly status?: {
    readonly addresses?: readonly Address[];
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

const entry = (name: string, spec: string, labels = '{}') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default, labels: ${labels}}
spec: ${spec}
`;
const https = 'ports: [{number: 443, name: tls, protocol: TLS}]';

describe('two replicas of istiod and the addresses of ServiceEntries', function () {
  this.timeout(180_000);
  let server: ApiServer;
  const replicas = new Map<string, { readonly stop: () => Promise<void> }>();

  function startReplica(podName: string): void {
    const client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    const settings = discoverySettings.parse({
      ...{ podName, secureGrpcAddr: '127.0.0.1:0', httpsAddr: '127.0.0.1:0', pluggedCertificates: server.kubeconfig },
    });
    const plane = createControlPlane({ settings, client, logger: silentLogger, metrics: createMetrics() });
    const stopping = new AbortController();
    const running = plane.run(stopping.signal);
    replicas.set(podName, {
      stop: async () => {
        stopping.abort();
        await running;
        await client.close();
      },
    });
  }

  const apply = (...documents: readonly string[]) =>
    server.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], documents.join('---'));
  const read = async (name: string): Promise<ServiceEntry> =>
    JSON.parse(await server.kubectl(['get', 'serviceentry', name, '-o', 'json', '--show-managed-fields']));
  const addressesOf = async (name: string) => (await read(name)).status?.addresses ?? [];
  const holder = () =>
    server.kubectl(['get', 'lease', 'istiod-leader', '-n', 'istio-system', '-o', 'jsonpath={.spec.holderIdentity}']);

  before(async () => {
    server = await startApiServer();
    await server.kubectl(['apply', '--server-side', '-k', 'crds']);
    await server.definitionsServed();
    await server.kubectl(['create', 'namespace', 'istio-system']);
    await apply(
      entry('api', `{hosts: [api.example.com, other.example.com], resolution: DNS, ${https}}`),
      entry('wild', `{hosts: ["*.example.org"], resolution: DYNAMIC_DNS, ${https}}`),
      entry('none', `{hosts: [none.example.com], ${https}}`),
      entry(
        'opted-out',
        `{hosts: [off.example.com], resolution: DNS, ${https}}`,
        '{networking.istio.io/enable-autoallocate-ip: "false"}',
      ),
      entry(
        'own',
        `{hosts: [own.example.com], resolution: STATIC, addresses: [240.240.7.7], endpoints: [{address: 10.0.0.1}], ${https}}`,
      ),
    );
    startReplica('istiod-a');
    startReplica('istiod-b');
  });

  after(async () => {
    await Promise.all([...replicas.values()].map(({ stop }) => stop()));
    await server?.stop();
  });

  it('write one of each family for every host that needs them, and say that the resource is accepted', async () => {
    const addresses = await eventually(
      () => addressesOf('api'),
      (found) => expect(found).to.have.lengthOf(4),
    );
    expect(addresses.map(({ host }) => host)).to.deep.equal([
      'api.example.com',
      'api.example.com',
      'other.example.com',
      'other.example.com',
    ]);
    for (const { value } of addresses) expect(value).to.match(/^(240\.240\.\d+\.\d+|2001:2::[0-9a-f:]+)$/);
    expect(new Set(addresses.map(({ value }) => value)).size).to.equal(4);
    await eventually(
      () => addressesOf('wild'),
      (found) => expect(found.map(({ host }) => host)).to.deep.equal(['*.example.org', '*.example.org']),
    );
    const { status } = await eventually(
      () => read('api'),
      (found) => expect(found.status?.conditions).not.to.equal(undefined),
    );
    const conditions = Object.fromEntries((status?.conditions ?? []).map(({ type, status: word }) => [type, word]));
    expect(conditions).to.include({ Accepted: 'True', ResolvedRefs: 'True' });
    expect(status?.addresses, 'both writers keep what the other wrote').to.deep.equal(addresses);
    for (const name of ['none', 'opted-out', 'own']) expect(await addressesOf(name), name).to.deep.equal([]);
  });

  it('keep them when the leader goes, and give none twice', async () => {
    const before = await addressesOf('api');
    const leader = await holder();
    expect(replicas.has(leader)).to.equal(true);
    await replicas.get(leader)?.stop();
    replicas.delete(leader);
    await apply(entry('more', `{hosts: [more.example.com], resolution: DNS, ${https}}`));
    const more = await eventually(
      () => addressesOf('more'),
      (found) => expect(found).to.have.lengthOf(2),
    );
    expect(await holder()).not.to.equal(leader);
    expect(await addressesOf('api')).to.deep.equal(before);
    for (const { value } of more) expect(before.map((known) => known.value)).not.to.include(value);
  });

  it('follow the hosts of the resource, and move away from an address that somebody declares', async () => {
    const [first, second] = await addressesOf('api');
    await apply(
      entry('api', `{hosts: [api.example.com], resolution: DNS, ${https}}`),
      entry(
        'claims',
        `{hosts: [claims.example.com], resolution: STATIC, addresses: ["${first?.value}"], endpoints: [{address: 10.0.0.1}], ${https}}`,
      ),
    );
    const moved = await eventually(
      () => addressesOf('api'),
      (found) => {
        expect(found).to.have.lengthOf(2);
        expect(found[0]?.value).not.to.equal(first?.value);
      },
    );
    expect(moved[1]).to.deep.equal(second);
    await apply(entry('api', `{hosts: [api.example.com], resolution: NONE, ${https}}`));
    await eventually(
      () => addressesOf('api'),
      (found) => expect(found).to.deep.equal([]),
    );
  });

  it('say in status who else has the host', async () => {
    await apply(entry('late', `{hosts: [more.example.com], resolution: STATIC, ${https}}`));
    await eventually(
      () => read('late'),
      ({ status }) => {
        const conflict = status?.conditions?.find(({ type }) => type === 'Conflicted');
        expect(conflict?.status).to.equal('True');
        expect(conflict?.message).to.contain('ServiceEntry default/more');
      },
    );
  });

  it('have one owner, beside the conditions that have another', async () => {
    const writers = async () => {
      const managers = ((await read('more')).metadata.managedFields ?? []) as readonly {
        readonly manager: string;
        readonly subresource?: string;
      }[];
      return managers.filter(({ subresource }) => subresource === 'status').map(({ manager }) => manager);
    };
    await eventually(writers, (found) => expect(found).to.have.members(['lateen-default/status', 'lateen/addresses']));
  });
});
