/**
 * Names of secrets that are files in the proxy's container, as Istio's control plane writes them: `file-cert:CERTIFICATE~KEY`,
 * `file-root:PATH`, and `file-root:system` for the public roots that the image carries; and `~FILE` behind either of these for
 * the list of what the roots have revoked.
 */

export type FileSecret =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'roots'; readonly paths: readonly string[]; readonly crl?: string };

const certificatePrefix = 'file-cert:';
const rootPrefix = 'file-root:';

/** Where distributions keep the public roots. */
const systemRoots = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const;

/** Undefined for a name that stands for no file. */
export function parseFileSecret(name: string): FileSecret | undefined {
  if (name.startsWith(rootPrefix)) {
    const [path, crl, ...rest] = name.slice(rootPrefix.length).split('~');
    if (!path || crl === '' || rest.length > 0) return undefined;
    return { kind: 'roots', paths: path === 'system' ? systemRoots : [path], ...(crl === undefined ? {} : { crl }) };
  }
  if (!name.startsWith(certificatePrefix)) return undefined;
  const [certificate, key, ...rest] = name.slice(certificatePrefix.length).split('~');
  return certificate && key && rest.length === 0 ? { kind: 'certificate', certificate, key } : undefined;
}
