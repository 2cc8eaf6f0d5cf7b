/**
 * Who may write next. Bytes handed to sockets and not drained are bounded for the whole process; while the bound is
 * reached nothing large goes, and first configurations wait behind everything else. What is small goes to proxies that are
 * configured whatever others have not read. What is written is decided when the turn comes, so waiting makes nothing stale.
 *
 * Peers that take nothing don't make others wait for long: what they hold counts no more towards the bound once they have
 * stalled, and where twice the bound is reached they are let go of, those first that hold most. Long queues of turns are
 * worked off in slices, so that leases, pings and certificates never wait.
 */
import type { Clock } from '#runtime/index.ts';
import { Alarm } from './alarm.ts';
import { createSlice, type SliceOptions } from './slice.ts';
import { TurnQueue } from './turn-queue.ts';
import { type Account, Undrained } from './undrained.ts';

/** `update` waits for no bytes, and is to write little while there is no room. The others wait for room, `bulk` first. */
export type Priority = 'update' | 'bulk' | 'initial';

export interface PacerOptions extends SliceOptions {
  readonly maxPendingBytes: number;
  readonly clock: Clock;
}

export interface Pacer {
  /** Runs the turn now, or when it may. Turns of different holders take turns. Returns how to withdraw it. */
  turn(priority: Priority, holder: string, run: () => void): () => void;
  /** `end` lets go of a peer that does not read, and closes its account before it returns. */
  open(end: () => void): Account;
  /** Whether much may be written. */
  readonly hasRoom: boolean;
  readonly pendingBytes: number;
}

export function createPacer(options: PacerOptions): Pacer {
  return new TurnPacer(options);
}

const NOTHING_TO_WITHDRAW = (): void => undefined;

/** While turns wait for room, peers are looked at so often, in milliseconds. */
const LOOK_MS = 250;

class TurnPacer implements Pacer {
  readonly #queues: Readonly<Record<Priority, TurnQueue>> = {
    update: new TurnQueue(),
    bulk: new TurnQueue(),
    initial: new TurnQueue(),
  };
  readonly #maxPendingBytes: number;
  /** With what is held by peers that have stalled. */
  readonly #mostBytes: number;
  readonly #undrained: Undrained;
  readonly #clock: Clock;
  readonly #looks: Alarm;
  readonly #inSlice: () => boolean;
  #looking = false;
  #working = false;

  constructor(options: PacerOptions) {
    this.#maxPendingBytes = options.maxPendingBytes;
    this.#mostBytes = 2 * options.maxPendingBytes;
    this.#clock = options.clock;
    this.#undrained = new Undrained(
      this.#mostBytes,
      () => this.#work(),
      () => this.#keepLooking(),
    );
    this.#looks = new Alarm(options.clock, () => this.#look());
    this.#inSlice = createSlice(options, () => this.#work());
  }

  get pendingBytes(): number {
    return this.#undrained.bytes;
  }

  get hasRoom(): boolean {
    const { bytes, stalledBytes } = this.#undrained;
    return bytes - stalledBytes < this.#maxPendingBytes && bytes < this.#mostBytes;
  }

  turn(priority: Priority, holder: string, run: () => void): () => void {
    if (this.#mayRunAtOnce(priority)) {
      this.#run(run);
      return NOTHING_TO_WITHDRAW;
    }
    const withdraw = this.#queues[priority].add(holder, () => run());
    this.#work();
    return withdraw;
  }

  open(end: () => void): Account {
    return this.#undrained.open(end);
  }

  get #isLargeWaiting(): boolean {
    return !(this.#queues.bulk.isEmpty && this.#queues.initial.isEmpty);
  }

  /** Nobody waits, and nothing has to be waited for: what nearly every turn finds. */
  #mayRunAtOnce(priority: Priority): boolean {
    if (this.#working || !this.#queues.update.isEmpty) return false;
    if (priority !== 'update' && (this.#isLargeWaiting || !this.hasRoom)) return false;
    return this.#inSlice();
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
    // A turn may ask for turns and drain bytes; the loop below sees both.
    if (this.#working || (this.#queues.update.isEmpty && !this.#isLargeWaiting)) return;
    this.#working = true;
    try {
      for (let queue = this.#next(); queue !== undefined && this.#inSlice(); queue = this.#next()) queue.take()?.();
    } finally {
      this.#working = false;
    }
    if (this.#isLargeWaiting && !this.hasRoom) this.#keepLooking();
  }

  #next(): TurnQueue | undefined {
    const { update, bulk, initial } = this.#queues;
    if (!update.isEmpty) return update;
    if (!this.hasRoom) return undefined;
    if (!bulk.isEmpty) return bulk;
    return initial.isEmpty ? undefined : initial;
  }

  #keepLooking(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#looks.set(this.#clock.monotonic() + LOOK_MS);
  }

  #look(): void {
    this.#looking = false;
    this.#undrained.look();
    // Room for more than one, or each would wait for a look of its own; and nobody's turn comes before all of it is there.
    if (this.#undrained.bytes >= this.#mostBytes) {
      this.#working = true;
      try {
        this.#undrained.endStalled(this.#mostBytes - this.#maxPendingBytes / 2);
      } finally {
        this.#working = false;
      }
    }
    if (this.#undrained.bytes > this.#mostBytes) this.#keepLooking();
    this.#work();
  }
}
