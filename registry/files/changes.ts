import { watch } from 'node:fs';
import { type Clock, LateenError, pause } from '#runtime/core/index.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Called when the file system cannot tell of changes; they are found by looking. */
  readonly onTrouble: (error: LateenError) => void;
}

export interface FolderWatch {
  /** Resolves when something may have changed, after `atMostMs` at the latest, or when the signal aborts. */
  next(atMostMs: number, signal: AbortSignal): Promise<void>;
}

/**
 * Hears of changes from the file system. Some file systems never tell and some events get lost, so whoever waits looks
 * again after a while in any case.
 */
export function watchFolder(options: FolderWatchOptions, signal: AbortSignal): FolderWatch {
  let heard = false;
  let wake = (): void => undefined;
  try {
    const watcher = watch(options.folder, { recursive: true, signal, persistent: false }, () => {
      heard = true;
      wake();
    });
    watcher.on('error', (error) => {
      watcher.close();
      options.onTrouble(LateenError.from(error));
    });
  } catch (thrown) {
    options.onTrouble(LateenError.from(thrown));
  }
  return {
    async next(atMostMs, stop) {
      const either = new AbortController();
      wake = () => either.abort();
      if (heard) wake();
      await pause(options.clock, atMostMs, AbortSignal.any([stop, either.signal]));
      heard = false;
      wake = () => undefined;
    },
  };
}
