/**
 * Who may write next. Bytes handed to sockets and not drained are bounded for the whole process; while the bound is
 * reached, proxies that are configured already go before those that wait for their first configuration, each group in
 * turn. What is written is decided when the turn comes, so waiting makes nothing stale. Long queues of turns are worked
 * off in slices, so that leases, pings and certificates never wait.
 */
import { createSlice, type SliceOptions } from './slice.ts';

export type Priority = 'update' | 'initial';

export interface PacerOptions extends SliceOptions {
  readonly maxPendingBytes: number;
}

export interface Pacer {
  /** Runs the turn now, or when bytes have drained. Returns how to withdraw it. */
  turn(priority: Priority, run: () => void): () => void;
  /** So many bytes were handed to a socket. */
  handed(bytes: number): void;
  /** So many of them are drained or lost. */
  drained(bytes: number): void;
  readonly pendingBytes: number;
}

export function createPacer(options: PacerOptions): Pacer {
  return new TurnPacer(options);
}

const NOTHING_TO_WITHDRAW = (): void => undefined;

class TurnPacer implements Pacer {
  readonly #queues: Readonly<Record<Priority, Set<() => void>>> = { update: new Set(), initial: new Set() };
  readonly #maxPendingBytes: number;
  readonly #inSlice: () => boolean;
  #pendingBytes = 0;
  #working = false;

  constructor(options: PacerOptions) {
    this.#maxPendingBytes = options.maxPendingBytes;
    this.#inSlice = createSlice(options, () => this.#work());
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

  handed(bytes: number): void {
    this.#pendingBytes += bytes;
  }

  drained(bytes: number): void {
    this.#pendingBytes -= bytes;
    this.#work();
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
