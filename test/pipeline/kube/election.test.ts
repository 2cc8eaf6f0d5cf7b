import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  createEventRecorder,
  createKubeClient,
  createKubeconfigConnection,
  createLeaderElection,
  type KubeClient,
  type KubeObject,
  type LeaderElection,
  resources,
} from '#kube/index.ts';
import { type Clock, systemClock } from '#runtime/core/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { type FaultyProxy, startFaultyProxy } from '#test/support/faulty-proxy.ts';

describe('an election over a Lease, on a real API server', function () {
  this.timeout(120_000);
  let server: ApiServer;
  let direct: KubeClient;
  let proxy: FaultyProxy;
  let proxied: KubeClient;

  before(async () => {
    server = await startApiServer();
    direct = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    proxy = await startFaultyProxy(server);
    proxied = createKubeClient({ read: async () => ({ server: proxy.url, tls: {} }) });
  });
  after(async () => {
    await proxied.close();
    await direct.close();
    await proxy.close();
    await server.stop();
  });

  interface Candidate {
    readonly election: LeaderElection;
    readonly running: Promise<void>;
    stop(): Promise<void>;
  }

  /** Spans of time in which somebody's work ran, by candidate. */
  type History = { readonly who: string; readonly from: number; to: number | undefined }[];

  function stand(
    who: string,
    lease: string,
    client: KubeClient,
    history: History,
    clock: Clock = systemClock,
  ): Candidate {
    const stop = new AbortController();
    const election = createLeaderElection({
      client,
      namespace: 'default',
      name: lease,
      identity: who,
      // A machine that stalls must not cost the leader its lease.
      leaseDurationMs: 6_000,
      renewDeadlineMs: 5_000,
      retryPeriodMs: 250,
      clock,
      onStarted: async (signal) => {
        const span: History[number] = { who, from: performance.now(), to: undefined };
        history.push(span);
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        span.to = performance.now();
      },
    });
    const running = election.run(stop.signal);
    return {
      election,
      running,
      async stop() {
        stop.abort();
        await running;
      },
    };
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    for (let waited = 0; waited < 30_000; waited += 10) {
      if (condition()) return;
      await sleep(10);
    }
    throw new Error(`gave up waiting until ${what}`);
  }

  function expectNeverTwo(history: History): void {
    for (const [index, span] of history.entries()) {
      const next = history[index + 1];
      if (next !== undefined)
        expect(span.to, `${span.who} still worked when ${next.who} began`).to.be.lessThan(next.from);
    }
  }

  it('lets one work, and the next as soon as the first steps down', async () => {
    const history: History = [];
    const first = stand('first', 'handover', direct, history);
    await until(() => history.length === 1, 'the first leads');
    const second = stand('second', 'handover', direct, history);
    await until(() => second.election.leader === 'first', 'the second knows the first');
    expect(second.election.isLeader).to.equal(false);
    await first.stop();
    await until(() => history.length === 2, 'the second leads');
    await second.stop();
    expect(history.map(({ who }) => who)).to.deep.equal(['first', 'second']);
    expectNeverTwo(history);
  });

  it('stops the work of a leader that is cut off before anybody else may begin', async () => {
    const history: History = [];
    const cutOff = stand('cut-off', 'partition', proxied, history);
    await until(() => history.length === 1, 'the first leads');
    const other = stand('other', 'partition', direct, history);
    proxy.freeze();
    await until(() => !cutOff.election.isLeader, 'the cut-off leader knows');
    await until(() => history.length === 2, 'the other leads');
    expectNeverTwo(history);
    proxy.heal();
    proxy.cut();
    await until(() => cutOff.election.leader === 'other', 'the cut-off one sees the new leader');
    expect(cutOff.election.isLeader).to.equal(false);
    await other.stop();
    await until(() => history.length === 3, 'the first leads again');
    await cutOff.stop();
    expectNeverTwo(history);
  });

  it('believes no clock but its own monotonic one', async () => {
    const history: History = [];
    const shifted = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() + ms });
    const behind = stand('behind', 'skew', direct, history, shifted(-3_600_000));
    await until(() => history.length === 1, 'the first leads');
    const ahead = stand('ahead', 'skew', direct, history, shifted(3_600_000));
    await until(() => ahead.election.leader === 'behind', 'the second has seen the lease');
    const renewals = new Set<string>();
    // Renewals for longer than the lease lasts: whoever trusted the written times would have taken over by now.
    await until(() => {
      direct
        .get<KubeObject & { spec: { renewTime: string } }>(resources.leases, { namespace: 'default', name: 'skew' })
        .then(
          (lease) => renewals.add(lease.spec.renewTime),
          () => undefined,
        );
      return renewals.size > 28;
    }, 'the lease was renewed often');
    expect(history).to.have.length(1);
    await behind.stop();
    await ahead.stop();
  });

  it('gives the lease up and reports when the work fails', async () => {
    const election = createLeaderElection({
      client: direct,
      namespace: 'default',
      name: 'failing',
      identity: 'me',
      onStarted: async () => {
        throw new Error('the work broke');
      },
    });
    const failure = await election.run(new AbortController().signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(failure).to.be.an('error').with.property('message', 'the work broke');
    const lease = await direct.get<KubeObject & { spec: { holderIdentity?: string } }>(resources.leases, {
      namespace: 'default',
      name: 'failing',
    });
    expect(lease.spec.holderIdentity ?? '').to.equal('');
  });

  it('writes an event once and counts it when it comes again', async () => {
    const recorder = createEventRecorder({ client: direct, controller: 'lateen.dev/test', instance: 'me' });
    const object = await direct.create(resources.configMaps, { metadata: { namespace: 'default', name: 'regarded' } });
    const event = {
      resource: resources.configMaps,
      object,
      type: 'Warning',
      reason: 'Broken',
      action: 'Testing',
      note: 'it broke',
    } as const;
    await recorder.record(event);
    await recorder.record(event);
    await recorder.record({ ...event, reason: 'Repaired', type: 'Normal' });
    const { items } = await direct.list<
      KubeObject & { reason: string; series?: { count: number }; regarding: { uid: string } }
    >(resources.events, {
      namespace: 'default',
    });
    const ours = items.filter(({ regarding }) => regarding.uid === object.metadata.uid);
    expect(ours.map(({ reason, series }) => `${reason} ${series?.count ?? 1}`).sort()).to.deep.equal([
      'Broken 2',
      'Repaired 1',
    ]);
  });

  it('writes an event again that could not be written, or that is gone', async () => {
    const lost: string[] = [];
    const recorder = createEventRecorder({
      ...{ client: direct, controller: 'lateen.dev/test', instance: 'me' },
      onLost: ({ reason }) => lost.push(reason),
    });
    const event = {
      resource: resources.configMaps,
      object: { metadata: { namespace: 'to-come', name: 'early', uid: 'uid-early' } },
      type: 'Warning',
      reason: 'Broken',
      action: 'Testing',
      note: 'it broke',
    } as const;
    const names = async () => {
      const { items } = await direct.list<KubeObject>(resources.events, { namespace: 'to-come' });
      return items.map(({ metadata }) => metadata.name);
    };
    await recorder.record(event);
    expect(lost).to.deep.equal(['Broken']);
    await direct.create(resources.namespaces, { metadata: { name: 'to-come' } });
    await recorder.record(event);
    const [name = ''] = await names();
    expect(name).to.match(/^early\./);
    await direct.delete(resources.events, { namespace: 'to-come', name });
    await recorder.record(event);
    expect(await names()).to.have.length(1);
    expect(lost).to.have.length(1);
  });
});
