/**
 * Whether the peer is there when something is sent to it. The kernel does not ask while data is under way, but sends that again
 * and again, for a quarter of an hour.
 */
import type { ClientHttp2Session } from 'node:http2';

export class Pulse {
  readonly #session: ClientHttp2Session;
  /** Milliseconds. */
  readonly #timeout: number;
  readonly #onSilence: () => void;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** Something was sent after the question that is under way. */
  #again = false;

  constructor(session: ClientHttp2Session, timeout: number, onSilence: () => void) {
    this.#session = session;
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /** Asks for a sign of life; before there is a connection nothing is asked. */
  check(): void {
    if (this.#session.connecting || this.#session.destroyed) return;
    if (this.#waiting !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#waiting = setTimeout(this.#onSilence, this.#timeout);
    this.#session.ping(() => {
      this.stop();
      if (this.#again) this.check();
    });
  }

  stop(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }
}
