import type { Worker } from 'node:worker_threads';
import type { Arrival } from './proxies.ts';

interface Wait {
  /** Proxies that are still to come. */
  left: number;
  readonly seen: Set<number>;
  readonly counts: (arrival: Arrival) => boolean;
  readonly resolve: (at: number) => void;
}

/** What the simulated proxies have told so far, and waiting for all of them. */
export class Arrivals {
  #bytes = 0;
  #worker: Worker | undefined;
  #waits: Wait[] = [];

  attach(worker: Worker): void {
    this.#worker = worker;
  }

  readonly add = (arrival: Arrival): void => {
    this.#bytes += arrival.bytes;
    for (const wait of this.#waits) {
      if (!wait.counts(arrival) || wait.seen.has(arrival.proxy)) continue;
      wait.seen.add(arrival.proxy);
      wait.left -= 1;
      if (wait.left === 0) wait.resolve(arrival.at);
    }
    this.#waits = this.#waits.filter(({ left }) => left > 0);
  };

  /** Bytes of resources so far, all proxies together. */
  bytes(): number {
    return this.#bytes;
  }

  /** When the last of so many proxies had all that it asked for. */
  untilComplete(proxies: number, signal: AbortSignal): Promise<number> {
    return this.#wait(proxies, ({ complete }) => complete, signal);
  }

  /** When the last of so many proxies got a response of that type, counted from now. */
  untilAllGot(typeUrl: string, proxies: number, signal: AbortSignal): Promise<number> {
    return this.#wait(proxies, (arrival) => arrival.typeUrl === typeUrl, signal);
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #wait(left: number, counts: Wait['counts'], signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#waits.push({ left, seen: new Set(), counts, resolve });
    });
  }
}
