import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { type Clock, type Component, LateenError, type Logger, pause } from '#runtime/index.ts';
import type { CertificateAuthority } from './authority.ts';

export interface ServerKeyPair {
  /** PEM: the leaf and its intermediates, without the root. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly privateKey: string;
  /** PEM of the roots that client certificates must chain to. */
  readonly roots: string;
  /** One of the roots before is not among them: what clients have proven by then counts no longer. */
  readonly distrusts: boolean;
}

export interface ServerCertificateOptions {
  readonly authority: CertificateAuthority;
  /** Names under which the server is reached, e.g. `istiod.istio-system.svc`. */
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds; default the authority's. */
  readonly ttl?: number;
}

/** The certificate of our own servers: issued when the authority is ready, renewed at half life and when it changes. */
export class ServerCertificate implements Component {
  readonly name = 'server certificate';
  readonly #options: ServerCertificateOptions;
  readonly #listeners = new Set<(pair: ServerKeyPair) => void>();
  #current: ServerKeyPair | undefined;
  #trusted: ReadonlySet<string> = new Set();

  constructor(options: ServerCertificateOptions) {
    this.#options = options;
  }

  get current(): ServerKeyPair | undefined {
    return this.#current;
  }

  /** Calls back with every certificate from now on, and at once when there is one. Returns how to stop that. */
  onChange(listener: (pair: ServerKeyPair) => void): () => void {
    this.#listeners.add(listener);
    if (this.#current) listener(this.#current);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { authority, clock } = this.#options;
    let wake = new AbortController();
    const stopListening = authority.onChange(() => wake.abort());
    try {
      while (!signal.aborted) {
        wake = new AbortController();
        const delay = authority.ready ? this.#renew() : 3600_000;
        const either = AbortSignal.any([signal, wake.signal]);
        await pause(clock, delay, either);
      }
    } finally {
      stopListening();
    }
  }

  /** Milliseconds until the next renewal. */
  #renew(): number {
    const { authority, dnsNames, clock, logger, ttl = 0 } = this.#options;
    try {
      const { certificate, chain, privateKey } = authority.issueServer(dnsNames, ttl);
      const roots = authority.rootsPem;
      const trusted = new Set(authority.trust.roots.map((root) => root.fingerprint256));
      const distrusts = !this.#trusted.isSubsetOf(trusted);
      this.#trusted = trusted;
      const own = chain.filter((pem) => !roots.includes(pem)).join('');
      this.#current = { certificate: own, privateKey, roots, distrusts };
      for (const listener of this.#listeners) listener(this.#current);
      const lifetime = certificate.validToDate.getTime() - clock.now();
      logger.info('server certificate issued', { dnsNames, expires: certificate.validToDate.toISOString() });
      return Math.max(1000, lifetime / 2);
    } catch (error) {
      logger.error('server certificate not issued', { error: LateenError.from(error) });
      return 10_000;
    }
  }
}

/**
 * Calls back whenever a root that client certificates could chain to is accepted no more. TLS looks at certificates once, when
 * a connection begins, and Node hides from servers what else it was shown: only a new connection proves anything. Returns how
 * to stop that.
 */
export function onDistrust(server: ServerCertificate, listener: () => void): () => void {
  return server.onChange(({ distrusts }) => {
    if (distrusts) listener();
  });
}

/**
 * gRPC server credentials that follow the certificate: new connections use the newest, open ones live on. A client
 * certificate is asked for and not required; only one that chains to the roots shows up in a call's auth context.
 */
export function buildServerCredentials(server: ServerCertificate): ServerCredentials {
  const stops = new Map<unknown, () => void>();
  // grpc-js drops what a listener is told while it is being added, hence the next tick.
  const follow = (key: unknown, tell: (pair: ServerKeyPair) => void) => {
    stops.set(
      key,
      server.onChange((pair) => process.nextTick(tell, pair)),
    );
  };
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: (listener) =>
      follow(listener, ({ roots }) => listener({ caCertificate: Buffer.from(roots) })),
    removeCaCertificateListener: (listener) => stop(stops, listener),
    addIdentityCertificateListener: (listener) =>
      follow(listener, ({ certificate, privateKey }) =>
        listener({ certificate: Buffer.from(certificate), privateKey: Buffer.from(privateKey) }),
      ),
    removeIdentityCertificateListener: (listener) => stop(stops, listener),
  };
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

function stop(stops: Map<unknown, () => void>, listener: unknown): void {
  stops.get(listener)?.();
  stops.delete(listener);
}
