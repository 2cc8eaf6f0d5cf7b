/** The client of Istio's certificate service: a request and the pod's token, or its last certificate, in, a certificate chain out. */
import { codec } from '#wire/agent.ts';
import { callUnary } from '../grpc/unary.ts';

export interface AuthoritySettings {
  /** `host:port` of the certificate service. */
  readonly address: string;
  /** Name its certificate must carry, when it differs from the host in `address`. */
  readonly serverName: string | undefined;
  /** Kubernetes cluster id, sent as metadata so that the authority asks the right API server about the token. */
  readonly clusterId: string;
  readonly ttlSeconds: number;
  /** Milliseconds for one call. */
  readonly deadline: number;
}

export interface CertificateRequest {
  readonly csr: string;
  /** PEM of the roots that the service's own certificate must chain to. */
  readonly roots: string;
  /** Absent when the platform gives the pod none. */
  readonly token: string | undefined;
  /** A certificate that is still valid, to be renewed where there is no token. PEM; the key is never logged. */
  readonly certificate?: { readonly chain: string; readonly privateKey: string } | undefined;
  readonly signal: AbortSignal;
}

/** Resolves with PEM certificates: the leaf first, the root last. */
export type RequestCertificate = (request: CertificateRequest) => Promise<readonly string[]>;

export function connectAuthority(settings: AuthoritySettings): RequestCertificate {
  return async ({ csr, roots, token, certificate, signal }) => {
    const reply = await callUnary({
      authority: `https://${settings.address}`,
      path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
      message: codec.encode('istio.v1.auth.IstioCertificateRequest', { csr, validityDuration: settings.ttlSeconds }),
      metadata: {
        clusterid: settings.clusterId,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      connection: {
        ca: roots,
        minVersion: 'TLSv1.2',
        ...(certificate === undefined ? {} : { cert: certificate.chain, key: certificate.privateKey }),
        ...(settings.serverName ? { servername: settings.serverName } : {}),
      },
      deadline: settings.deadline,
      signal,
    });
    return codec.decode('istio.v1.auth.IstioCertificateResponse', reply).certChain ?? [];
  };
}
