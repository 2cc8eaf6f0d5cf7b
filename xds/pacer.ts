/**
 * Who may write next. Bytes handed to sockets and not drained are bounded for the whole process; while the bound is
 * reached, proxies that are configured already go before those that wait for their first configuration, each group in
 * turn. What is written is decided when the turn comes, so waiting makes nothing stale. Long queues of turns are worked
 * off in slices, so that leases, pings and certificates never wait.
 */

export type Priority = 'update' | 'initial';

export interface PacerOptions {
  readonly maxPendingBytes: number;
  /** Longest stretch of turns without yielding to the event loop, in milliseconds. */
  readonly sliceMs?: number;
  readonly monotonic?: () => number;
  /** Runs a function in a later turn of the event loop. */
  readonly defer?: (run: () => void) => void;
}

export interface Pacer {
  /** Runs the turn now, or when bytes have drained. Returns how to withdraw it. */
  turn(priority: Priority, run: () => void): () => void;
  /** So many bytes were handed to a socket. Returns what to call when they are drained or lost; once counts. */
  handed(bytes: number): () => void;
  readonly pendingBytes: number;
}

export function createPacer(options: PacerOptions): Pacer {
  return new TurnPacer(options);
}

const NOTHING_TO_WITHDRAW = (): void => undefined;

class TurnPacer implements Pacer {
  readonly #queues: Readonly<Record<Priority, Set<() => void>>> = { update: new Set(), initial: new Set() };
  readonly #maxPendingBytes: number;
  readonly #sliceMs: number;
  readonly #monotonic: () => number;
  readonly #defer: (run: () => void) => void;
  #pendingBytes = 0;
  /** When the present slice is used up; undefined: none has begun in this turn of the event loop. */
  #sliceEnd: number | undefined;
  #working = false;

  constructor(options: PacerOptions) {
    this.#maxPendingBytes = options.maxPendingBytes;
    this.#sliceMs = options.sliceMs ?? 10;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#defer = options.defer ?? ((run) => void setImmediate(run));
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  turn(priority: Priority, run: () => void): () => void {
    if (this.#mayRunAtOnce()) {
      this.#run(run);
      return NOTHING_TO_WITHDRAW;
    }
    const entry = () => run();
    this.#queues[priority].add(entry);
    this.#work();
    return () => this.#queues[priority].delete(entry);
  }

  handed(bytes: number): () => void {
    this.#pendingBytes += bytes;
    let drained = false;
    return () => {
      if (drained) return;
      drained = true;
      this.#pendingBytes -= bytes;
      this.#work();
    };
  }

  /** Nobody waits, and nothing has to be waited for: what nearly every turn finds. */
  #mayRunAtOnce(): boolean {
    if (this.#working || this.#queues.update.size + this.#queues.initial.size > 0) return false;
    return this.#pendingBytes < this.#maxPendingBytes && this.#inSlice();
  }

  #run(run: () => void): void {
    this.#working = true;
    try {
      run();
    } finally {
      this.#working = false;
    }
    // A turn may have asked for others.
    this.#work();
  }

  #work(): void {
    if (this.#queues.update.size + this.#queues.initial.size === 0) return;
    // A turn may ask for turns and drain bytes; the loop below sees both.
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#pendingBytes < this.#maxPendingBytes && this.#inSlice()) {
        const run = this.#next();
        if (run === undefined) return;
        run();
      }
    } finally {
      this.#working = false;
    }
  }

  #inSlice(): boolean {
    if (this.#sliceEnd === undefined) {
      this.#sliceEnd = this.#monotonic() + this.#sliceMs;
      this.#defer(() => {
        this.#sliceEnd = undefined;
        if (this.#queues.update.size + this.#queues.initial.size > 0) this.#work();
      });
    }
    return this.#monotonic() < this.#sliceEnd;
  }

  #next(): (() => void) | undefined {
    for (const queue of [this.#queues.update, this.#queues.initial]) {
      for (const run of queue) {
        queue.delete(run);
        return run;
      }
    }
    return undefined;
  }
}
