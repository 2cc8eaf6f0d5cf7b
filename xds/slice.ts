/** How much of a turn of the event loop one kind of work may take: what is left over is for the turns that follow. */
import { systemClock } from '#runtime/index.ts';

export interface SliceOptions {
  /** Longest stretch without yielding to the event loop, in milliseconds. Default 10. */
  readonly sliceMs?: number;
  /** Milliseconds on a clock that never goes back. */
  readonly monotonic?: () => number;
  /** Runs a function in a later turn of the event loop. */
  readonly defer?: (run: () => void) => void;
  /** Other kinds of work that have slices of the same turns. */
  readonly shared?: SharedTurn;
}

/** Says before each piece of work whether there is time for it. `goOn` is called in the turn after each in which it was asked. */
export function createSlice(options: SliceOptions, goOn: () => void): () => boolean {
  const { sliceMs = 10, monotonic = systemClock.monotonic, defer = (run) => void setImmediate(run) } = options;
  const { shared } = options;
  const kind = {};
  /** Undefined: none has begun in this turn of the event loop. */
  let end: number | undefined;
  const next = (): void => {
    end = undefined;
    goOn();
  };
  return () => {
    if (end === undefined) {
      const now = monotonic();
      const mayBegin = shared?.mayBegin(kind, now, 2 * sliceMs, defer) ?? true;
      end = mayBegin ? now + sliceMs : now;
      defer(next);
    }
    return monotonic() < end;
  };
}

/**
 * A slice ends with the piece of work that it is in, and while V8 marks the heap a request for thousands of names takes
 * 40 ms instead of 2. Who would begin when others took more than their time leaves it at that, and is the first in the turn
 * that follows.
 */
export class SharedTurn {
  #began: number | undefined;
  /** Those who could not begin, in the turn before and in this one. */
  #first: ReadonlySet<object> = new Set();
  #refused = new Set<object>();

  /** Whether this kind of work may begin at this time, in a turn that has no more than `mostMs` behind it. */
  mayBegin(kind: object, now: number, mostMs: number, defer: (run: () => void) => void): boolean {
    if (this.#began === undefined) {
      this.#began = now;
      defer(() => this.#end());
    }
    const may = this.#first.size === 0 ? now <= this.#began + mostMs : this.#first.has(kind);
    if (!may) this.#refused.add(kind);
    return may;
  }

  #end(): void {
    this.#began = undefined;
    this.#first = this.#refused;
    this.#refused = new Set();
  }
}
