import { expect } from 'chai';
import { createKubeClient } from '#kube/index.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { createMetrics, LateenError, silentLogger } from '#runtime/index.ts';
import type { WorkloadClaim } from './claim.ts';
import { declareRegistrationMetrics } from './metrics.ts';
import type { WorkloadEntryRecord } from './records.ts';
import { createWorkloadRegistration } from './registration.ts';

const claim = (connectionId: string, more: Partial<WorkloadClaim>): WorkloadClaim => ({
  ...{ connectionId, namespace: 'shop', serviceAccount: 'vm', joins: { entry: 'db' }, address: '10.0.0.1' },
  ...{ network: '', locality: '', labels: {}, probes: true, serves: true },
  ...more,
});
const entry: WorkloadEntryRecord = { namespace: 'shop', name: 'db', serviceAccount: 'vm', checksHealth: true };

describe('workloads that connect before the control plane knows what there is', () => {
  /** A registration that can write nothing yet, and how it comes to know the one entry that there is. */
  const start = () => {
    const lists = Promise.withResolvers<void>();
    let synced = false;
    const registration = createWorkloadRegistration({
      client: createKubeClient({ read: () => Promise.reject(new Error('there is nothing to ask')) }),
      records: {
        synced: () => synced,
        whenSynced: lists.promise.then(() => {
          synced = true;
        }),
        group: () => undefined,
        entry: (_, name) => (synced && name === 'db' ? entry : undefined),
        kept: () => [],
        exists: () => undefined,
        onChange: () => () => undefined,
      },
      ...{ controller: 'istiod-a', graceMs: 1_000, clock: new FakeClock(), random: Math.random, logger: silentLogger },
      metrics: declareRegistrationMetrics(createMetrics()),
    });
    const sync = () => {
      lists.resolve();
      return new Promise((resolve) => setImmediate(resolve));
    };
    return { registration, sync };
  };

  it('are taken for nobody until it does, and then for who they say they are', async () => {
    const { registration, sync } = start();
    registration.connected(claim('owner', {}), 1);
    expect(registration.serves('shop/db')).to.equal(false);
    await sync();
    expect(registration.serves('shop/db')).to.equal(true);
  });

  const strangers: readonly (readonly [string, Partial<WorkloadClaim>])[] = [
    ['another service account', { serviceAccount: 'other' }],
    ['an entry that does not exist', { joins: { entry: 'gone' } }],
  ];
  for (const [what, more] of strangers) {
    it(`may not claim more than those that come later: ${what}`, async () => {
      const { registration, sync } = start();
      registration.connected(claim('early', more), 1);
      registration.reported('early', { healthy: false, message: 'says who?' });
      await sync();
      expect(registration.serves('shop/db')).to.equal(false);
      expect(() => registration.connected(claim('late', more), 2)).to.throw(LateenError);
    });
  }

  it('leave no trace when they are gone by then', async () => {
    const { registration, sync } = start();
    registration.connected(claim('owner', {}), 1);
    registration.disconnected('owner');
    await sync();
    expect(registration.serves('shop/db')).to.equal(false);
  });
});
