/** Callers of a mesh of tests, who prove themselves by certificates of its authority alone. */
import { CallerAuthenticator, type CertificateAuthority } from '#ca/index.ts';
import { systemClock } from '#runtime/index.ts';

export function createCertificateCallers(authority: Pick<CertificateAuthority, 'trust'>): CallerAuthenticator {
  return new CallerAuthenticator({
    tokens: { verify: async () => ({ ok: false, reason: 'no tokens here' }) },
    audiences: ['istio-ca'],
    trustDomains: () => ({ trustDomain: 'cluster.local', aliases: [] }),
    trust: () => authority.trust,
    clock: systemClock,
  });
}
