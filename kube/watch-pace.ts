import type { Clock } from '#runtime/core/index.ts';
import { createBackoff } from './backoff.ts';

/** A watch, or a list, that was good for less than this proves nothing: the next attempt waits. */
export const steadyMs = 500;

/** How long a watched kind waits before its next attempt, judged by what has worked so far. */
export interface WatchPace {
  /** A list succeeded. */
  listed(): void;
  /** The server accepted a watch (2xx), whether or not it ever says anything. */
  accepted(): void;
  /** A watch delivered something. */
  moved(): void;
  /** The server ended a watch without an error. Returns whether it stood for a while, so that the next may begin at once. */
  ended(): boolean;
  /** How long to wait after a failed list, in milliseconds, never longer than `atMost`. */
  afterList(atMost?: number): number;
  /** How long to wait after a failed watch; nothing when its version has expired and was not listed just now. */
  afterWatch(expired: boolean, atMost?: number): number;
}

/**
 * Lists and watches back off by themselves: a server that lists well and refuses every watch must not be listed at full
 * speed, and an outage that lists have waited out says nothing about the watches that follow.
 */
export function createWatchPace(clock: Clock, random: () => number): WatchPace {
  const lists = createBackoff({ random });
  const watches = createBackoff({ random });
  let listedAt = Number.NEGATIVE_INFINITY;
  let acceptedAt: number | undefined;
  const isSteady = () => acceptedAt !== undefined && clock.monotonic() - acceptedAt >= steadyMs;
  return {
    listed() {
      lists.reset();
      listedAt = clock.monotonic();
    },
    accepted() {
      acceptedAt = clock.monotonic();
    },
    moved() {
      watches.reset();
    },
    ended() {
      if (!isSteady()) return false;
      watches.reset();
      acceptedAt = undefined;
      return true;
    },
    afterList: (atMost) => lists.next(atMost),
    afterWatch(expired, atMost) {
      if (isSteady()) watches.reset();
      acceptedAt = undefined;
      if (expired && clock.monotonic() - listedAt >= steadyMs) return 0;
      return watches.next(atMost);
    },
  };
}
