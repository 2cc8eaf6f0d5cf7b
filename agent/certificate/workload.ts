/** Keeps the workload's certificate fresh: a new key and request at half life, or at once when its root is no longer trusted. */
import { type Clock, type Component, LateenError, pause } from '#runtime/core/index.ts';
import { Backoff } from '../backoff.ts';
import type { Logger } from '../log.ts';
import type { RequestCertificate } from './authority.ts';
import { buildCsr, generateKey } from './csr.ts';
import { type HeldCertificate, readHeld, readToken } from './held.ts';
import { type IssuedCertificate, parseIssued, resolveRenewal } from './issued.ts';

export interface WorkloadCertificateOptions {
  /** SPIFFE id to ask for; the authority decides by the token what the certificate says. */
  readonly uri: string;
  readonly request: RequestCertificate;
  /** PEM roots for the authority's own certificate; read at each attempt. */
  readonly readRoots: () => Promise<string>;
  /** File with the projected service-account token; read at each attempt because the kubelet replaces it. */
  readonly tokenPath: string;
  /** Folder with a certificate to be renewed where there is no token; read at each attempt without a better one. */
  readonly heldPath?: string | undefined;
  readonly grace: { readonly ratio: number; readonly spread: number };
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly onIssued: (issued: IssuedCertificate) => void;
  readonly onFailure: () => void;
}

/** Milliseconds. */
const longestSleep = 3600_000;

export class WorkloadCertificate implements Component {
  readonly name = 'workload certificate';
  readonly #options: WorkloadCertificateOptions;
  readonly #refused: Backoff;
  readonly #absent: Backoff;
  #wake: AbortController = new AbortController();
  #renew = false;
  #held: HeldCertificate | undefined;

  constructor(options: WorkloadCertificateOptions) {
    this.#options = options;
    this.#refused = new Backoff(200, 10_000, options.random);
    this.#absent = new Backoff(200, 2_000, options.random);
  }

  /** Asks for a new certificate now, instead of at half life or after the current back-off. */
  renew(): void {
    this.#renew = true;
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#renew = false;
      const delay = await this.#attempt(signal);
      if (!signal.aborted && !this.#renew) await this.#sleep(delay, signal);
    }
  }

  /** One attempt; gives the milliseconds until the next. */
  async #attempt(signal: AbortSignal): Promise<number> {
    const { clock, log, random, grace, uri } = this.#options;
    try {
      const issued = await this.#issue(signal);
      this.#refused.reset();
      this.#absent.reset();
      this.#held = issued;
      this.#options.onIssued(issued);
      const now = clock.now();
      const renewal = resolveRenewal(issued, grace, random() * 2 - 1);
      const delay = Math.max(1000, renewal - now);
      log.info('workload certificate issued', {
        uri,
        expires: new Date(issued.notAfter).toISOString(),
        renewsInSeconds: Math.round(delay / 1000),
      });
      return delay;
    } catch (error) {
      const cause = LateenError.from(error);
      if (signal.aborted) return 0;
      // A whole mesh comes up at once and waits for its authority; asking one that is not there costs it nothing.
      const delay = (cause.code === 'unavailable' ? this.#absent : this.#refused).next();
      this.#options.onFailure();
      log.warn('workload certificate not issued', {
        code: cause.code,
        error: cause.message,
        attempt: this.#refused.attempts + this.#absent.attempts,
        retryInMs: delay,
      });
      return delay;
    }
  }

  async #issue(signal: AbortSignal): Promise<IssuedCertificate> {
    const { request, readRoots, tokenPath, clock, uri } = this.#options;
    const roots = await readRoots();
    if (roots === '') throw new LateenError('unavailable', 'no trusted root yet');
    const token = await readToken(tokenPath, clock.now());
    const certificate = token === undefined ? await this.#findHeld() : undefined;
    if (token === undefined && certificate === undefined)
      throw new LateenError(
        'unauthenticated',
        `${tokenPath} holds no valid token, and there is no certificate to renew`,
      );
    const privateKey = await generateKey();
    const chain = await request({ csr: buildCsr(privateKey, uri), roots, token, certificate, signal });
    return parseIssued(chain, privateKey, uri, clock.now());
  }

  /** The last certificate, or the one that an earlier run left behind, while it is valid. */
  async #findHeld(): Promise<HeldCertificate | undefined> {
    const { heldPath, clock } = this.#options;
    const isValid = (held: HeldCertificate | undefined) => held !== undefined && held.notAfter > clock.now();
    if (isValid(this.#held)) return this.#held;
    const held = heldPath === undefined ? undefined : await readHeld(heldPath);
    return isValid(held) ? held : undefined;
  }

  /** In steps, by the wall clock: a timer stands still while the machine sleeps. */
  async #sleep(delay: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#wake = new AbortController();
    const either = AbortSignal.any([signal, this.#wake.signal]);
    const end = clock.now() + delay;
    for (let rest = delay; rest > 0 && !either.aborted; rest = end - clock.now()) {
      await pause(clock, Math.min(rest, longestSleep), either);
    }
  }
}
