/**
 * When one stream writes, and how much at once. Its turn comes when the pacer has it and the peer has read most of what it
 * was written; small changes go then whatever others have not read, and what is large has a turn of its own to wait for.
 */
import type { Outlet } from './outlet.ts';
import type { Pacer } from './pacer.ts';

/** A peer that has less than this to read may be written small changes, up to as much, while others have not read theirs. */
const SMALL_BYTES = 64 << 10;

export class Turns {
  readonly #pacer: Pacer;
  readonly #holder: string;
  readonly #outlet: Outlet;
  /** What to do when the turn comes, and whether it has. */
  readonly #turn: () => void;
  #ran = false;
  readonly #largeTurn: () => void;
  #withdraw: (() => void) | undefined;
  #withdrawLarge: (() => void) | undefined;
  /** How many bytes more go in this turn, and whether the last response may have more. */
  #room = 0;
  #mayExceed = false;
  readonly #mayTake: (bytes: number) => boolean;

  /** `holder`: see `Pacer`. `take` is called when the turn has come, and throws nothing. */
  constructor(pacer: Pacer, holder: string, outlet: Outlet, take: () => void) {
    this.#pacer = pacer;
    this.#holder = holder;
    this.#outlet = outlet;
    this.#turn = () => {
      this.#ran = true;
      this.#withdraw = undefined;
      take();
    };
    this.#largeTurn = () => {
      this.#withdrawLarge = undefined;
      take();
    };
    this.#mayTake = (bytes) => {
      const may = this.#mayExceed ? this.#room >= 0 : bytes <= this.#room;
      if (may) this.#room -= bytes;
      return may;
    };
  }

  /** Says whether the turn has come at once. Nothing is waited for while the outlet is full: to be asked again then. */
  request(isConfigured: boolean): boolean {
    if (this.isWaiting) return false;
    this.#ran = false;
    const withdraw = this.#pacer.turn(isConfigured ? 'update' : 'initial', this.#holder, this.#turn);
    if (!this.#ran) this.#withdraw = withdraw;
    return this.#ran;
  }

  /** The turn for anything at all is still to come. */
  get isWaiting(): boolean {
    return this.#withdraw !== undefined || this.#outlet.isFull;
  }

  /** Tells of each response in order, by its bytes, whether it may go in the turn that has come. */
  begin(): (bytes: number) => boolean {
    this.#mayExceed = this.#pacer.hasRoom;
    this.#room = this.#mayExceed ? this.#outlet.room : SMALL_BYTES - this.#outlet.bytes;
    return this.#mayTake;
  }

  /** In a turn: something was left because it is large. */
  requestLarge(isConfigured: boolean): void {
    if (this.#withdrawLarge !== undefined || this.#outlet.isFull) return;
    // While one turn is taken, no other is.
    this.#withdrawLarge = this.#pacer.turn(isConfigured ? 'bulk' : 'initial', this.#holder, this.#largeTurn);
  }

  withdraw(): void {
    this.#withdraw?.();
    this.#withdrawLarge?.();
  }
}
