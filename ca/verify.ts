import { X509Certificate } from 'node:crypto';
import { rememberPairs } from '#runtime/core/index.ts';
import { isIssuedBy } from './bundle.ts';
import { oids } from './oids.ts';
import { type Identity, parseSpiffeId } from './spiffe.ts';

export type PeerVerdict =
  | {
      readonly ok: true;
      readonly identity: Identity;
      /** When the leaf stops being valid, in milliseconds since the epoch. */
      readonly expires: number;
    }
  | { readonly ok: false; readonly reason: string };

const maxChain = 6;

export interface Trust {
  readonly roots: readonly X509Certificate[];
  readonly issuers?: readonly X509Certificate[];
  /**
   * TLS has verified the path from the leaf to a root. It has seen the certificates that came along, which Node hides from
   * servers, so an issuer that nobody here knows, such as an intermediate that was replaced since, counts on its word.
   */
  readonly vouched?: boolean;
}

/** Signatures of those that are shown again are not checked again. */
const isSignedBy = rememberPairs(isIssuedBy);

const parseCertificate = (der: Uint8Array) => new X509Certificate(der);

/**
 * Who the holder of a certificate is. `chain` is DER, the leaf first; `issuers` are certificates that may stand between it
 * and a root besides those in the chain. The identity is the leaf's only name, and every certificate up to a root is valid
 * at `now` (milliseconds). Possession of the key is TLS's business. `parse` may give back a certificate that it parsed before,
 * and throws when it can't. Never throws.
 */
export function verifyPeerCertificate(
  chain: readonly Uint8Array[],
  trust: Trust,
  now: number,
  parse = parseCertificate,
): PeerVerdict {
  if (chain.length === 0 || chain.length > maxChain)
    return { ok: false, reason: `a chain of ${chain.length} certificates` };
  const certificates = parseChain(chain, parse);
  const [leaf, ...rest] = certificates ?? [];
  if (!leaf) return { ok: false, reason: 'a certificate does not parse' };
  const identity = parseSpiffeId(/^URI:([^,\s"]+)$/.exec(leaf.subjectAltName ?? '')?.[1] ?? '');
  if (!identity) return { ok: false, reason: 'the only name of the certificate must be a SPIFFE id' };
  if (leaf.ca) return { ok: false, reason: 'the certificate is an authority' };
  if (!leaf.keyUsage?.includes(oids.clientAuth))
    return { ok: false, reason: 'the certificate is not for client authentication' };
  const reason = checkPath(leaf, { ...trust, issuers: [...rest, ...(trust.issuers ?? [])] }, now);
  return reason === undefined ? { ok: true, identity, expires: leaf.validToDate.getTime() } : { ok: false, reason };
}

function parseChain(
  chain: readonly Uint8Array[],
  parse: (der: Uint8Array) => X509Certificate,
): readonly X509Certificate[] | undefined {
  try {
    return chain.map((der) => parse(der));
  } catch {
    // Node says no more than that it does not parse.
    return undefined;
  }
}

/** Why there is no path from the leaf to a root, undefined when there is one. */
function checkPath(
  leaf: X509Certificate,
  { roots, issuers = [], vouched = false }: Trust,
  now: number,
): string | undefined {
  let current = leaf;
  for (let depth = 0; depth < maxChain; depth++) {
    const child = current;
    if (child.validFromDate.getTime() > now) return `the certificate is not valid before ${child.validFrom}`;
    if (child.validToDate.getTime() <= now) return `the certificate expired at ${child.validTo}`;
    const root = roots.find((candidate) => isSignedBy(child, candidate));
    if (root) return root.validToDate.getTime() > now ? undefined : `the root expired at ${root.validTo}`;
    const issuer = issuers.find((candidate) => candidate !== child && isSignedBy(child, candidate));
    if (!issuer) {
      // Whose issuer is known by name and key, and has not signed it, is nobody's word good for.
      const isForged = [...roots, ...issuers].some((candidate) => candidate !== child && child.checkIssued(candidate));
      return vouched && !isForged ? undefined : 'the certificate is not signed by a trusted root';
    }
    current = issuer;
  }
  return 'the chain is too long';
}
