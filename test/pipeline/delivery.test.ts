import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { createDeliveryClient } from '#cmd/discovery/delivery-client.ts';
import {
  createDeliveryService,
  deliveryDefinition,
  type Empty,
  reportEveryMs,
} from '#cmd/discovery/delivery-service.ts';
import {
  DeliveryLedger,
  type DeliveryReport,
  type LedgerSource,
  type Progress,
  type SourceIndex,
} from '#controllers/index.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { type Clock, systemClock } from '#runtime/index.ts';
import { eventually } from '#test/support/eventually.ts';
import { startRelay } from '#test/support/relay.ts';

const source: LedgerSource = {
  cluster: 'c1',
  kind: 'VirtualService',
  namespace: 'shop',
  name: 'reviews',
  uid: 'u1',
  generation: 1,
};

/** One replica with one resource that every one of its proxies uses. */
function createReplica(name: string) {
  const index: SourceIndex<object> = {
    snapshotOf: () => ({ revision: 1, sources: [[source]], deciding: [] }),
    sourcesOf: () => [source],
    describe: () => '',
    known: () => [{ source, enteredAt: 1 }],
    settledRevision: () => 1,
  };
  return new DeliveryLedger(name, index);
}

const proxy = (name: string) => ({ connectionId: name, podName: name, namespace: 'shop' });

/** A session in which nothing is left to acknowledge. */
const idle = (refused: readonly string[] = []): Progress<object> => ({
  revision: () => 1,
  outstanding: () => [],
  refused: () => refused.map((message) => ({ resource: {}, message })),
});

describe('delivery facts between replicas', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  async function serve(
    ledger: DeliveryLedger<object>,
    { isReplica = true, clock = systemClock }: { readonly isReplica?: boolean; readonly clock?: Clock } = {},
  ): Promise<string> {
    const server = new Server();
    server.addService(
      deliveryDefinition,
      createDeliveryService(ledger, clock, () => Promise.resolve(isReplica)),
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    stops.push(() => server.forceShutdown());
    return `127.0.0.1:${port}`;
  }

  function watch(
    ledger: DeliveryLedger<object>,
    addresses: readonly string[],
    prove = credentials.createInsecure,
    keepAlive?: { readonly silentMs: number; readonly answerMs: number },
  ) {
    const stop = new AbortController();
    stops.push(() => stop.abort());
    const troubles: string[] = [];
    const listeners = new Set<() => void>();
    let listed = addresses;
    let latest: readonly DeliveryReport[] = [];
    const client = createDeliveryClient({
      ledger,
      addresses: {
        current: () => listed,
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      credentials: () => prove(),
      serverName: 'localhost',
      clock: systemClock,
      ...(keepAlive === undefined ? {} : { keepAlive }),
      onTrouble: (_address, error) => troubles.push(error.message),
    });
    const done = client.watch((reports) => {
      latest = reports;
    }, stop.signal);
    stops.push(() => void done);
    return {
      troubles,
      reports: () => latest,
      list: (next: readonly string[]) => {
        listed = next;
        for (const listener of listeners) listener();
      },
    };
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (condition()) return;
      await systemClock.sleep(25);
    }
    expect.fail(`never: ${what}`);
  }

  const tally = (reports: readonly DeliveryReport[]) => {
    const facts = reports.flatMap((report) => report.facts);
    return `${facts.reduce((sum, fact) => sum + fact.acknowledged, 0)}/${facts.reduce((sum, fact) => sum + fact.affected, 0)} of ${reports.length}`;
  };

  it("the lease holder sees its own and the other replica's proxies, again after each change", async () => {
    const [own, other] = [createReplica('a'), createReplica('b')];
    const watched = watch(own, [await serve(other)]);
    own.connected(proxy('web-1'), idle());
    own.acknowledged('web-1', 1);
    const refused: string[] = [];
    other.connected(proxy('web-2'), { ...idle(), refused: () => idle(refused).refused() });
    await until(() => tally(watched.reports()) === '1/2 of 2', 'one of two acknowledged');
    other.acknowledged('web-2', 1);
    await until(() => tally(watched.reports()) === '2/2 of 2', 'both acknowledged');
    refused.push('bad route');
    other.rejected('web-2', { revision: 2 });
    await until(
      () => watched.reports().some((report) => report.facts[0]?.rejection?.message === 'bad route'),
      'the refusal',
    );
    watched.list([]);
    await until(() => tally(watched.reports()) === '1/1 of 1', 'the replica that left is forgotten');
  });

  it('are not told again while they are the same', async () => {
    const clock = new FakeClock();
    const ledger = createReplica('b');
    ledger.connected(proxy('web-1'), idle());
    const { path, requestSerialize, responseDeserialize } = deliveryDefinition.Watch;
    const client = new Client(await serve(ledger, { clock }), credentials.createInsecure());
    stops.push(() => client.close());
    const stream = client.makeServerStreamRequest<Empty, DeliveryReport>(
      path,
      requestSerialize,
      responseDeserialize,
      {},
    );
    const told: string[] = [];
    stream.on('data', (report: DeliveryReport) => void told.push(tally([report])));
    stream.on('error', () => undefined);
    await until(() => told.length > 0, 'the first report');
    // As after every build: something may have changed.
    for (let at = 0; at < 3; at += 1) {
      ledger.touch();
      await clock.advance(reportEveryMs);
    }
    ledger.acknowledged('web-1', 1);
    await clock.advance(reportEveryMs);
    await until(() => told.at(-1) === '1/1 of 1', 'the report of what changed');
    expect(told).to.deep.equal(['0/1 of 1', '1/1 of 1']);
  });

  it('are asked for again where a replica falls silent without closing the connection', async () => {
    const other = createReplica('b');
    const relay = await startRelay(Number((await serve(other)).split(':')[1]));
    stops.push(() => void relay.stop());
    const watched = watch(createReplica('a'), [`127.0.0.1:${relay.port}`], credentials.createInsecure, {
      silentMs: 300,
      answerMs: 500,
    });
    const reported = (text: string) =>
      eventually(
        () => tally(watched.reports()),
        (told) => expect(told).to.equal(text),
      );
    other.connected(proxy('web-2'), idle());
    await reported('0/1 of 2');
    relay.fallSilent();
    other.acknowledged('web-2', 1);
    await reported('1/1 of 2');
    expect(watched.troubles).to.have.length.above(0);
  });

  it('are read again once this replica can prove who it is, however long the report', async () => {
    const many = Array.from({ length: 30_000 }, (_, at) => ({ ...source, name: `reviews-${at}` }));
    const other = new DeliveryLedger('b', {
      snapshotOf: () => ({ revision: 1, sources: [many], deciding: [] }),
      sourcesOf: () => [],
      describe: () => '',
      known: () => many.map((one) => ({ source: one, enteredAt: 1 })),
      settledRevision: () => 1,
    });
    other.connected(proxy('web-2'), idle());
    let proven = false;
    const watched = watch(createReplica('a'), [await serve(other)], () => {
      if (!proven) throw new Error('the signing certificate expired');
      return credentials.createInsecure();
    });
    await until(() => watched.troubles.includes('the signing certificate expired'), 'the trouble');
    proven = true;
    await until(() => watched.reports().some(({ facts }) => facts.length === many.length), 'the whole report');
  });

  it('is refused to anybody who is not a replica, and nothing is claimed for a replica that does not answer', async () => {
    const watched = watch(createReplica('a'), [await serve(createReplica('b'), { isReplica: false })]);
    await until(() => watched.troubles.some((message) => message.includes('PERMISSION_DENIED')), 'a refusal');
    await until(() => watched.reports().length === 2, 'a report');
    expect(watched.reports().map((report) => report.replica)).to.deep.equal(['a', '']);
  });
});
