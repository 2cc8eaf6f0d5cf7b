/** Secrets that DestinationRules name. */
import { rootsNameOf, secretName } from '../../secretnames.ts';
import type { ClientTLSSettings, DestinationRuleSpec, TrafficPolicy } from '../../specs.ts';
import type { CertificateOrigin, RootsOrigin } from '../../types/resolved.ts';

/** The Secret that TLS towards a destination names, where TLS uses one. */
export function credentialOf(tls: ClientTLSSettings | undefined): string | undefined {
  return tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL' ? tls.credentialName || undefined : undefined;
}

export interface ClientCredentials {
  readonly clientCertificate?: CertificateOrigin;
  readonly caCertificates?: RootsOrigin;
}

/** What of a Secret a client shows, and what it checks servers against. */
export function resolveCredential(name: string, { mode }: ClientTLSSettings): ClientCredentials {
  return {
    ...(mode === 'MUTUAL' ? { clientCertificate: { secret: secretName(name) } } : {}),
    caCertificates: { secret: secretName(rootsNameOf(name)) },
  };
}

/** Every TLS setting of a rule that names a Secret, with its path. */
export function findCredentials(
  spec: Pick<DestinationRuleSpec, 'trafficPolicy' | 'subsets'>,
): readonly { readonly path: string; readonly name: string; readonly tls: ClientTLSSettings }[] {
  const ofPolicy = (policy: TrafficPolicy | undefined, path: string) => [
    { tls: policy?.tls, path },
    ...(policy?.portLevelSettings ?? []).map(({ tls }, at) => ({ tls, path: `${path}.portLevelSettings[${at}]` })),
  ];
  return [
    ...ofPolicy(spec.trafficPolicy, 'spec.trafficPolicy'),
    ...(spec.subsets ?? []).flatMap(({ trafficPolicy }, at) =>
      ofPolicy(trafficPolicy, `spec.subsets[${at}].trafficPolicy`),
    ),
  ].flatMap(({ tls, path }) => {
    const name = credentialOf(tls);
    return tls === undefined || name === undefined ? [] : [{ path: `${path}.tls.credentialName`, name, tls }];
  });
}

/** Names of what the rule's users need of Secrets. */
export function secretsOfRule(spec: DestinationRuleSpec): readonly string[] {
  const names = findCredentials(spec).flatMap(({ name, tls }) => [
    ...(tls.mode === 'MUTUAL' ? [name] : []),
    ...(tls.insecureSkipVerify ? [] : [rootsNameOf(name)]),
  ]);
  return [...new Set(names)];
}
