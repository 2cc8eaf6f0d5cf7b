import { once } from 'node:events';
import { createServer } from 'node:http';
import { request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  createFencedClient,
  createKubeClient,
  createKubeconfigConnection,
  type KubeClient,
  KubeError,
  type KubeObject,
  resources,
  reviewAccess,
  reviewToken,
} from '#kube/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

describe('the client, against a real API server', function () {
  this.timeout(120_000);
  let server: ApiServer;
  let client: KubeClient;

  before(async () => {
    server = await startApiServer();
    client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  const name = { namespace: 'default', name: 'one' };
  const refusal = async (call: Promise<unknown>): Promise<KubeError> => {
    try {
      await call;
    } catch (thrown) {
      if (thrown instanceof KubeError) return thrown;
      throw thrown;
    }
    throw new Error('the call was expected to fail');
  };

  it('creates, gets, replaces, patches and deletes', async () => {
    await client.create(resources.configMaps, { metadata: name, data: { a: '1' } });
    const created = await client.get<ConfigMap>(resources.configMaps, name);
    expect(created.data).to.deep.equal({ a: '1' });
    await client.replace(resources.configMaps, { ...created, data: { a: '2' } });
    const stale = await refusal(client.replace(resources.configMaps, { ...created, data: { a: '3' } }));
    expect(stale).to.include({ code: 'conflict', httpStatus: 409, reason: 'Conflict' });
    await client.patch(resources.configMaps, name, { data: { b: 'x' } });
    expect((await client.get<ConfigMap>(resources.configMaps, name)).data).to.deep.equal({ a: '2', b: 'x' });
    expect(await client.delete(resources.configMaps, name)).to.equal(true);
    expect(await client.delete(resources.configMaps, name)).to.equal(false);
    expect(await client.find(resources.configMaps, name)).to.equal(undefined);
  });

  it('tells why the server refuses, in one word and in its own words', async () => {
    expect(await refusal(client.get(resources.configMaps, { namespace: 'default', name: 'none' }))).to.include({
      code: 'not-found',
      reason: 'NotFound',
    });
    const invalid = await refusal(
      client.create(resources.configMaps, { metadata: { namespace: 'default', name: 'Not A Name' } }),
    );
    expect(invalid).to.include({ code: 'invalid', httpStatus: 422 });
    expect(invalid.status.details?.causes?.[0]?.field).to.equal('metadata.name');
  });

  it('applies only the fields it owns and names who stands in the way', async () => {
    const object = { metadata: { namespace: 'default', name: 'applied' }, data: { ours: '1' } };
    await client.apply(resources.configMaps, object, { fieldManager: 'first' });
    await client.apply(resources.configMaps, { ...object, data: { theirs: '2' } }, { fieldManager: 'second' });
    const conflict = await refusal(
      client.apply(resources.configMaps, { ...object, data: { ours: '9' } }, { fieldManager: 'third' }),
    );
    expect(conflict).to.include({ code: 'conflict', reason: 'Conflict' });
    expect(conflict.status.details?.causes?.[0]?.message).to.contain('conflict with "first"');
    await client.apply(
      resources.configMaps,
      { ...object, data: { ours: '9' } },
      { fieldManager: 'third', force: true },
    );
    const now = await client.get<ConfigMap>(resources.configMaps, object.metadata);
    expect(now.data).to.deep.equal({ ours: '9', theirs: '2' });
  });

  it('lists page by page and leaves nothing out', async () => {
    const names = Array.from({ length: 23 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
    await Promise.all(
      names.map((each) =>
        client.create(resources.configMaps, {
          metadata: { namespace: 'default', name: each, labels: { set: 'pages' } },
        }),
      ),
    );
    const pages: number[] = [];
    const version = await client.readPages(
      resources.configMaps,
      { namespace: 'default', labelSelector: 'set=pages', pageSize: 10 },
      (items) => {
        pages.push(items.length);
      },
    );
    expect(pages).to.deep.equal([10, 10, 3]);
    expect(Number(version)).to.be.greaterThan(0);
    const { items } = await client.list(resources.configMaps, { labelSelector: 'set=pages', pageSize: 7 });
    expect(items.map(({ metadata }) => metadata.name)).to.deep.equal(names);
  });

  it('reviews tokens for their audience only, and what their owner may do', async () => {
    await server.kubectl(['create', 'serviceaccount', 'workload', '-n', 'default']);
    const token = (
      await server.kubectl(['create', 'token', 'workload', '-n', 'default', '--audience', 'istio-ca'])
    ).trim();
    const verdict = await reviewToken(client, token, ['istio-ca']);
    expect(verdict).to.include({ authenticated: true, username: 'system:serviceaccount:default:workload' });
    expect(await reviewToken(client, token, ['other'])).to.include({ authenticated: false });
    expect(await reviewToken(client, `${token.slice(0, -4)}AAAA`, ['istio-ca'])).to.include({ authenticated: false });
    const question = {
      user: 'system:serviceaccount:default:workload',
      verb: 'list',
      group: '',
      resource: 'secrets',
      namespace: 'default',
    } as const;
    expect((await reviewAccess(client, question)).allowed).to.equal(false);
    await server.kubectl(['create', 'role', 'reads', '--verb=list', '--resource=secrets', '-n', 'default']);
    await server.kubectl([
      'create',
      'rolebinding',
      'reads',
      '--role=reads',
      '--serviceaccount=default:workload',
      '-n',
      'default',
    ]);
    expect((await reviewAccess(client, question)).allowed).to.equal(true);
  });

  it('lets nothing be written once the fence is closed', async () => {
    let open = true;
    const fenced = createFencedClient(client, () => open);
    await fenced.create(resources.configMaps, { metadata: { namespace: 'default', name: 'fenced' } });
    open = false;
    expect(await refusal(fenced.delete(resources.configMaps, { namespace: 'default', name: 'fenced' }))).to.include({
      code: 'aborted',
    });
    expect(await fenced.find(resources.configMaps, { namespace: 'default', name: 'fenced' })).to.not.equal(undefined);
  });

  it('finds a server below a path, as those are that stand behind a gateway', async () => {
    const prefix = '/k8s/clusters/c-1';
    const { ca, certificate: cert, key } = server;
    const gateway = createServer((request, response) => {
      const { url = '', method, headers } = request;
      if (!url.startsWith(`${prefix}/`)) response.writeHead(404).end();
      else
        request.pipe(
          forward(new URL(url.slice(prefix.length), server.url), { method, headers, ca, cert, key }, (answer) => {
            answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers));
          }),
        );
    });
    await once(gateway.listen(0, '127.0.0.1'), 'listening');
    const { port } = gateway.address() as AddressInfo;
    const behind = createKubeClient({ read: async () => ({ server: `http://127.0.0.1:${port}${prefix}`, tls: {} }) });
    try {
      expect(await behind.readVersion()).to.equal(await client.readVersion());
      const { metadata } = await behind.get(resources.namespaces, { name: 'default' });
      expect(metadata.name).to.equal('default');
    } finally {
      await behind.close();
      gateway.close();
    }
  });

  it('says so when nobody answers', async () => {
    const nowhere = createKubeClient({ read: async () => ({ server: 'http://127.0.0.1:1', tls: {} }) });
    expect(await refusal(nowhere.readVersion())).to.include({ code: 'unavailable', httpStatus: 0 });
    const stop = AbortSignal.abort();
    expect(await refusal(client.readVersion(stop))).to.include({ code: 'aborted' });
  });
});
