import { expect } from 'chai';
import { type DeliveryFact, type DeliveryReport, indexFacts, renderSourceKey, resolveDelivery } from './facts.ts';
import { DeliveryLedger, type LedgerSource, type SourceIndex } from './ledger.ts';
import type { Outstanding } from './tally.ts';

const source = (name: string, generation = 1): LedgerSource => ({
  cluster: 'c1',
  kind: 'VirtualService',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  generation,
});
const proxy = (name: string) => ({ connectionId: `${name}-1`, podName: name, namespace: 'shop' });

/** What is served, with the user resources behind it. */
interface Served {
  /** Of what is no user resource itself. */
  readonly name?: string;
  readonly sources: readonly LedgerSource[];
}

const served = (...names: readonly string[]): Served => ({ sources: names.map((name) => source(name)) });
const left = (wanted: Served | undefined, held?: Served, waitingFor: readonly string[] = []): Outstanding<Served> => ({
  held,
  wanted,
  waitingFor,
});

/** A translation whose state the test owns. */
class TestIndex implements SourceIndex<Served> {
  settled = 1;
  sources: { source: LedgerSource; enteredAt: number }[] = [];
  readonly snapshots = new Map<string, { revision: number; sources: LedgerSource[]; deciding?: LedgerSource[] }>();
  readonly #lists = new WeakMap<LedgerSource[], readonly LedgerSource[][]>();
  snapshotOf(connectionId: string) {
    const snapshot = this.snapshots.get(connectionId);
    if (snapshot === undefined) return undefined;
    const lists = this.#lists.get(snapshot.sources) ?? [snapshot.sources];
    this.#lists.set(snapshot.sources, lists);
    return { revision: snapshot.revision, sources: lists, deciding: snapshot.deciding ?? [] };
  }
  sourcesOf(_connectionId: string, resource: Served) {
    return resource.sources;
  }
  describe(resource: Served) {
    return resource.name ?? '';
  }
  known() {
    return this.sources;
  }
  settledRevision() {
    return this.settled;
  }
}

/** A session whose state the test owns. */
class TestSession {
  at = 1;
  lists: Outstanding<Served>[][] = [];
  refusals: { resource: Served; message: string }[] = [];
  asked = 0;
  revision() {
    return this.at;
  }
  outstanding() {
    this.asked += 1;
    return this.lists;
  }
  refused() {
    return this.refusals;
  }
}

describe('the delivery ledger', () => {
  /** A ledger with these user resources in force, all of which `proxies` are served from. */
  function start(names: readonly string[], proxies: readonly string[]) {
    const index = new TestIndex();
    const ledger = new DeliveryLedger('istiod-0', index);
    const all = names.map((name) => source(name));
    index.sources = all.map((one) => ({ source: one, enteredAt: 1 }));
    const sessions = proxies.map((name) => {
      const session = new TestSession();
      index.snapshots.set(`${name}-1`, { revision: 1, sources: all });
      ledger.connected(proxy(name), session);
      return session;
    });
    const fact = (name: string): DeliveryFact | undefined =>
      ledger.report().facts.find((one) => one.source === renderSourceKey(source(name)));
    /** All are on their way to another snapshot. */
    const moveTo = (revision: number) => {
      for (const snapshot of index.snapshots.values()) snapshot.revision = revision;
      for (const session of sessions) session.at = revision;
    };
    return { index, ledger, sessions, fact, moveTo };
  }

  it('counts a proxy that has acknowledged its present snapshot, and looks no further into it', () => {
    const { ledger, fact, sessions } = start(['reviews'], ['web']);
    expect(fact('reviews')).to.include({ affected: 1, acknowledged: 0 });
    ledger.acknowledged('web-1', 1);
    expect(fact('reviews')).to.include({ affected: 1, acknowledged: 1 });
    expect(sessions[0]?.asked).to.equal(0);
  });

  it('says nothing of a generation before every snapshot has been rebuilt with it', () => {
    const { index, ledger, fact } = start(['reviews'], ['web']);
    ledger.acknowledged('web-1', 1);
    index.sources = [{ source: source('reviews', 2), enteredAt: 5 }];
    expect(ledger.report().facts).to.deep.equal([]);
    index.settled = 5;
    expect(fact('reviews'), 'unchanged bytes count as acknowledged').to.include({
      generation: 2,
      affected: 1,
      acknowledged: 1,
    });
  });

  it('lets a resource wait for what was made of it, and not for the rest of the snapshot', () => {
    const { ledger, fact, moveTo, sessions } = start(['reviews', 'ratings', 'details'], ['web', 'shop']);
    ledger.acknowledged('web-1', 1);
    ledger.acknowledged('shop-1', 1);
    moveTo(2);
    const change = [left(served('reviews'), served('reviews', 'ratings'))];
    for (const session of sessions) session.lists = [change];
    expect(fact('reviews')).to.include({ affected: 2, acknowledged: 0 });
    expect(fact('ratings'), 'what it was made of before').to.include({ affected: 2, acknowledged: 0 });
    expect(fact('details')).to.include({ affected: 2, acknowledged: 2 });
    if (sessions[0] !== undefined) sessions[0].lists = [];
    expect(fact('reviews')).to.include({ affected: 2, acknowledged: 1 });
    expect(fact('details')).to.include({ affected: 2, acknowledged: 2 });
  });

  it('says of each resource what it waits for itself', () => {
    const { ledger, fact, moveTo, sessions } = start(['reviews', 'ratings', 'details'], ['web']);
    ledger.acknowledged('web-1', 1);
    moveTo(2);
    const lists = [[left(served('reviews'), undefined, ['outbound|80||late'])], [left(served('ratings'))]];
    if (sessions[0] !== undefined) sessions[0].lists = lists;
    ledger.waiting('web-1', ['outbound|80||late']);
    expect(fact('reviews')).to.deep.include({ acknowledged: 0, waitingFor: ['outbound|80||late'] });
    expect(fact('ratings')).to.deep.include({ acknowledged: 0, waitingFor: [] });
    expect(fact('details')).to.deep.include({ acknowledged: 1, waitingFor: [] });
  });

  it('counts a proxy that still holds what was made of a resource which it is served from no more', () => {
    const { index, ledger, fact, sessions } = start(['reviews', 'ratings'], ['web']);
    ledger.acknowledged('web-1', 1);
    index.snapshots.set('web-1', { revision: 2, sources: [source('ratings')] });
    const [session] = sessions;
    if (session !== undefined) Object.assign(session, { at: 2, lists: [[left(undefined, served('reviews'))]] });
    expect(fact('reviews')).to.include({ affected: 1, acknowledged: 0 });
    if (session !== undefined) session.lists = [];
    expect(fact('reviews')).to.include({ affected: 0, acknowledged: 0 });
    expect(fact('ratings')).to.include({ affected: 1, acknowledged: 1 });
  });

  it('is not taken in by bytes that are the same where something else is behind them', () => {
    const { index, ledger, fact, sessions } = start(['reviews', 'ratings'], ['web']);
    index.snapshots.set('web-1', { revision: 1, sources: [source('ratings')] });
    ledger.acknowledged('web-1', 1);
    index.snapshots.set('web-1', { revision: 2, sources: [source('ratings')] });
    const [session] = sessions;
    if (session !== undefined) Object.assign(session, { at: 2, lists: [[left(served('reviews', 'ratings'))]] });
    expect(fact('reviews')).to.include({ affected: 0 });
    expect(fact('ratings')).to.include({ affected: 1, acknowledged: 0 });
  });

  it('lets what decides about a snapshot wait for all of it', () => {
    const { index, ledger, fact, moveTo, sessions } = start(['narrow', 'reviews'], ['web']);
    const snapshot = index.snapshots.get('web-1');
    if (snapshot !== undefined) snapshot.deciding = [source('narrow')];
    ledger.acknowledged('web-1', 1);
    expect(fact('narrow')).to.include({ acknowledged: 1 });
    moveTo(2);
    if (sessions[0] !== undefined) sessions[0].lists = [[left(served())]];
    expect(fact('narrow')).to.include({ affected: 1, acknowledged: 0 });
    expect(fact('reviews')).to.include({ affected: 1, acknowledged: 1 });
  });

  it('takes a proxy that is on its way to another snapshot than the present for one that has nothing', () => {
    const { index, ledger, fact } = start(['reviews'], ['web']);
    ledger.acknowledged('web-1', 1);
    const snapshot = index.snapshots.get('web-1');
    if (snapshot !== undefined) snapshot.revision = 2;
    expect(fact('reviews')).to.include({ affected: 1, acknowledged: 0 });
  });

  it('blames the resource that Envoy refused, and only that, for as long as it is refused', () => {
    const { ledger, fact, sessions } = start(['good', 'bad'], ['web']);
    const [session] = sessions;
    if (session !== undefined) session.refusals = [{ resource: served('bad'), message: 'duplicate domain' }];
    ledger.rejected('web-1', { revision: 1 });
    expect(fact('bad'), 'before anything is acknowledged').to.deep.include({
      affected: 1,
      acknowledged: 0,
      rejection: { proxy: 'web.shop', message: 'duplicate domain' },
    });
    ledger.acknowledged('web-1', 1);
    expect(fact('good')).to.include({ acknowledged: 1 }).and.not.have.property('rejection');
    expect(fact('bad')?.rejection).to.deep.equal({ proxy: 'web.shop', message: 'duplicate domain' });
    expect(fact('bad')).to.include({ affected: 1, acknowledged: 0 });
    if (session !== undefined) session.refusals = [];
    expect(fact('bad')).to.include({ acknowledged: 1 }).and.not.have.property('rejection');
  });

  it('blames whoever names what was refused, and says what that is', () => {
    const { ledger, fact, sessions } = start(['public', 'reviews'], ['gateway']);
    ledger.acknowledged('gateway-1', 1);
    const secret = { ...served('public'), name: 'Secret site' };
    if (sessions[0] !== undefined) sessions[0].refusals = [{ resource: secret, message: 'wrong key' }];
    ledger.rejected('gateway-1', { revision: 1 });
    expect(fact('public')?.rejection).to.deep.equal({ proxy: 'gateway.shop', message: 'Secret site: wrong key' });
    expect(fact('reviews')).to.not.have.property('rejection');
  });

  it('counts proxies in the same state together, and each by itself otherwise', () => {
    const names = ['a', 'b', 'c', 'd'];
    const { ledger, fact, moveTo, sessions } = start(['reviews', 'ratings'], names);
    for (const name of names) ledger.acknowledged(`${name}-1`, 1);
    moveTo(2);
    const shared = [left(served('reviews'))];
    sessions.forEach((session, at) => {
      session.lists = at < 2 ? [shared] : at === 2 ? [shared, [left(served('ratings'))]] : [];
    });
    if (sessions[0] !== undefined) sessions[0].refusals = [{ resource: served('ratings'), message: 'no' }];
    ledger.rejected('a-1', { revision: 2 });
    expect(fact('reviews')).to.include({ affected: 4, acknowledged: 1 });
    expect(fact('ratings')).to.include({ affected: 4, acknowledged: 2 });
    expect(fact('ratings')?.rejection).to.deep.equal({ proxy: 'a.shop', message: 'no' });
  });

  it('gives the identical report while it says the same, and looks at no user resource while no proxy lacks anything', () => {
    const { index, ledger, moveTo, sessions } = start(['reviews', 'ratings'], ['web', 'shop']);
    ledger.acknowledged('web-1', 1);
    ledger.acknowledged('shop-1', 1);
    const first = ledger.report();
    moveTo(2);
    const [web] = sessions;
    if (web !== undefined) web.lists = [[left(served())]];
    expect(ledger.report(), 'something is left, and made of no user resource').to.equal(first);
    for (const name of ['web', 'shop']) ledger.acknowledged(`${name}-1`, 2);
    index.sourcesOf = () => {
      throw new Error('asked');
    };
    expect(ledger.report()).to.equal(first);
    ledger.disconnected('web-1');
    const second = ledger.report();
    expect(second.facts.map(({ affected }) => affected)).to.deep.equal([1, 1]);
    index.sources = [...index.sources, { source: source('late'), enteredAt: 3 }];
    expect(ledger.report(), 'not yet in force').to.equal(second);
    index.settled = 3;
    expect(ledger.report().facts).to.have.length(3);
    expect(ledger.report().facts[0]).to.equal(second.facts[0]);
  });

  it('adds up replicas, and says nothing while one of them lags', () => {
    const key = renderSourceKey(source('reviews'));
    const fact = { source: key, uid: 'uid-reviews', waitingFor: [] };
    const ahead = { replica: 'a', facts: [{ ...fact, generation: 2, affected: 3, acknowledged: 3 }] };
    const behind = { replica: 'b', facts: [{ ...fact, generation: 1, affected: 2, acknowledged: 2 }] };
    const caughtUp = {
      replica: 'b',
      facts: [{ ...fact, generation: 2, affected: 2, acknowledged: 1, waitingFor: ['outbound|80||a'] }],
    };
    const resolve = (reports: readonly DeliveryReport[]) =>
      resolveDelivery(indexFacts(reports).get(key) ?? [], reports.length, 'uid-reviews', 2);
    expect(resolve([ahead, behind])).to.equal(undefined);
    expect(resolve([ahead, { replica: 'b', facts: [] }]), 'a replica that has not seen it yet').to.equal(undefined);
    expect(resolve([ahead, caughtUp])).to.deep.equal({ affected: 5, acknowledged: 4, waitingFor: ['outbound|80||a'] });
  });
});
