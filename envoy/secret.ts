import type { Message } from '#wire/index.ts';
import { SDS_SOURCE } from './bootstrap/index.ts';
import { KUBERNETES_SECRET_PREFIX, WORKLOAD_CERTIFICATE, WORKLOAD_ROOTS } from './names.ts';
import { buildDuration } from './values.ts';

type SdsSecretConfig = Message<'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig'>;

/** How long a cluster or listener waits for a secret that may not exist before it counts as warm without it. */
const OPTIONAL_SECRET_MS = 10_000;

/**
 * Where a secret comes from: Kubernetes Secrets from the control plane, everything else (the workload's own certificate
 * and roots, files of the image) from the agent beside the proxy, so that certificates do not depend on the control
 * plane's stream. Without its own certificate and roots a proxy waits; there is nothing that it could do instead.
 */
export function buildSecretConfig(name: string): SdsSecretConfig {
  const own = name === WORKLOAD_CERTIFICATE || name === WORKLOAD_ROOTS;
  const initialFetchTimeout = buildDuration(own ? 0 : OPTIONAL_SECRET_MS);
  if (name.startsWith(KUBERNETES_SECRET_PREFIX)) {
    return { name, sdsConfig: { ads: {}, resourceApiVersion: 'V3', initialFetchTimeout } };
  }
  return {
    name,
    sdsConfig: {
      apiConfigSource: SDS_SOURCE,
      resourceApiVersion: 'V3',
      initialFetchTimeout,
    },
  };
}

/** A certificate with its key, as SDS serves it; PEM bytes. */
export function buildCertificateSecret(
  name: string,
  pair: { readonly certificateChain: Uint8Array; readonly privateKey: Uint8Array },
): Message<'envoy.extensions.transport_sockets.tls.v3.Secret'> {
  return {
    name,
    tlsCertificate: {
      certificateChain: { inlineBytes: pair.certificateChain },
      privateKey: { inlineBytes: pair.privateKey },
    },
  };
}

/** Roots to check peers against, and what they have revoked, as SDS serves them; PEM bytes. */
export function buildRootsSecret(
  name: string,
  { caCertificates, crl }: { readonly caCertificates: Uint8Array; readonly crl?: Uint8Array },
): Message<'envoy.extensions.transport_sockets.tls.v3.Secret'> {
  const revoked = crl === undefined ? {} : { crl: { inlineBytes: crl } };
  return { name, validationContext: { trustedCa: { inlineBytes: caCertificates }, ...revoked } };
}
