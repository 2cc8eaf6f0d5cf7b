/** How much of a turn of the event loop one kind of work may take: what is left over is for the turns that follow. */

export interface SliceOptions {
  /** Longest stretch without yielding to the event loop, in milliseconds. Default 10. */
  readonly sliceMs?: number;
  /** Milliseconds on a clock that never goes back. */
  readonly monotonic?: () => number;
  /** Runs a function in a later turn of the event loop. */
  readonly defer?: (run: () => void) => void;
}

/** Says before each piece of work whether there is time for it. `goOn` is called in the turn after each in which it was asked. */
export function createSlice(options: SliceOptions, goOn: () => void): () => boolean {
  const { sliceMs = 10, monotonic = () => performance.now(), defer = (run) => void setImmediate(run) } = options;
  /** Undefined: none has begun in this turn of the event loop. */
  let end: number | undefined;
  const next = (): void => {
    end = undefined;
    goOn();
  };
  return () => {
    if (end === undefined) {
      end = monotonic() + sliceMs;
      defer(next);
    }
    return monotonic() < end;
  };
}
