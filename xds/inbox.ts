/**
 * What comes in, from all streams: dealt with at once, as long as that takes no longer than a slice in one turn of the event
 * loop. A crowd of clients asks for thousands of names each at the same moment, and the event loop hands over whatever has
 * arrived before it looks at anything else. What is left over keeps its order and gets a slice of each turn that follows.
 */
import { createSlice, type SliceOptions } from './slice.ts';

export interface Inbox {
  /** Runs the reaction to a value now, or in its turn. */
  take<Value>(react: (value: Value) => void, value: Value): void;
}

export function createInbox(options: SliceOptions = {}): Inbox {
  const waiting = new Set<() => void>();
  const inSlice = createSlice(options, () => {
    for (const react of waiting) {
      if (!inSlice()) return;
      waiting.delete(react);
      react();
    }
  });
  return {
    take(react, value) {
      if (waiting.size === 0 && inSlice()) react(value);
      else waiting.add(() => react(value));
    },
  };
}
