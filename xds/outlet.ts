/** The way of responses to one peer. What it has not read counts against what the process may have on the way. */
import type { DiscoveryCall } from './context.ts';
import type { Pacer } from './pacer.ts';
import type { EncodedResponse } from './response.ts';
import { type DirectCall, directCallOf } from './sharing.ts';

/** Bytes that were written and have not drained. */
interface Undrained {
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly since: number;
}

export class Outlet {
  readonly #call: DiscoveryCall;
  readonly #direct: DirectCall | undefined;
  readonly #pacer: Pacer;
  /** They drain in the order in which they were written. */
  readonly #undrained: Undrained[] = [];
  readonly #drained: () => void;

  constructor(call: DiscoveryCall, pacer: Pacer) {
    this.#call = call;
    this.#direct = directCallOf(call);
    this.#pacer = pacer;
    this.#drained = () => {
      const oldest = this.#undrained.shift();
      if (oldest !== undefined) pacer.drained(oldest.bytes);
    };
  }

  /** `now`: on the monotonic clock. */
  write(encoded: EncodedResponse, now: number): void {
    this.#pacer.handed(encoded.size);
    this.#undrained.push({ bytes: encoded.size, since: now });
    if (this.#direct?.writeSmall(encoded, this.#drained) === true) return;
    this.#call.write(encoded, this.#drained);
  }

  /** Since when the oldest of the bytes wait that the peer has not read; undefined: it has read all. */
  get waitingSince(): number | undefined {
    return this.#undrained[0]?.since;
  }

  /** Bytes for a peer that is gone are reported by nobody. */
  close(): void {
    for (const { bytes } of this.#undrained.splice(0)) this.#pacer.drained(bytes);
  }
}
