import type { X509Certificate } from 'node:crypto';
import { type Clock, LateenError, type PresentedCredentials } from '#runtime/index.ts';
import { KnownCertificates } from './knowncertificates.ts';
import type { Identity } from './spiffe.ts';
import { verifyPeerCertificate } from './verify.ts';

/** Whose token it is, as the API server says. */
export type TokenVerdict =
  | {
      readonly ok: true;
      readonly namespace: string;
      readonly serviceAccount: string;
      readonly pod?: { readonly name: string; readonly uid: string };
    }
  | { readonly ok: false; readonly reason: string };

/** Asks who holds a service account's token; cmd/ joins it to the TokenReview API. */
export interface TokenVerifier {
  /** The token must be for one of the audiences. Rejects with LateenError (`unavailable`) when nobody can be asked. */
  verify(token: string, audiences: readonly string[]): Promise<TokenVerdict>;
}

export type CallerVerdict =
  | {
      readonly ok: true;
      readonly identity: Identity;
      readonly proof: 'token' | 'certificate';
      /** Until when the presented certificate proves it, in milliseconds since the epoch; a token alone does not say. */
      readonly expires?: number;
    }
  | { readonly ok: false; readonly code: 'unauthenticated' | 'unavailable'; readonly reason: string };

export interface CallerAuthenticatorOptions {
  readonly tokens: TokenVerifier;
  /** Audiences of which a token must have one; Istio's is `istio-ca`. */
  readonly audiences: readonly string[];
  /** The mesh's trust domain and those that count as the same, as they are now. */
  readonly trustDomains: () => { readonly trustDomain: string; readonly aliases: readonly string[] };
  /** Roots and intermediates in force; throws LateenError (`unavailable`) while there are none. */
  readonly trust: () => { readonly roots: readonly X509Certificate[]; readonly issuers: readonly X509Certificate[] };
  readonly clock: Clock;
  /** Token verifications in flight beyond which callers are turned away; default 500. */
  readonly maxPending?: number;
}

/** A projected token has about 1 kB. */
const maxTokenLength = 16 * 1024;

/**
 * Who a caller is, by a service account's token or a certificate of this mesh, and by nothing else: no header, node
 * metadata or source address counts. Where both are presented, both must hold and agree.
 */
export class CallerAuthenticator {
  readonly #options: CallerAuthenticatorOptions;
  readonly #known = new KnownCertificates();
  #pending = 0;

  constructor(options: CallerAuthenticatorOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async authenticate(credentials: PresentedCredentials): Promise<CallerVerdict> {
    try {
      const byCertificate = credentials.chain.length > 0 ? this.#verifyCertificate(credentials.chain) : undefined;
      if (byCertificate?.ok === false) return byCertificate;
      if (credentials.authorization.length === 0)
        return byCertificate ?? refuse('neither a token nor a client certificate');
      const byToken = await this.#verifyToken(credentials.authorization);
      if (!byToken.ok || !byCertificate) return byToken;
      if (isSameWorkload(byToken.identity, byCertificate.identity))
        return { ...byToken, ...(byCertificate.expires === undefined ? {} : { expires: byCertificate.expires }) };
      return refuse('the token and the client certificate are of different workloads');
    } catch (error) {
      return { ok: false, code: 'unavailable', reason: LateenError.from(error).message };
    }
  }

  #verifyCertificate(chain: readonly Uint8Array[]): CallerVerdict {
    const { trust, clock, trustDomains } = this.#options;
    const verdict = verifyPeerCertificate(chain, { ...trust(), vouched: true }, clock.now(), (der) =>
      this.#known.parse(der),
    );
    if (!verdict.ok) return refuse(verdict.reason);
    const { trustDomain, aliases } = trustDomains();
    const own = verdict.identity.trustDomain;
    if (own !== trustDomain && !aliases.includes(own))
      return refuse('the client certificate is of another trust domain');
    // An alias is another name of the same domain, so a renewed certificate bears the one in force.
    const identity = { ...verdict.identity, trustDomain };
    return { ok: true, identity, proof: 'certificate', expires: verdict.expires };
  }

  async #verifyToken(authorization: readonly string[]): Promise<CallerVerdict> {
    const { tokens, audiences, trustDomains, maxPending = 500 } = this.#options;
    const [header = ''] = authorization;
    const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(header.slice(0, maxTokenLength + 8))?.[1];
    if (authorization.length > 1 || header.length > maxTokenLength || token === undefined)
      return refuse('the authorization header is not one bearer token');
    if (this.#pending >= maxPending) return { ok: false, code: 'unavailable', reason: 'too many callers at once' };
    this.#pending++;
    try {
      const verdict = await tokens.verify(token, audiences);
      if (!verdict.ok) return refuse(verdict.reason);
      const { namespace, serviceAccount } = verdict;
      const { trustDomain } = trustDomains();
      return { ok: true, identity: { trustDomain, namespace, serviceAccount }, proof: 'token' };
    } finally {
      this.#pending--;
    }
  }
}

function isSameWorkload(a: Identity, b: Identity): boolean {
  return a.trustDomain === b.trustDomain && a.namespace === b.namespace && a.serviceAccount === b.serviceAccount;
}

function refuse(reason: string): CallerVerdict & { ok: false } {
  return { ok: false, code: 'unauthenticated', reason };
}
