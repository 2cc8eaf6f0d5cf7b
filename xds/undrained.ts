/**
 * Bytes that were handed to sockets and that their peers have not read: how many in all, whose, and whose of those take none.
 * A peer that takes nothing is told by looks at all of them, not by the clock: while the whole process stands still no peer
 * can read, and no look is taken either.
 */

/** After so many looks in a row without a byte taken a peer has stalled. */
const STALLED_LOOKS = 4;

/** After so many it may be let go of, where others wait for what it holds. */
const HOPELESS_LOOKS = 8;

/** Of one peer. */
export interface Account {
  /** Handed and not drained. */
  readonly bytes: number;
  /** So many bytes were handed to its socket. */
  handed(bytes: number): void;
  /** So many of them are drained. */
  drained(bytes: number): void;
  /** The peer has taken some of what is not drained yet. */
  moved(): void;
  /** All that is not drained is lost. */
  close(): void;
}

export class Undrained {
  readonly #accounts = new Set<PeerAccount>();
  readonly #most: number;
  readonly #onLess: () => void;
  readonly #onExcess: () => void;
  bytes = 0;
  /** As much of that as peers hold that have stalled. */
  stalledBytes = 0;

  /** `onLess`: called when less is held by peers that read. `onExcess`: when more than `most` is held in all. */
  constructor(most: number, onLess: () => void, onExcess: () => void) {
    this.#most = most;
    this.#onLess = onLess;
    this.#onExcess = onExcess;
  }

  /** `end` lets go of the peer, and closes the account before it returns. */
  open(end: () => void): Account {
    const account = new PeerAccount(this, end);
    this.#accounts.add(account);
    return account;
  }

  forget(account: PeerAccount): void {
    this.#accounts.delete(account);
  }

  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#most) this.#onExcess();
  }

  subtract(bytes: number): void {
    this.bytes -= bytes;
    this.#onLess();
  }

  look(): void {
    for (const account of this.#accounts) account.look();
  }

  /** Lets go of peers that have stalled for long, those first that hold most, until so many bytes are left. */
  endStalled(most: number): void {
    if (this.bytes <= most) return;
    const stalled = [...this.#accounts].filter(({ isHopeless }) => isHopeless);
    for (const account of stalled.sort((a, b) => b.bytes - a.bytes)) {
      if (this.bytes <= most) return;
      account.end();
    }
  }
}

class PeerAccount implements Account {
  readonly #all: Undrained;
  readonly end: () => void;
  bytes = 0;
  /** Looks since a byte was taken. */
  #looks = 0;
  /** What counts as stalled. */
  #stalledBytes = 0;

  constructor(all: Undrained, end: () => void) {
    this.#all = all;
    this.end = end;
  }

  get isHopeless(): boolean {
    return this.#looks >= HOPELESS_LOOKS;
  }

  handed(bytes: number): void {
    this.bytes += bytes;
    this.#all.add(bytes);
  }

  drained(bytes: number): void {
    this.bytes -= bytes;
    this.moved();
    this.#all.subtract(bytes);
  }

  moved(): void {
    this.#looks = 0;
    if (this.#stalledBytes > 0) this.#countStalled(0);
  }

  look(): void {
    if (this.bytes === 0) return;
    this.#looks += 1;
    if (this.#looks >= STALLED_LOOKS) this.#countStalled(this.bytes);
  }

  close(): void {
    this.#all.forget(this);
    if (this.bytes > 0) this.drained(this.bytes);
  }

  #countStalled(bytes: number): void {
    this.#all.stalledBytes += bytes - this.#stalledBytes;
    this.#stalledBytes = bytes;
  }
}
