/** Gives back what bursts of work leave in the heap. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { type Clock, pause } from './clock.ts';
import type { Component } from './component.ts';

/** Milliseconds in which nothing went on, so that one collection serves everything that happens together. */
const settleTime = 3000;

/** Milliseconds after which a collection no longer waits for things to settle. */
const longestSettleTime = 60_000;

export interface TidierOptions {
  /** A heap of which a full collection left more than this is let be: collecting it would stop the process for too long. */
  readonly mostBytes?: number;
  /** Called after each collection. */
  readonly onCollected?: () => void;
}

/**
 * V8 only collects when there is work, and a process that has become idle keeps what its last burst left. Needs Node's
 * `--expose-gc`, without which nothing happens.
 */
export class MemoryTidier implements Component {
  readonly name = 'memory tidier';
  readonly #clock: Clock;
  readonly #options: TidierOptions;
  #wake: () => void = () => undefined;
  #requested = false;
  /** When something last went on that a collection should not disturb. */
  #lastAt = 0;

  constructor(clock: Clock, options: TidierOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Asks for a collection once things have settled. */
  request(): void {
    this.#requested = true;
    this.postpone();
    this.#wake();
  }

  /** Something goes on that a collection, if one is asked for, should not disturb. */
  postpone(): void {
    this.#lastAt = this.#clock.monotonic();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    const live = observeLive(signal);
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#requested || signal.aborted) resolve();
      });
      const latest = this.#clock.monotonic() + longestSettleTime;
      while (!signal.aborted) {
        const left = Math.min(this.#lastAt + settleTime, latest) - this.#clock.monotonic();
        if (left <= 0) break;
        await pause(this.#clock, left, signal);
      }
      this.#requested = false;
      const { mostBytes = Number.POSITIVE_INFINITY, onCollected } = this.#options;
      if (live() > mostBytes) continue;
      // Any other collection keeps the pages that it empties.
      await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
      onCollected?.();
    }
  }
}

/** Bytes of the heap that the last full collection left; before there was one, those in use. */
function observeLive(signal: AbortSignal): () => number {
  const inUse = () => process.memoryUsage().heapUsed;
  let left: number | undefined;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (isFullCollection(entry)) left = inUse();
  });
  observer.observe({ type: 'gc' });
  signal.addEventListener('abort', () => observer.disconnect(), { once: true });
  return () => left ?? inUse();
}

function isFullCollection(entry: PerformanceEntry & { readonly detail?: unknown }): boolean {
  return (entry.detail as { readonly kind?: number } | undefined)?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}
