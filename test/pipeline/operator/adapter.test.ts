import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  KubeOperator,
  type ResourceEvent,
  ResourceEventType,
  type ResourceMeta,
} from '#controllers/operator/adapter.ts';
import { createKubeClient, createKubeconfigConnection, type KubeClient, type KubeObject } from '#kube/index.ts';
import { silentLogger } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { istioOperators } from './harness.ts';

type Handler = (event: ResourceEvent, operator: SmallOperator) => Promise<void>;

/** What somebody would write who stands on the package: register, watch, handle. */
class SmallOperator extends KubeOperator {
  readonly name = 'small';
  readonly #handler: Handler;

  constructor(client: KubeClient, handler: Handler) {
    super({ client, kinds: [istioOperators], statusManager: 'small', logger: silentLogger, random: () => 0 });
    this.#handler = handler;
  }

  protected override async init(): Promise<void> {
    const { group, version, plural } = istioOperators;
    const crd = await this.registerCustomResourceDefinition(
      join(import.meta.dirname, '../../../crds/istiooperators.install.istio.io.yaml'),
    );
    expect(crd).to.include({ group, plural });
    await this.watchResource(group, version, plural, (event) => this.#handler(event, this), 'default');
  }

  status(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    return this.setResourceStatus(meta, status);
  }

  finalize(event: ResourceEvent, action: () => Promise<void>): Promise<boolean> {
    return this.handleResourceFinalizer(event, 'test.lateen.dev/small', action);
  }
}

describe('the operator package over our own client', function () {
  this.timeout(120_000);
  let server: ApiServer;
  let client: KubeClient;
  let stop: AbortController;
  let running: Promise<void>;

  before(async () => {
    server = await startApiServer();
    client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
  });
  after(async () => {
    await client.close();
    await server.stop();
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  function start(handler: Handler): void {
    stop = new AbortController();
    running = new SmallOperator(client, handler).run(stop.signal);
  }
  const create = (name: string) =>
    client.create(istioOperators, { metadata: { namespace: 'default', name }, spec: {} });
  const find = (name: string) =>
    client.find<KubeObject & { status?: { message?: string } }>(istioOperators, { namespace: 'default', name });
  async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let waited = 0; waited < 20_000; waited += 20) {
      if (await condition()) return;
      await sleep(20);
    }
    throw new Error(`gave up waiting until ${what}`);
  }
  /** The definition is registered by the operator itself; a new one takes a moment to be served. */
  const createWhenServed = (name: string) =>
    until(
      async () =>
        create(name).then(
          () => true,
          () => false,
        ),
      `${name} can be created`,
    );

  it('registers a definition and tells what was added, changed and deleted', async () => {
    const seen: string[] = [];
    start(async ({ type, meta }) => {
      seen.push(`${type} ${meta.name}`);
    });
    await createWhenServed('one');
    await until(() => seen.includes('ADDED one'), 'it is added');
    await client.patch(istioOperators, { namespace: 'default', name: 'one' }, { spec: { profile: 'demo' } });
    await until(() => seen.includes('MODIFIED one'), 'it is changed');
    await client.delete(istioOperators, { namespace: 'default', name: 'one' });
    await until(() => seen.includes('DELETED one'), 'it is deleted');
  });

  it('tries again what failed, with the newest state, and lets nobody else wait for it', async () => {
    const attempts: (string | undefined)[] = [];
    const others: string[] = [];
    start(async ({ meta, type }) => {
      if (meta.name === 'good') {
        others.push(type);
        return;
      }
      attempts.push(meta.resourceVersion);
      if (attempts.length < 4) throw new Error('not yet');
    });
    await createWhenServed('bad');
    await create('good');
    await until(() => attempts.length === 4 && others.length === 1, 'both are done');
    await client.delete(istioOperators, { namespace: 'default', name: 'good' });
    await client.delete(istioOperators, { namespace: 'default', name: 'bad' });
  });

  it('never works on one object twice at once, but on several objects together', async () => {
    const working = new Map<string, number>();
    let most = 0;
    let clash = false;
    const done: string[] = [];
    start(async ({ meta, type }) => {
      const inside = (working.get(meta.name) ?? 0) + 1;
      working.set(meta.name, inside);
      clash ||= inside > 1;
      most = Math.max(most, [...working.values()].filter((count) => count > 0).length);
      // Who is told one after the other never gets past the first.
      if (type === 'ADDED') await until(() => most > 1, 'somebody else is worked on too');
      working.set(meta.name, inside - 1);
      done.push(`${type} ${meta.name}`);
    });
    await createWhenServed('p0');
    await Promise.all(['p1', 'p2', 'p3'].map(create));
    for (let round = 0; round < 10; round += 1)
      await client.patch(istioOperators, { namespace: 'default', name: 'p0' }, { spec: { tag: `${round}` } });
    await until(() => done.filter((each) => each.startsWith('ADDED')).length === 4, 'all were told');
    expect(clash).to.equal(false);
    await Promise.all(
      ['p0', 'p1', 'p2', 'p3'].map((name) => client.delete(istioOperators, { namespace: 'default', name })),
    );
  });

  it('writes status by server-side apply under its own name', async () => {
    start(async (event, operator) => {
      if (event.type === ResourceEventType.Added)
        await operator.status(event.meta, { status: 'NONE', message: 'seen' });
    });
    await createWhenServed('stated');
    await until(async () => (await find('stated'))?.status?.message === 'seen', 'status is written');
    const managers = (await find('stated'))?.metadata.managedFields as readonly {
      manager: string;
      operation: string;
      subresource?: string;
    }[];
    expect(
      managers
        .filter(({ subresource }) => subresource === 'status')
        .map(({ manager, operation }) => `${manager} ${operation}`),
    ).to.deep.equal(['small Apply']);
    await client.delete(istioOperators, { namespace: 'default', name: 'stated' });
  });

  it('finalizes with retries, and never takes away somebody else’s finalizer', async () => {
    let removals = 0;
    start(async (event, operator) => {
      await operator.finalize(event, async () => {
        removals += 1;
        if (removals === 1) {
          // Somebody else comes in between our reading and our writing.
          const name = { namespace: 'default', name: 'final' };
          await client.patch(istioOperators, name, { metadata: { annotations: { touched: 'yes' } } });
        }
        if (removals < 3) throw new Error('not yet');
      });
    });
    await createWhenServed('final');
    await until(
      async () => (await find('final'))?.metadata.finalizers?.includes('test.lateen.dev/small') === true,
      'it holds the object',
    );
    const name = { namespace: 'default', name: 'final' };
    const ours = (await find('final'))?.metadata.finalizers ?? [];
    await client.patch(istioOperators, name, { metadata: { finalizers: [...ours, 'example.com/other'] } });
    await client.delete(istioOperators, name);
    await until(async () => (await find('final'))?.metadata.finalizers?.length === 1, 'ours is gone');
    expect((await find('final'))?.metadata.finalizers).to.deep.equal(['example.com/other']);
    expect(removals).to.be.greaterThan(2);
    await client.patch(istioOperators, name, { metadata: { finalizers: null } });
    await until(async () => (await find('final')) === undefined, 'it is gone');
  });
});
