import { expect } from 'chai';
import { FakeClock, settled } from './core/testing.ts';
import {
  createMetrics,
  createWorkQueue,
  declareQueueMetrics,
  type Requeue,
  TerminalError,
  type WorkQueue,
  type WorkQueueOptions,
} from './index.ts';

/** A reconciliation that a test lets finish or fail by hand. */
interface Attempt {
  readonly key: string;
  readonly signal: AbortSignal;
  finish(requeueAfterMs?: number): Promise<void>;
  fail(thrown?: unknown): Promise<void>;
}

interface Fixture {
  readonly queue: WorkQueue;
  readonly clock: FakeClock;
  /** Attempts in the order in which they started. */
  readonly attempts: Attempt[];
  attempt(at: number): Attempt;
  readonly keys: () => readonly string[];
  stop(): Promise<void>;
  readonly stopping: AbortController;
  readonly running: Promise<void>;
}

function start(options: Partial<WorkQueueOptions> = {}): Fixture {
  const clock = new FakeClock();
  const attempts: Attempt[] = [];
  const queue = createWorkQueue({
    name: 'test',
    clock,
    random: () => 0,
    rate: { perSecond: 1000, burst: 1000 },
    reconcile: (key, signal) =>
      new Promise<Requeue | undefined>((resolve, reject) => {
        attempts.push({
          key,
          signal,
          finish: async (ms) => {
            resolve(ms === undefined ? undefined : { requeueAfterMs: ms });
            await settled();
          },
          fail: async (thrown = new Error('not yet')) => {
            reject(thrown);
            await settled();
          },
        });
      }),
    ...options,
  });
  const stopping = new AbortController();
  const running = queue.run(stopping.signal);
  return {
    queue,
    clock,
    attempts,
    attempt: (at) => {
      const found = attempts[at];
      if (found === undefined) throw new Error(`no attempt ${at} yet, only ${attempts.map(({ key }) => key).join()}`);
      return found;
    },
    keys: () => attempts.map(({ key }) => key),
    stopping,
    running,
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

describe('work queue', () => {
  it('works on keys in the order in which they were added, each once however often it was added', async () => {
    const { queue, attempt, keys, stop } = start();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    for (let at = 0; at < 3; at += 1) {
      await settled();
      await attempt(at).finish();
    }
    expect(keys()).to.deep.equal(['a', 'b', 'c']);
    await stop();
  });

  it('runs workers in parallel, but never two on one key', async () => {
    const { queue, attempt, keys, stop } = start({ workers: 3 });
    queue.add('a');
    queue.add('b');
    await settled();
    queue.add('a');
    await settled();
    expect(keys()).to.deep.equal(['a', 'b']);
    await attempt(0).finish();
    expect(keys()).to.deep.equal(['a', 'b', 'a']);
    await attempt(1).finish();
    await attempt(2).finish();
    await stop();
  });

  it('retries a failing key with growing delays up to the maximum, and starts afresh after a success', async () => {
    const { queue, clock, attempt, attempts, stop } = start({ backoff: { baseMs: 100, maxMs: 350 } });
    queue.add('a');
    await settled();
    for (const delay of [100, 200, 350, 350]) {
      const before = attempts.length;
      await attempt(before - 1).fail();
      await clock.advance(delay - 1);
      expect(attempts).to.have.length(before);
      await clock.advance(1);
      expect(attempts).to.have.length(before + 1);
    }
    await attempt(4).finish();
    queue.add('a');
    await settled();
    await attempt(5).fail();
    await clock.advance(100);
    expect(attempts).to.have.length(7);
    await attempt(6).finish();
    await stop();
  });

  it('shortens delays by up to half, as the passed randomness says', async () => {
    const { queue, clock, attempt, attempts, stop } = start({
      backoff: { baseMs: 100, maxMs: 1000 },
      random: () => 0.8,
    });
    queue.add('a');
    await settled();
    await attempt(0).fail();
    await clock.advance(59);
    expect(attempts).to.have.length(1);
    await clock.advance(1);
    expect(attempts).to.have.length(2);
    await attempt(1).finish();
    await stop();
  });

  it('leaves a terminal failure alone until the key is added again', async () => {
    const { queue, clock, attempt, keys, stop } = start();
    queue.add('a');
    await settled();
    await attempt(0).fail(new TerminalError('spec is wrong'));
    await clock.advance(3_600_000);
    expect(keys()).to.deep.equal(['a']);
    queue.add('a');
    await settled();
    await attempt(1).finish();
    await stop();
  });

  it('runs a key again after the time it asked for, or earlier when it is added', async () => {
    const { queue, clock, attempt, attempts, stop } = start();
    queue.add('a');
    await settled();
    await attempt(0).finish(1000);
    await clock.advance(1000);
    await attempt(1).finish(1000);
    queue.add('a');
    await settled();
    await attempt(2).finish();
    await clock.advance(5000);
    expect(attempts).to.have.length(3);
    await stop();
  });

  it('keeps the earliest of several delays for a key', async () => {
    const { queue, clock, attempt, attempts, stop } = start();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    await clock.advance(100);
    expect(attempts).to.have.length(1);
    await attempt(0).finish();
    await clock.advance(1000);
    expect(attempts).to.have.length(1);
    await stop();
  });

  it('holds the rate of all keys together', async () => {
    const started: number[] = [];
    const clock = new FakeClock();
    const { queue, stop } = start({
      clock,
      rate: { perSecond: 10, burst: 2 },
      reconcile: async () => {
        started.push(clock.monotonic());
      },
    });
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await clock.advance(1000);
    expect(started).to.deep.equal([0, 0, 100, 200]);
    await stop();
  });

  it('on stop finishes what runs, starts nothing more, and then resolves', async () => {
    const { queue, attempt, keys, stop, stopping, running } = start();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await settled();
    let stopped = false;
    void running.then(() => {
      stopped = true;
    });
    stopping.abort();
    await settled();
    expect([stopped, attempt(0).signal.aborted]).to.deep.equal([false, false]);
    await attempt(0).finish();
    await stop();
    expect(keys()).to.deep.equal(['a']);
  });

  it('aborts what has not finished when the drain time is over', async () => {
    const { queue, clock, attempt, stop, stopping } = start({ drainMs: 1000 });
    queue.add('a');
    await settled();
    stopping.abort();
    await clock.advance(999);
    expect(attempt(0).signal.aborted).to.equal(false);
    await clock.advance(1);
    expect(String(attempt(0).signal.reason)).to.contain('did not drain in time');
    await attempt(0).fail();
    await stop();
  });

  it('leaves no timers behind when it has stopped', async () => {
    const { queue, clock, stop } = start();
    queue.addAfter('a', 60_000);
    await stop();
    await settled();
    expect(clock.sleeping).to.equal(0);
  });

  it('counts failures and measures waiting as metrics', async () => {
    const metrics = createMetrics();
    const { queue, attempt, stop } = start({ hooks: declareQueueMetrics(metrics)('test') });
    queue.add('a');
    queue.add('b');
    await settled();
    await attempt(0).fail();
    await attempt(1).finish();
    const { text } = await metrics.render();
    expect(text).to.contain('controller_sync_errors_total{queueID="test"} 1');
    expect(text).to.contain('pilot_worker_queue_latency_count{queueID="test"} 2');
    expect(text).to.contain('pilot_worker_queue_depth{queueID="test"} 0');
    await stop();
  });
});
