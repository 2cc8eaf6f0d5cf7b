import { expect } from 'chai';
import { type DeliveryReport, indexFacts, renderSourceKey, resolveDelivery } from './facts.ts';
import { DeliveryLedger, type LedgerSource, type SourceIndex } from './ledger.ts';

const source = (name: string, generation = 1): LedgerSource => ({
  cluster: 'c1',
  kind: 'VirtualService',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  generation,
});
const proxy = (name: string) => ({ connectionId: `${name}-1`, podName: name, namespace: 'shop' });

/** A translation whose state the test owns. */
class TestIndex implements SourceIndex {
  settled = 1;
  sources: { source: LedgerSource; enteredAt: number }[] = [];
  readonly snapshots = new Map<string, { revision: number; sources: LedgerSource[] }>();
  readonly blamed = new Map<string, LedgerSource[]>();
  snapshotOf(connectionId: string) {
    const snapshot = this.snapshots.get(connectionId);
    return snapshot && { ...snapshot, sources: [snapshot.sources] };
  }
  blame(_connectionId: string, _typeUrl: string, names: readonly string[]) {
    return names.flatMap((name) => this.blamed.get(name) ?? []);
  }
  known() {
    return this.sources;
  }
  settledRevision() {
    return this.settled;
  }
}

describe('the delivery ledger', () => {
  it('counts a proxy as acknowledged once it has acknowledged its present snapshot', () => {
    const index = new TestIndex();
    index.sources = [{ source: source('reviews'), enteredAt: 1 }];
    index.snapshots.set('web-1', { revision: 1, sources: [source('reviews')] });
    const ledger = new DeliveryLedger('istiod-0', index);
    ledger.connected(proxy('web'));
    expect(ledger.report().facts[0]).to.include({ affected: 1, acknowledged: 0 });
    ledger.acknowledged('web-1', 1);
    expect(ledger.report().facts[0]).to.include({ affected: 1, acknowledged: 1 });
  });

  it('says nothing of a generation before every snapshot has been rebuilt with it', () => {
    const index = new TestIndex();
    index.sources = [{ source: source('reviews', 2), enteredAt: 5 }];
    index.snapshots.set('web-1', { revision: 1, sources: [source('reviews')] });
    const ledger = new DeliveryLedger('istiod-0', index);
    ledger.connected(proxy('web'));
    ledger.acknowledged('web-1', 1);
    expect(ledger.report().facts).to.deep.equal([]);
    index.settled = 5;
    expect(ledger.report().facts[0], 'unchanged bytes count as acknowledged').to.include({
      generation: 2,
      affected: 1,
      acknowledged: 1,
    });
  });

  it('blames the resource that Envoy refused, and only that', () => {
    const index = new TestIndex();
    index.sources = [
      { source: source('good'), enteredAt: 1 },
      { source: source('bad'), enteredAt: 1 },
    ];
    index.snapshots.set('web-1', { revision: 1, sources: [source('good'), source('bad')] });
    index.blamed.set('80', [source('bad')]);
    const ledger = new DeliveryLedger('istiod-0', index);
    ledger.connected(proxy('web'));
    ledger.rejected('web-1', { typeUrl: 'rds', resources: ['80'], message: 'duplicate domain', revision: 1 });
    ledger.acknowledged('web-1', 1);
    const facts = new Map(ledger.report().facts.map((fact) => [fact.source, fact]));
    expect(facts.get(renderSourceKey(source('good')))).to.include({ acknowledged: 1 });
    expect(facts.get(renderSourceKey(source('bad')))?.rejection).to.deep.equal({
      proxy: 'web.shop',
      message: 'duplicate domain',
    });
    ledger.acknowledged('web-1', 2);
    index.snapshots.set('web-1', { revision: 2, sources: [source('good'), source('bad')] });
    expect(
      ledger.report().facts.every((fact) => fact.acknowledged === 1 && fact.rejection === undefined),
      'a later acknowledged revision clears it',
    ).to.equal(true);
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
