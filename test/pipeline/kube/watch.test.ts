import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  type Change,
  cacheKind,
  createKubeClient,
  createKubeconfigConnection,
  type KindCache,
  type KubeClient,
  type KubeObject,
  objectKey,
  type Resource,
  resources,
  type WatchTrouble,
} from '#kube/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { type Fault, type FaultyProxy, startFaultyProxy } from '#test/support/faulty-proxy.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** A cache of ConfigMaps in `default`, behind the faulty proxy, for the length of one test. */
interface Watched {
  readonly cache: KindCache<ConfigMap>;
  readonly changes: Change<ConfigMap>[];
  readonly troubles: WatchTrouble[];
}

describe('a watched kind, against a real API server that can be reached badly', function () {
  this.timeout(120_000);
  let server: ApiServer;
  let proxy: FaultyProxy;
  let direct: KubeClient;
  let proxied: KubeClient;
  let stop: AbortController;
  let running: Promise<void>;

  before(async () => {
    server = await startApiServer();
    proxy = await startFaultyProxy(server);
    direct = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    proxied = createKubeClient({ read: async () => ({ server: proxy.url, tls: {} }) });
  });
  after(async () => {
    await proxied.close();
    await direct.close();
    await proxy.close();
    await server.stop();
  });
  afterEach(async () => {
    proxy.heal();
    stop.abort();
    await running;
  });

  async function watch(options: { silenceMs?: number; random?: number; resource?: Resource } = {}): Promise<Watched> {
    const changes: Change<ConfigMap>[] = [];
    const troubles: WatchTrouble[] = [];
    stop = new AbortController();
    const cache = cacheKind<ConfigMap>({
      client: proxied,
      resource: options.resource ?? resources.configMaps,
      namespace: 'default',
      onChanges: (batch) => changes.push(...batch),
      onTrouble: (trouble) => troubles.push(trouble),
      random: () => options.random ?? 0.5,
      ...(options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs }),
    });
    running = cache.run(stop.signal);
    return { cache, changes, troubles };
  }

  const set = (name: string, value: string) =>
    direct.apply(
      resources.configMaps,
      { metadata: { namespace: 'default', name }, data: { value } },
      { fieldManager: 'test', force: true },
    );
  const remove = (name: string) => direct.delete(resources.configMaps, { namespace: 'default', name });

  async function until(condition: () => boolean, what: string): Promise<void> {
    for (let waited = 0; waited < 60_000; waited += 20) {
      if (condition()) return;
      await sleep(20);
    }
    throw new Error(`gave up waiting until ${what}`);
  }

  /** The one promise that matters: sooner or later the cache is what the API server's own list says. */
  async function expectSameAsServer({ cache }: Watched): Promise<void> {
    const render = (objects: Iterable<KubeObject>) =>
      [...objects]
        .map((object) => `${objectKey(object)}@${object.metadata.resourceVersion}`)
        .sort()
        .join('\n');
    let listed = '';
    await set('marker', String(performance.now()));
    for (let waited = 0; waited < 60_000; waited += 50) {
      listed = render((await direct.list(resources.configMaps, { namespace: 'default' })).items);
      if (render(cache.values()) === listed) return;
      await sleep(50);
    }
    expect(render(cache.values())).to.equal(listed);
  }

  it('delivers the list first, then every change, without managedFields', async () => {
    await set('a', '1');
    const watched = await watch();
    await watched.cache.whenSynced();
    expect(watched.cache.get('default/a')?.data).to.deep.equal({ value: '1' });
    expect(watched.cache.get('default/a')?.metadata).to.not.have.property('managedFields');
    await set('a', '2');
    await until(() => watched.cache.get('default/a')?.data?.value === '2', 'the change arrives');
    await remove('a');
    await until(() => watched.cache.get('default/a') === undefined, 'the deletion arrives');
    expect(watched.troubles).to.deep.equal([]);
  });

  it('resumes after a reset without listing again, and misses nothing', async () => {
    const watched = await watch();
    await watched.cache.whenSynced();
    const lists = () =>
      proxy.requests.filter((url) => url.includes('configmaps') && !url.includes('watch=true')).length;
    await set('b', '1');
    await until(() => watched.cache.get('default/b') !== undefined, 'the first change arrives');
    const before = lists();
    proxy.cut();
    await set('b', '2');
    await set('c', '1');
    await remove('b');
    await expectSameAsServer(watched);
    expect(lists()).to.equal(before);
    expect(watched.troubles).to.not.have.length(0);
  });

  it('drops a half line at a cut and gets the event again', async () => {
    const watched = await watch();
    await watched.cache.whenSynced();
    await set('half', '1');
    await until(() => watched.cache.get('default/half') !== undefined, 'the change arrives');
    proxy.cutWithHalfLine();
    await set('half', '2');
    await expectSameAsServer(watched);
  });

  const status = (code: number, reason: string) =>
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', code, reason, message: reason });
  const faults: readonly (readonly [name: string, fault: Fault, times: number])[] = [
    ['410 as an answer', { kind: 'answer', status: 410, body: status(410, 'Expired') }, 1],
    ['410 in the stream', { kind: 'inject', text: `{"type":"ERROR","object":${status(410, 'Expired')}}\n` }, 1],
    [
      '429 with Retry-After',
      { kind: 'answer', status: 429, body: status(429, 'TooManyRequests'), headers: { 'retry-after': '1' } },
      1,
    ],
    ['500', { kind: 'answer', status: 500, body: 'oops' }, 2],
    ['503 from something in between', { kind: 'answer', status: 503, body: '<html>' }, 2],
    ['an error event', { kind: 'inject', text: `{"type":"ERROR","object":${status(500, 'InternalError')}}\n` }, 2],
    ['a garbage line', { kind: 'inject', text: 'this is no event\n' }, 2],
    ['garbage that is JSON', { kind: 'inject', text: '{"type":"ADDED","object":{}}\n' }, 4],
    ['an end right away', { kind: 'inject', text: '' }, 1],
    ['a refused connection', { kind: 'refuse' }, 3],
  ];
  for (const [name, fault, times] of faults) {
    it(`recovers from ${name}`, async () => {
      await set('gone', '1');
      const watched = await watch();
      await watched.cache.whenSynced();
      await set('seen', '1');
      proxy.fail(fault, (url) => url.includes('watch=true'), times);
      proxy.cut();
      await remove('gone');
      await set('new', '1');
      await expectSameAsServer(watched);
      expect(watched.cache.get('default/gone')).to.equal(undefined);
      expect(watched.changes.some(({ type, object }) => type === 'delete' && object.metadata.name === 'gone')).to.equal(
        true,
      );
    });
  }

  it('waits as long as the server asks', async () => {
    const watched = await watch();
    await watched.cache.whenSynced();
    proxy.fail({ kind: 'answer', status: 429, headers: { 'retry-after': '1' } }, (url) => url.includes('watch=true'));
    proxy.cut();
    await expectSameAsServer(watched);
    const asked = watched.troubles.find(({ error }) => error.message.includes('429'));
    expect(asked?.retryInMs).to.equal(1000);
  });

  it('notices a connection that is silently dead', async () => {
    const watched = await watch({ silenceMs: 2_000 });
    await watched.cache.whenSynced();
    proxy.freeze();
    await set('dark', '1');
    await until(() => watched.troubles.length > 0, 'the silence is noticed');
    proxy.heal();
    await expectSameAsServer(watched);
  });

  it('goes on quietly when the server ends a watch in time', async () => {
    // Ended after two seconds, taken for dead after nearly four.
    const watched = await watch({ silenceMs: 3_900, random: 0 });
    await watched.cache.whenSynced();
    const watches = () => proxy.requests.filter((url) => url.includes('watch=true')).length;
    const before = watches();
    await until(() => watches() >= before + 2, 'two watches were renewed');
    expect(watched.troubles).to.deep.equal([]);
    await expectSameAsServer(watched);
  });

  it('survives the API server being killed and started again', async () => {
    const watched = await watch();
    await watched.cache.whenSynced();
    await server.restart();
    await set('after', 'restart');
    await expectSameAsServer(watched);
  });

  it('waits for a kind that does not exist yet', async () => {
    const resource: Resource = {
      group: 'test.lateen.dev',
      version: 'v1',
      plural: 'sails',
      kind: 'Sail',
      namespaced: true,
    };
    const watched = await watch({ resource });
    await until(() => watched.troubles.some(({ kindMissing }) => kindMissing), 'the kind is missed');
    expect(watched.cache.synced).to.equal(false);
    await server.kubectl(['apply', '-f', '-'], JSON.stringify(sailDefinition));
    await watched.cache.whenSynced();
    await until(() => watched.cache.synced, 'the kind is there');
    await direct.create(resource, { metadata: { namespace: 'default', name: 'main' } });
    await until(() => watched.cache.get('default/main') !== undefined, 'an object of the new kind arrives');
  });
});

const sailDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'sails.test.lateen.dev' },
  spec: {
    group: 'test.lateen.dev',
    scope: 'Namespaced',
    names: { kind: 'Sail', plural: 'sails', singular: 'sail' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
