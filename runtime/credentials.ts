/** What somebody who calls over the network presents to prove who it is. */
export interface PresentedCredentials {
  /** Values of the `authorization` header, all of them. */
  readonly authorization: readonly string[];
  /**
   * DER of the client certificate. Empty unless TLS has verified, when the connection began, that it leads to a root that
   * was accepted then.
   */
  readonly chain: readonly Uint8Array[];
}

/** As much of a gRPC call as is read. */
interface Call {
  readonly metadata: { get(name: string): readonly (string | Uint8Array)[] };
  /** Holds a certificate only where TLS has verified it. */
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Uint8Array } } | null;
}

/** What a gRPC call presents. */
export function readCredentials(call: Call): PresentedCredentials {
  const certificate = call.getAuthContext()?.sslPeerCertificate?.raw;
  return {
    authorization: call.metadata.get('authorization').map(String),
    chain: certificate === undefined ? [] : [certificate],
  };
}
