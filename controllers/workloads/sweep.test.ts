import { expect } from 'chai';
import { createKubeClient } from '#kube/index.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { declareRegistrationMetrics } from './metrics.ts';
import type { WorkloadEntryRecord } from './records.ts';
import { createWorkloadSweep } from './sweep.ts';

const graceMs = 1_000;
const maxConnectionAgeMs = 60_000;

describe('the sweep of entries that nobody keeps', () => {
  /** Whether an entry is cleaned up that was connected so long ago; `kept`: whether somebody keeps it. */
  async function cleansUp(ageMs: number, kept: boolean | undefined, isSynced = true): Promise<boolean> {
    const clock = new FakeClock();
    const entry: WorkloadEntryRecord = {
      ...{ namespace: 'shop', name: 'web', serviceAccount: 'vm', group: 'web', controller: 'istiod-a' },
      ...{ connectedAt: clock.now() - ageMs, checksHealth: false },
    };
    let asked = false;
    const stop = new AbortController();
    const sweep = createWorkloadSweep({
      client: createKubeClient({
        read: () => {
          asked = true;
          return Promise.reject(new Error('there is nothing to ask'));
        },
      }),
      records: {
        synced: () => isSynced,
        whenSynced: Promise.resolve(),
        group: () => undefined,
        entry: () => entry,
        kept: () => [entry],
        exists: () => undefined,
        onChange: () => () => undefined,
      },
      ...{ graceMs, maxConnectionAgeMs, minds: () => true, isKept: () => kept, clock, logger: silentLogger },
      metrics: declareRegistrationMetrics(createMetrics()),
    });
    const running = sweep.run(stop.signal);
    await clock.advance(25 * graceMs);
    stop.abort();
    await running;
    return asked;
  }

  it('takes those whose replica keeps them not, and those of which nobody can tell by the age of their stream', async () => {
    expect(await cleansUp(0, false)).to.equal(true);
    expect(await cleansUp(0, undefined)).to.equal(false);
    expect(await cleansUp(2 * maxConnectionAgeMs, undefined)).to.equal(true);
    expect(await cleansUp(2 * maxConnectionAgeMs, true), 'a clock that was put forward').to.equal(false);
  });

  it('waits until everything is known: before, nobody is known to be served', async () => {
    expect(await cleansUp(0, false, false)).to.equal(false);
  });
});
