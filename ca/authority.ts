import { createPublicKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import {
  type Backoff,
  backoffDelay,
  type Clock,
  type Component,
  LateenError,
  type Logger,
  pause,
} from '#runtime/index.ts';
import { type CaBundle, mintSelfSigned, parseCaFiles, renderCaFiles } from './bundle.ts';
import { buildCertificate, type NameAttribute } from './certificate.ts';
import type { CaMetrics } from './metrics.ts';
import type { RootStore } from './rootstore.ts';
import { type Identity, renderSpiffeId } from './spiffe.ts';

export interface AuthorityOptions {
  readonly store: RootStore;
  /** Organization of a root that has to be made. */
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CaMetrics;
  /** In [0, 1). */
  readonly random: () => number;
  /** Milliseconds; default 24 h. */
  readonly defaultTtl?: number;
  /** Milliseconds; a longer request is clamped. Default 90 days. */
  readonly maxTtl?: number;
  /** Milliseconds between looks at the store; default one minute. */
  readonly interval?: number;
}

export interface IssuedCertificate {
  /** PEM: the leaf first, the root last. */
  readonly chain: readonly string[];
  readonly certificate: X509Certificate;
}

export interface IssuedKeyPair extends IssuedCertificate {
  /** PKCS #8 PEM. */
  readonly privateKey: string;
}

const hour = 3600 * 1000;
/** Clocks of pods may be behind ours by this much. */
const backDate = 2 * 60 * 1000;
const retry: Backoff = { baseMs: 500, maxMs: 30_000 };

/**
 * The certificate authority. It holds one signing key in memory from the first successful look at the store on, and goes
 * on with it whatever happens to the store: a root is made only when there has never been one, in the store or in memory.
 */
export class CertificateAuthority implements Component {
  readonly name = 'certificate authority';
  readonly #options: AuthorityOptions;
  readonly #listeners = new Set<() => void>();
  #bundle: CaBundle | undefined;
  #complained = '';

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#bundle !== undefined;
  }

  /** What verifies certificates of this mesh. Throws LateenError (`unavailable`) until `ready`. */
  get trust(): { readonly roots: readonly X509Certificate[]; readonly issuers: readonly X509Certificate[] } {
    const { roots, intermediates } = this.#ready();
    return { roots, issuers: intermediates };
  }

  /** PEM of all roots, for the pods' root certificate file and for caBundle. */
  get rootsPem(): string {
    return this.trust.roots.map((root) => root.toString()).join('');
  }

  /** Calls back when the signing certificate or the roots changed, the first time included. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A certificate for one identity; `ttl` in milliseconds, 0 for the default. */
  issueWorkload(
    identity: Identity,
    publicKey: KeyObject,
    ttl = 0,
    subject: readonly NameAttribute[] = [],
  ): IssuedCertificate {
    return this.#issue(publicKey, { uris: [renderSpiffeId(identity)] }, ttl, subject);
  }

  /** A key and certificate for a server of our own. */
  issueServer(dnsNames: readonly string[], ttl = 0): IssuedKeyPair {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issued = this.#issue(publicKey, { dnsNames }, ttl, []);
    return { ...issued, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, interval = 60_000 } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      failures = (await this.refresh()) || this.ready ? 0 : failures + 1;
      const delay = failures > 0 ? backoffDelay(retry, failures, random) : interval;
      await pause(clock, delay, signal);
    }
  }

  /** Looks at the store now. Resolves false, with an alarm in the log, when the store doesn't hold what is in use. */
  async refresh(): Promise<boolean> {
    const { logger, metrics } = this.#options;
    try {
      await this.#load();
      if (this.#complained !== '') logger.info('the stored certificate authority is in order again');
      this.#complained = '';
    } catch (error) {
      const failure = LateenError.from(error);
      if (this.#complained !== failure.message) {
        logger.error('the stored certificate authority cannot be used', { error: failure, signing: this.ready });
      }
      this.#complained = failure.message;
    }
    metrics.storeHealthy.set({}, this.#complained === '' ? 1 : 0);
    return this.#complained === '';
  }

  async #load(): Promise<void> {
    const { store, clock, trustDomain, logger } = this.#options;
    const plugged = await store.readPlugged();
    const stored = plugged ?? (await store.read());
    if (stored) {
      this.#adopt(parseCaFiles(stored, clock.now()));
      return;
    }
    // Gone while in use: another replica would make a second root when it starts, so ours goes back.
    const bundle = this.#bundle ?? mintSelfSigned(trustDomain, clock.now());
    if (this.#bundle) logger.error('the stored certificate authority was deleted; storing the one in use');
    const outcome = await store.create(renderCaFiles(bundle));
    if (outcome === 'created') {
      this.#adopt(bundle);
      return;
    }
    const first = await store.read();
    if (!first) throw new LateenError('unavailable', 'another replica stored a root, which is gone already');
    this.#adopt(parseCaFiles(first, clock.now()));
  }

  #adopt(next: CaBundle): void {
    const current = this.#bundle;
    const known = new Set(current?.roots.map((root) => root.fingerprint256));
    if (current && !next.roots.some((root) => known.has(root.fingerprint256))) {
      throw new LateenError(
        'conflict',
        'the store holds another root than the one in use; workloads would not trust each other',
      );
    }
    if (current && isSame(current, next)) return;
    this.#bundle = next;
    const { metrics, logger } = this.#options;
    const expiry = Math.min(...next.roots.map((root) => root.validToDate.getTime()));
    metrics.rootExpiry.set({}, expiry / 1000);
    metrics.chainExpiry.set({}, next.certificate.validToDate.getTime() / 1000);
    logger.info('certificate authority in force', {
      subject: next.certificate.subject,
      fingerprint: next.certificate.fingerprint256,
      selfSigned: next.intermediates.length === 0,
      rootExpires: new Date(expiry).toISOString(),
    });
    for (const listener of this.#listeners) listener();
  }

  #ready(): CaBundle {
    if (!this.#bundle) throw new LateenError('unavailable', 'the certificate authority is not ready');
    return this.#bundle;
  }

  #issue(
    publicKey: KeyObject,
    names: { uris?: readonly string[]; dnsNames?: readonly string[] },
    ttl: number,
    subject: readonly NameAttribute[],
  ): IssuedCertificate {
    const { privateKey, certificate: issuer, intermediates, roots } = this.#ready();
    const { clock, defaultTtl = 24 * hour, maxTtl = 90 * 24 * hour } = this.#options;
    const now = clock.now();
    const authorityEnd = issuer.validToDate.getTime();
    if (authorityEnd <= now)
      throw new LateenError('unavailable', `the signing certificate expired at ${issuer.validTo}`);
    const notAfter = Math.min(now + Math.min(ttl > 0 ? ttl : defaultTtl, maxTtl), authorityEnd);
    const certificate = buildCertificate(
      { publicKey, subject, notBefore: now - backDate, notAfter, names, authority: false },
      { privateKey, certificate: issuer },
    );
    return { certificate, chain: [certificate, ...intermediates, ...roots].map((member) => member.toString()) };
  }
}

function isSame(a: CaBundle, b: CaBundle): boolean {
  const key = (bundle: CaBundle) => [
    createPublicKey(bundle.privateKey).export({ type: 'spki', format: 'pem' }),
    ...[bundle.certificate, ...bundle.intermediates, ...bundle.roots].map((member) => member.fingerprint256),
  ];
  return key(a).join() === key(b).join();
}
