import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { KubeObject } from '#kube/index.ts';
import {
  CLUSTER_URL,
  type DeltaStream,
  openDelta,
  openWorld,
  sidecarNode,
  type WorldStream,
} from '#test/support/adsclient.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Istiod, meshCredentials, startIstiod } from '#test/support/istiod.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface WorkloadEntry extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly conditions?: readonly Condition[] };
}

const healthType = 'type.googleapis.com/istio.v1.HealthInformation';
const connectedAt = 'istio.io/connectedAt';
const disconnectedAt = 'istio.io/disconnectedAt';
const controller = 'istio.io/workloadController';

const group = (name: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: ${name}, namespace: shop}
spec: ${spec}
---`;

/** A clock that is a minute ahead. */
const fast = 'data:text/javascript,const now = Date.now; Date.now = () => now() + 60_000;';

describe('two replicas of istiod, one of which is ahead of the other, and workloads outside of Kubernetes', function () {
  this.timeout(180_000);
  let server: ApiServer;
  const replicas = new Map<'istiod-a' | 'istiod-b', Istiod>();
  const streams: (DeltaStream | WorldStream)[] = [];

  const replica = (name: 'istiod-a' | 'istiod-b'): Istiod => {
    const found = replicas.get(name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  };
  const apply = (...documents: readonly string[]) =>
    server.kubectl(['apply', '--server-side', '-f', '-'], documents.join(''));
  const find = async (name: string): Promise<WorkloadEntry | undefined> => {
    const text = await server.kubectl(['get', 'workloadentry', name, '-n', 'shop', '-o', 'json', '--ignore-not-found']);
    return text === '' ? undefined : JSON.parse(text);
  };
  const annotation = async (name: string, key: string) => (await find(name))?.metadata.annotations?.[key];
  const healthOf = async (name: string) =>
    (await find(name))?.status?.conditions?.find(({ type }) => type === 'Healthy');
  const gone = (name: string) =>
    eventually(
      () => find(name),
      (found) => expect(found).to.equal(undefined),
    );

  /** A stream of a proxy with a certificate of the service account. */
  const connect = async <S extends DeltaStream | WorldStream>(
    open: typeof openDelta | typeof openWorld,
    at: 'istiod-a' | 'istiod-b',
    metadata: Readonly<Record<string, string>>,
    account = 'vm',
  ): Promise<S> => {
    const istiod = replica(at);
    const certificate = await istiod.certificate(await istiod.token('shop', account), 'shop', account);
    const stream = open(istiod.securePort, { credentials: meshCredentials(istiod, certificate) });
    streams.push(stream);
    stream.send({
      node: sidecarNode('vm', 'shop', { CLUSTER_ID: 'Kubernetes', SERVICE_ACCOUNT: account, ...metadata }),
      typeUrl: CLUSTER_URL,
    });
    return stream as S;
  };
  const connectDelta = (
    ...options: [at: 'istiod-a' | 'istiod-b', metadata: Record<string, string>, account?: string]
  ) => connect<DeltaStream>(openDelta, ...options);

  const isServed = async (stream: DeltaStream): Promise<boolean> => {
    const served = await stream.next().then(
      () => true,
      () => false,
    );
    stream.close();
    return served;
  };
  let markers = 0;
  /** Resolves when the replica knows of every entry that was written so far: it knows of one that is written last. */
  const heard = async (at: 'istiod-a' | 'istiod-b'): Promise<void> => {
    markers += 1;
    const marker = `marker-${markers}`;
    await apply(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${marker}, namespace: shop}
spec: {address: 10.9.9.9}
`);
    await eventually(
      async () => isServed(await connectDelta(at, { WORKLOAD_ENTRY: marker, INSTANCE_IPS: '10.9.9.9' })),
      (served) => expect(served).to.equal(true),
    );
  };

  before(async () => {
    server = await startApiServer({ controllerManager: true });
    await server.kubectl(['apply', '--server-side', '-k', 'crds']);
    await server.definitionsServed();
    for (const namespace of ['istio-system', 'shop']) await server.kubectl(['create', 'namespace', namespace]);
    await eventually(
      () => server.kubectl(['get', 'serviceaccount', 'default', '-n', 'istio-system', '--ignore-not-found']),
      (found) => expect(found).to.contain('default'),
    );
    for (const name of ['istiod-a', 'istiod-b'] as const) {
      // Nothing runs pods here; what counts is whether they exist.
      await server.kubectl(['run', name, '-n', 'istio-system', '--image=istiod']);
      const flags = [`--pod-name=${name}`, '--workload-grace-period=500ms'];
      const nodeFlags = name === 'istiod-a' ? ['--import', fast] : [];
      replicas.set(name, await startIstiod(server, { flags, nodeFlags }));
    }
    await apply(
      group('web', '{metadata: {labels: {app: web}}, template: {ports: {http: 8080}, serviceAccount: vm, weight: 3}}'),
    );
  });

  after(async () => {
    for (const stream of streams) stream.close();
    for (const istiod of replicas.values()) await istiod.stop();
    await server?.stop();
  });

  it('refuse a workload that may not join, with the reason, and register nothing', async () => {
    const refusal = async (metadata: Record<string, string>, account?: string) =>
      (await connectDelta('istiod-a', { INSTANCE_IPS: '10.9.0.9', ...metadata }, account)).ended;
    expect(await refusal({ AUTO_REGISTER_GROUP: 'nobody' })).to.deep.equal({
      code: status.FAILED_PRECONDITION,
      details: 'WorkloadGroup shop/nobody, which the proxy is to join, does not exist',
    });
    const stranger = await refusal({ AUTO_REGISTER_GROUP: 'web' }, 'other');
    expect(stranger.code).to.equal(status.PERMISSION_DENIED);
    expect(stranger.details).to.contain('is of service account "vm", the credential of the proxy proves "other"');
    const nowhere = await refusal({ AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.0.9/../x' });
    expect(nowhere.code).to.equal(status.INVALID_ARGUMENT);
    const network = await refusal({ AUTO_REGISTER_GROUP: 'web', NETWORK: 'No Name' });
    expect(network.code).to.equal(status.INVALID_ARGUMENT);
    const unknown = await refusal({ WORKLOAD_ENTRY: 'nobody' });
    expect(unknown.code).to.equal(status.FAILED_PRECONDITION);
    expect(await server.kubectl(['get', 'workloadentries', '-n', 'shop', '-o', 'name'])).to.equal('');
  });

  it('pass a workload on: the one that it comes to keeps its entry, the one that it left changes nothing', async () => {
    const first = await connectDelta('istiod-a', { AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.0.1' });
    const registered = await eventually(
      () => find('web-10.9.0.1'),
      (found) => expect(found).not.to.equal(undefined),
    );
    expect(registered?.metadata.annotations).to.include({ [controller]: 'istiod-a' });
    expect(registered?.spec).to.deep.include({ address: '10.9.0.1', weight: 3, serviceAccount: 'vm' });
    await heard('istiod-b');
    const second = await connectDelta('istiod-b', { AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.0.1' });
    await eventually(
      () => annotation('web-10.9.0.1', controller),
      (name) => expect(name).to.equal('istiod-b'),
    );
    const taken = await find('web-10.9.0.1');
    first.close();
    await eventually(
      () => replica('istiod-a').log(),
      (log) => expect(log).to.match(/"proxy disconnected"/),
    );
    await apply(group('web', '{metadata: {labels: {app: web}}, template: {serviceAccount: vm, weight: 5}}'));
    const followed = await eventually(
      () => find('web-10.9.0.1'),
      (found) => expect(found?.spec).to.include({ weight: 5 }),
    );
    expect(followed?.spec, 'what the group says no more is gone').not.to.have.property('ports');
    expect(followed?.metadata.uid).to.equal(registered?.metadata.uid);
    expect(followed?.metadata.annotations).to.deep.equal(taken?.metadata.annotations);
    second.close();
    await gone('web-10.9.0.1');
  });

  it('leave an entry to its replica as long as one stream of its workload is there', async () => {
    const metadata = { AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.0.2', NETWORK: 'vms' };
    const first = await connectDelta('istiod-a', metadata);
    await eventually(
      () => annotation('web-10.9.0.2-vms', controller),
      (name) => expect(name).to.equal('istiod-a'),
    );
    const before = await annotation('web-10.9.0.2-vms', connectedAt);
    const second = await connectDelta('istiod-a', metadata);
    await eventually(
      () => annotation('web-10.9.0.2-vms', connectedAt),
      (at) => expect(at).not.to.equal(before),
    );
    second.close();
    await eventually(
      () => annotation('web-10.9.0.2-vms', connectedAt),
      (at) => expect(at).to.equal(before),
    );
    expect(await annotation('web-10.9.0.2-vms', disconnectedAt)).to.equal(undefined);
    first.close();
    await gone('web-10.9.0.2-vms');
  });

  it('write the health that Istio’s agents report on the stream of Envoy, in both protocols', async () => {
    await apply(
      group(
        'checked',
        '{metadata: {annotations: {proxy.istio.io/health-checks-enabled: "true"}}, template: {serviceAccount: vm}}',
      ),
    );
    for (const [name, open] of [
      ['10.9.1.1', openDelta],
      ['10.9.1.2', openWorld],
    ] as const) {
      const metadata = { AUTO_REGISTER_GROUP: 'checked', INSTANCE_IPS: name };
      const stream = await connect<DeltaStream>(open, 'istiod-a', metadata);
      stream.send({ typeUrl: healthType, errorDetail: { code: 13, message: 'connection refused' } });
      await eventually(
        () => healthOf(`checked-${name}`),
        (health) =>
          expect(health).to.include({ status: 'False', reason: 'ProbeFailed', message: 'connection refused' }),
      );
      stream.send({ typeUrl: healthType });
      await eventually(
        () => healthOf(`checked-${name}`),
        (health) => expect(health).to.include({ status: 'True' }),
      );
      stream.close();
      await gone(`checked-${name}`);
    }
  });

  it('take the newest report of health, whichever replica it came to before', async () => {
    await apply(
      group(
        'moving',
        '{metadata: {annotations: {proxy.istio.io/health-checks-enabled: "true"}}, template: {serviceAccount: vm}}',
      ),
    );
    const metadata = { AUTO_REGISTER_GROUP: 'moving', INSTANCE_IPS: '10.9.1.3' };
    const report = async (stream: DeltaStream, isHealthy: boolean) => {
      stream.send({ typeUrl: healthType, ...(isHealthy ? {} : { errorDetail: { code: 13, message: 'refused' } }) });
      await eventually(
        () => healthOf('moving-10.9.1.3'),
        (health) => expect(health).to.include({ status: isHealthy ? 'True' : 'False' }),
      );
    };
    const first = await connectDelta('istiod-a', metadata);
    await report(first, true);
    await heard('istiod-b');
    const second = await connectDelta('istiod-b', metadata);
    await eventually(
      () => annotation('moving-10.9.1.3', controller),
      (name) => expect(name).to.equal('istiod-b'),
    );
    await report(second, false);
    first.close();
    await report(second, true);
    second.close();
    await gone('moving-10.9.1.3');
  });

  it('take the health of an entry that somebody wrote, and nothing else; it is unknown when its workload has left', async () => {
    await apply(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: own, namespace: shop, annotations: {proxy.istio.io/health-checks-enabled: "true"}}
spec: {address: 10.9.2.1, serviceAccount: vm}
`);
    await eventually(
      async () => (await find('own'))?.status?.conditions,
      (found) => expect(found).not.to.equal(undefined),
    );
    const stream = await connectDelta('istiod-b', { WORKLOAD_ENTRY: 'own', INSTANCE_IPS: '10.9.2.1' });
    stream.send({ typeUrl: healthType });
    await eventually(
      () => healthOf('own'),
      (health) => expect(health).to.include({ status: 'True' }),
    );
    const kept = await find('own');
    expect(kept?.metadata.annotations).to.include({ [controller]: 'istiod-b' });
    expect(kept?.spec).to.deep.equal({ address: '10.9.2.1', serviceAccount: 'vm' });
    stream.close();
    await eventually(
      () => healthOf('own'),
      (health) => expect(health).to.equal(undefined),
    );
    expect(await annotation('own', disconnectedAt)).to.be.a('string');
    expect((await find('own'))?.status?.conditions?.map(({ type }) => type)).to.include('Accepted');
  });

  it('let entries go with their group, and register who is still there when it comes back', async () => {
    const spec = '{template: {serviceAccount: vm}}';
    await apply(group('brief', spec));
    await connectDelta('istiod-a', { AUTO_REGISTER_GROUP: 'brief', INSTANCE_IPS: '10.9.3.1' });
    const first = await eventually(
      () => find('brief-10.9.3.1'),
      (found) => expect(found).not.to.equal(undefined),
    );
    await server.kubectl(['delete', 'workloadgroup', 'brief', '-n', 'shop']);
    await gone('brief-10.9.3.1');
    await apply(group('brief', spec));
    const second = await eventually(
      () => find('brief-10.9.3.1'),
      (found) => expect(found).not.to.equal(undefined),
    );
    expect(second?.metadata.uid).not.to.equal(first?.metadata.uid);
  });

  it('leave an entry as it is when its group is for others now, write its health, and remove it when its workload leaves', async () => {
    const checked = (account: string) =>
      apply(
        group(
          'given',
          `{metadata: {annotations: {proxy.istio.io/health-checks-enabled: "true"}}, template: {serviceAccount: ${account}}}`,
        ),
      );
    await checked('vm');
    const stream = await connectDelta('istiod-a', { AUTO_REGISTER_GROUP: 'given', INSTANCE_IPS: '10.9.3.2' });
    const registered = await eventually(
      () => find('given-10.9.3.2'),
      (found) => expect(found).not.to.equal(undefined),
    );
    await checked('other');
    await eventually(
      async () => isServed(await connectDelta('istiod-a', { AUTO_REGISTER_GROUP: 'given', INSTANCE_IPS: '10.9.3.3' })),
      (served) => expect(served).to.equal(false),
    );
    stream.send({ typeUrl: healthType, errorDetail: { code: 13, message: 'refused' } });
    await eventually(
      () => healthOf('given-10.9.3.2'),
      (health) => expect(health).to.include({ status: 'False' }),
    );
    const left = await find('given-10.9.3.2');
    expect(left?.spec).to.deep.equal(registered?.spec);
    expect(left?.metadata.annotations).to.deep.equal(registered?.metadata.annotations);
    stream.close();
    await gone('given-10.9.3.2');
  });

  it('clean up behind a replica that is gone, and not behind one that is not', async () => {
    await connectDelta('istiod-a', { AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.4.1' });
    await connectDelta('istiod-b', { AUTO_REGISTER_GROUP: 'web', INSTANCE_IPS: '10.9.4.2' });
    for (const name of ['web-10.9.4.1', 'web-10.9.4.2'])
      await eventually(
        () => find(name),
        (found) => expect(found).not.to.equal(undefined),
      );
    process.kill(replica('istiod-a').pid, 'SIGKILL');
    await replica('istiod-a').stop();
    replicas.delete('istiod-a');
    expect(await annotation('web-10.9.4.1', connectedAt), 'nobody could note it').to.be.a('string');
    await server.kubectl(['delete', 'pod', 'istiod-a', '-n', 'istio-system', '--force', '--grace-period=0']);
    await gone('web-10.9.4.1');
    expect(await annotation('web-10.9.4.2', connectedAt)).to.be.a('string');
  });
});
