/** The way of responses to one peer. What it has not read counts against what the process may have on the way. */
import type { DiscoveryCall } from './context.ts';
import type { Pacer } from './pacer.ts';
import type { EncodedResponse } from './response.ts';
import { type DirectCall, directCallOf } from './sharing.ts';
import type { Account } from './undrained.ts';

/** Bytes that were written and have not drained. */
interface Undrained {
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly since: number;
}

export interface OutletEvents {
  /** It was full, and is no longer. */
  readonly onRoom: () => void;
  /** The peer does not read, and others wait for what it holds. To be closed at once. */
  readonly onUnread: () => void;
}

export class Outlet {
  readonly #call: DiscoveryCall;
  readonly #direct: DirectCall | undefined;
  readonly #account: Account;
  readonly #fullBytes: number;
  /** They drain in the order in which they were written. */
  readonly #undrained: Undrained[] = [];
  readonly #drained: () => void;

  /** `fullBytes`: it is full when the peer has more than this to read. */
  constructor(call: DiscoveryCall, pacer: Pacer, fullBytes: number, { onRoom, onUnread }: OutletEvents) {
    this.#call = call;
    this.#fullBytes = fullBytes;
    this.#direct = directCallOf(call);
    const account = pacer.open(onUnread);
    this.#account = account;
    this.#direct?.onMoved(() => account.moved());
    this.#drained = () => {
      const oldest = this.#undrained.shift();
      if (oldest === undefined) return;
      const wasFull = this.isFull;
      account.drained(oldest.bytes);
      if (wasFull && !this.isFull) onRoom();
    };
  }

  /** `now`: on the monotonic clock. */
  write(encoded: EncodedResponse, now: number): void {
    this.#account.handed(encoded.size);
    this.#undrained.push({ bytes: encoded.size, since: now });
    if (this.#direct?.writeSmall(encoded, this.#drained) === true) return;
    this.#call.write(encoded, this.#drained);
  }

  /** Written and not read. */
  get bytes(): number {
    return this.#account.bytes;
  }

  /** The peer is to be written nothing more. */
  get isFull(): boolean {
    return this.room < 0;
  }

  /** How many bytes it takes before it is full; less than none: it is. */
  get room(): number {
    return this.#fullBytes - this.#account.bytes;
  }

  /** Since when the oldest of the bytes wait that the peer has not read; undefined: it has read all. */
  get waitingSince(): number | undefined {
    return this.#undrained[0]?.since;
  }

  /** Bytes for a peer that is gone are reported by nobody. */
  close(): void {
    this.#undrained.length = 0;
    this.#account.close();
  }

  /** Cuts the peer off, with everything on its connection. False: that is for others to do. */
  disconnect(): boolean {
    return this.#direct?.disconnect() ?? false;
  }
}
