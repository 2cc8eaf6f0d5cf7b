/**
 * What comes in, from all streams: dealt with at once, as long as that takes no longer than a slice in one turn of the event
 * loop. A crowd of clients asks for thousands of names each at the same moment, and the event loop hands over whatever has
 * arrived before it looks at anything else. What is left over keeps its order and gets a slice of each turn that follows.
 */

export interface InboxOptions {
  /** Longest stretch without yielding to the event loop, in milliseconds. */
  readonly sliceMs?: number;
  readonly monotonic?: () => number;
  /** Runs a function in a later turn of the event loop. */
  readonly defer?: (run: () => void) => void;
}

export interface Inbox {
  /** Runs the reaction to something now, or in its turn. */
  take(react: () => void): void;
}

export function createInbox(options: InboxOptions = {}): Inbox {
  const { sliceMs = 10, monotonic = () => performance.now(), defer = (run) => void setImmediate(run) } = options;
  const waiting = new Set<() => void>();
  let sliceEnd: number | undefined;

  const inSlice = (): boolean => {
    if (sliceEnd === undefined) {
      sliceEnd = monotonic() + sliceMs;
      defer(nextSlice);
    }
    return monotonic() < sliceEnd;
  };
  const nextSlice = (): void => {
    sliceEnd = undefined;
    for (const react of waiting) {
      if (!inSlice()) return;
      waiting.delete(react);
      react();
    }
  };
  return {
    take(react) {
      if (waiting.size === 0 && inSlice()) react();
      else waiting.add(() => react());
    },
  };
}
