/** The way of responses to one peer. What it has not read counts against what the process may have on the way. */
import type { DiscoveryCall } from './context.ts';
import type { Pacer } from './pacer.ts';
import type { EncodedResponse } from './response.ts';

export class Outlet {
  readonly #call: DiscoveryCall;
  readonly #pacer: Pacer;
  /** What to call for written bytes that have not drained, and since when they wait. */
  readonly #undrained = new Map<() => void, number>();

  constructor(call: DiscoveryCall, pacer: Pacer) {
    this.#call = call;
    this.#pacer = pacer;
  }

  /** `now`: on the monotonic clock. */
  write(encoded: EncodedResponse, now: number): void {
    const release = this.#pacer.handed(encoded.size);
    this.#undrained.set(release, now);
    this.#call.write(encoded, () => {
      this.#undrained.delete(release);
      release();
    });
  }

  /** Since when the oldest of the bytes wait that the peer has not read; undefined: it has read all. */
  get waitingSince(): number | undefined {
    if (this.#undrained.size === 0) return undefined;
    const [oldest] = this.#undrained.values();
    return oldest;
  }

  /** Bytes for a peer that is gone are reported by nobody. */
  close(): void {
    for (const release of this.#undrained.keys()) release();
    this.#undrained.clear();
  }
}
