/** The roots that this pod trusts: the file that the platform mounts, and what the authority named. */
import { readFile } from 'node:fs/promises';
import { type Clock, type Component, LateenError, pause } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import { parseBundle, renderBundle } from './pem.ts';

export interface TrustOptions {
  /** PEM bundle kept current by the platform (a ConfigMap volume). */
  readonly path: string;
  /** Milliseconds between looks at the file. */
  readonly interval: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the whole bundle whenever it changed. */
  readonly onChange: (bundle: string) => void;
  /** Called when the file holds other roots than before, after `onChange`. */
  readonly onFile: () => void;
}

export class TrustBundle implements Component {
  readonly name = 'trust bundle';
  readonly #options: TrustOptions;
  #file = '';
  #named = '';
  #bundle = '';
  #complained = '';

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /** PEM of every trusted root; empty until one is known. */
  get bundle(): string {
    return this.#bundle;
  }

  /** Whether any root of this PEM bundle is still in the mounted file. */
  holds(roots: string): boolean {
    const trusted = new Set(parseBundle(this.#file).map((certificate) => certificate.fingerprint256));
    return parseBundle(roots).some((certificate) => trusted.has(certificate.fingerprint256));
  }

  /** Adds the roots that the authority named with the certificate it issued; the last ones named count. */
  setNamed(roots: string): void {
    this.#named = roots;
    this.#publish();
  }

  /** Reads the file now. A missing or broken file leaves the last good one in force and is reported once. */
  async refresh(): Promise<void> {
    const { path, log } = this.#options;
    try {
      const text = await readFile(path, 'utf8');
      const certificates = parseBundle(text);
      if (certificates.length === 0) throw new LateenError('invalid', 'the file holds no certificate');
      this.#complained = '';
      const bundle = renderBundle(certificates);
      if (bundle === this.#file) return;
      this.#file = bundle;
      log.info('trusted roots read', { path, roots: certificates.length });
      this.#publish();
      this.#options.onFile();
    } catch (error) {
      const { message } = LateenError.from(error);
      if (message !== this.#complained) log.warn('trusted roots not readable', { path, error: message });
      this.#complained = message;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, interval } = this.#options;
    while (!signal.aborted) {
      await this.refresh();
      await pause(clock, interval, signal);
    }
  }

  #publish(): void {
    const bundle = renderBundle([...parseBundle(this.#file), ...parseBundle(this.#named)]);
    if (bundle === this.#bundle || bundle === '') return;
    this.#bundle = bundle;
    this.#options.onChange(bundle);
  }
}
