/**
 * The work queue of controllers: keys in, reconciliations out. Keys are deduplicated while they wait, never worked on by
 * two workers at once, retried with back-off when they fail, and limited in rate as a whole.
 */
import { type Clock, type Component, LateenError, systemClock, TerminalError } from './core/index.ts';
import { type Logger, silentLogger } from './logger.ts';
import { type Backoff, backoffDelay, createTokenBucket, type RateLimit, type TokenBucket } from './rate.ts';

/** What a reconciliation may ask for: to be run again after so many milliseconds even if nothing happens. */
export interface Requeue {
  readonly requeueAfterMs: number;
}

export type Outcome = 'done' | 'requeued' | 'retried' | 'terminal';

/** Called as things happen; for metrics. Times are in milliseconds. */
export interface QueueHooks {
  readonly depth?: (waiting: number) => void;
  readonly started?: (key: string, waitedMs: number) => void;
  readonly finished?: (key: string, tookMs: number, outcome: Outcome) => void;
}

export interface WorkQueueOptions {
  readonly name: string;
  /**
   * Makes the world match for one key. Throwing means: try again later, except for a `TerminalError`, which is logged
   * and left until the key is added again.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Requeue | undefined> | Promise<void>;
  /** How many keys are worked on at once. Default 1. */
  readonly workers?: number;
  /** Default 5 ms to 5 min. */
  readonly backoff?: Backoff;
  /** Default 50 a second, 100 at once. */
  readonly rate?: RateLimit;
  /** How long running reconciliations may take to finish after the queue is stopped, before their signal aborts. Default 10 s. */
  readonly drainMs?: number;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger?: Logger;
  readonly hooks?: QueueHooks;
}

export interface WorkQueue extends Component {
  /** Asks for a reconciliation as soon as possible. A key that is being worked on is run once more afterwards. */
  add(key: string): void;
  /** Asks for a reconciliation after a delay; of several delays for one key the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Keys that wait to be taken by a worker. */
  readonly depth: number;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyedQueue(options);
}

interface Delay {
  readonly due: number;
  readonly cancel: AbortController;
}

const DEFAULT_BACKOFF: Backoff = { baseMs: 5, maxMs: 300_000 };
const DEFAULT_RATE: RateLimit = { perSecond: 50, burst: 100 };

class KeyedQueue implements WorkQueue {
  readonly name: string;
  readonly #options: WorkQueueOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bucket: TokenBucket;
  /** Keys to be taken, oldest first, with the time at which they were added. */
  readonly #waiting = new Map<string, number>();
  readonly #working = new Set<string>();
  /** Keys added while they were being worked on. */
  readonly #again = new Map<string, number>();
  readonly #delayed = new Map<string, Delay>();
  readonly #failures = new Map<string, number>();
  readonly #idle: (() => void)[] = [];
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#bucket = createTokenBucket(options.rate ?? DEFAULT_RATE, this.#clock);
  }

  get depth(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#cancelDelay(key);
    const now = this.#clock.monotonic();
    if (this.#working.has(key)) {
      if (!this.#again.has(key)) this.#again.set(key, now);
      return;
    }
    this.#enqueue(key, now);
  }

  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.monotonic() + ms;
    const known = this.#delayed.get(key);
    if (this.#waiting.has(key) || (known !== undefined && known.due <= due)) return;
    this.#cancelDelay(key);
    const delay: Delay = { due, cancel: new AbortController() };
    this.#delayed.set(key, delay);
    this.#clock.sleep(ms, delay.cancel.signal).then(
      () => {
        if (this.#delayed.get(key) !== delay) return;
        this.#delayed.delete(key);
        this.add(key);
      },
      // The only way to reject is the cancellation, after which the delay is meaningless.
      () => undefined,
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopReconciling = new AbortController();
    const workers = Array.from({ length: this.#options.workers ?? 1 }, () =>
      this.#work(signal, stopReconciling.signal),
    );
    const stop = () => this.#stop(stopReconciling);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.all(workers);
    } finally {
      stopReconciling.abort(new LateenError('aborted', `queue ${this.name} stopped`));
    }
  }

  #stop(reconciling: AbortController): void {
    this.#stopped = true;
    for (const key of [...this.#delayed.keys()]) this.#cancelDelay(key);
    this.#waiting.clear();
    this.#again.clear();
    for (const wake of this.#idle.splice(0)) wake();
    this.#clock.sleep(this.#options.drainMs ?? 10_000, reconciling.signal).then(
      () => reconciling.abort(new LateenError('deadline', `queue ${this.name} did not drain in time`)),
      // Everything drained before the limit.
      () => undefined,
    );
  }

  async #work(signal: AbortSignal, reconcileSignal: AbortSignal): Promise<void> {
    while (!this.#stopped) {
      if (this.#waiting.size === 0) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
        continue;
      }
      const allowed = await this.#bucket.take(signal).then(
        () => true,
        () => false,
      );
      const key = allowed ? this.#waiting.keys().next().value : undefined;
      if (key !== undefined) await this.#reconcile(key, reconcileSignal);
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const started = this.#clock.monotonic();
    const { hooks } = this.#options;
    hooks?.started?.(key, started - (this.#waiting.get(key) ?? started));
    this.#waiting.delete(key);
    this.#working.add(key);
    hooks?.depth?.(this.#waiting.size);
    const outcome = await this.#attempt(key, signal);
    this.#working.delete(key);
    hooks?.finished?.(key, this.#clock.monotonic() - started, outcome);
    const again = this.#again.get(key);
    if (again === undefined) return;
    this.#again.delete(key);
    this.#cancelDelay(key);
    this.#enqueue(key, again);
  }

  async #attempt(key: string, signal: AbortSignal): Promise<Outcome> {
    try {
      const result = await this.#options.reconcile(key, signal);
      this.#failures.delete(key);
      if (!result) return 'done';
      this.addAfter(key, result.requeueAfterMs);
      return 'requeued';
    } catch (thrown) {
      if (thrown instanceof TerminalError) {
        this.#failures.delete(key);
        this.#logger.error('reconciliation failed for good', { queue: this.name, key, error: thrown });
        return 'terminal';
      }
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const delayMs = backoffDelay(this.#options.backoff ?? DEFAULT_BACKOFF, failures, this.#options.random);
      this.#logger.warn('reconciliation failed', {
        queue: this.name,
        key,
        failures,
        retryInMs: Math.round(delayMs),
        error: thrown,
      });
      this.addAfter(key, delayMs);
      return 'retried';
    }
  }

  #enqueue(key: string, at: number): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    this.#waiting.set(key, at);
    this.#options.hooks?.depth?.(this.#waiting.size);
    this.#idle.shift()?.();
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel.abort();
    this.#delayed.delete(key);
  }
}
