import { generateKeyPairSync } from 'node:crypto';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { type AuthorityOptions, CertificateAuthority } from '../authority.ts';
import { declareCaMetrics } from '../metrics.ts';
import { MemoryStore } from './store.ts';

/** The authority of the mesh `cluster.local`, with a store in memory that is its own. It is not ready yet. */
export function makeAuthority(options: Partial<AuthorityOptions> = {}): CertificateAuthority {
  return new CertificateAuthority({
    store: new MemoryStore(),
    trustDomain: 'cluster.local',
    clock: systemClock,
    logger: silentLogger,
    metrics: declareCaMetrics(createMetrics()),
    random: Math.random,
    ...options,
  });
}

/** One that is ready to issue. */
export async function openAuthority(options: Partial<AuthorityOptions> = {}): Promise<CertificateAuthority> {
  const authority = makeAuthority(options);
  await authority.refresh();
  return authority;
}

export interface WorkloadCredentials {
  /** PEM: the leaf first. */
  readonly chain: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

/** A key of a workload of the mesh and its certificate; `ttl` in milliseconds, 0 for the default. */
export function issueCredentials(
  authority: CertificateAuthority,
  { namespace = 'default', serviceAccount = 'default' } = {},
  ttl = 0,
): WorkloadCredentials {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { chain } = authority.issueWorkload(
    { trustDomain: 'cluster.local', namespace, serviceAccount },
    publicKey,
    ttl,
  );
  return { chain: chain.join(''), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
