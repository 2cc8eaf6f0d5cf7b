import { untilAborted } from '#runtime/index.ts';

/** Calls the listener after edits of the graph; returns how to stop. */
export type OnEdited = (listener: () => void) => () => void;

/** Looks at the graph at first and after edits, once for all of one turn of the event loop; until the signal is aborted. */
export async function lookAfterEdits(onEdited: OnEdited, look: () => void, signal: AbortSignal): Promise<void> {
  let due = false;
  const schedule = () => {
    if (due) return;
    due = true;
    // Not within the edit that announced the change.
    setImmediate(() => {
      due = false;
      if (!signal.aborted) look();
    });
  };
  const stop = onEdited(schedule);
  schedule();
  await untilAborted(signal);
  stop();
}
