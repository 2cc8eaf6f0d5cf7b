import type { TlsSecret } from '#model/index.ts';
import { type ClusterContext, parseOrigin, type SecretObject } from './objects.ts';

/**
 * Certificate, key and roots of a Secret, under the names that Kubernetes (`tls.crt`, `tls.key`, `ca.crt`) or Istio's
 * generic form (`cert`, `key`, `cacert`) use; undefined when it holds none of them.
 */
export function parseTlsSecret(object: SecretObject, context: ClusterContext): TlsSecret | undefined {
  const data = object.data ?? {};
  const read = (...names: readonly string[]): Uint8Array | undefined => {
    const found = names.map((name) => data[name]).find((value) => value !== undefined && value !== '');
    return found === undefined ? undefined : Buffer.from(found, 'base64');
  };
  const certificateChain = read('tls.crt', 'cert');
  const privateKey = read('tls.key', 'key');
  const caCertificates = read('ca.crt', 'cacert');
  if (certificateChain === undefined && caCertificates === undefined) return undefined;
  return {
    ...parseOrigin(object, context.clusterId),
    generation: 0,
    certificateChain: certificateChain ?? new Uint8Array(),
    privateKey: privateKey ?? new Uint8Array(),
    ...(caCertificates === undefined ? {} : { caCertificates }),
  };
}
