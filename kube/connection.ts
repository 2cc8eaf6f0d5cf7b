/** Where the API server is and how to prove who we are. Read again before use, because files rotate. */
export interface Connection {
  /** e.g. `https://10.96.0.1:443`, or `https://gateway.example.com/k8s/clusters/c-1` where it stands behind something. */
  readonly server: string;
  /** Changes whenever anything that the TLS layer uses changes. */
  readonly tls: ConnectionTls;
  /** Value of the Authorization header, if any. */
  readonly authorization?: string;
  /** Namespace that the source names (the pod's own, or the kubeconfig context's). */
  readonly namespace?: string;
}

/** PEM text; compared by value to see rotation. */
export interface ConnectionTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
}

/** Gives the current connection; called before requests, so it must be cheap (files are re-read at most once a minute). */
export interface ConnectionSource {
  read(): Promise<Connection>;
}

/** Whether two TLS settings are the same, so that a connection pool may be kept. */
export function equalTls(left: ConnectionTls, right: ConnectionTls): boolean {
  return (
    left.ca === right.ca &&
    left.cert === right.cert &&
    left.key === right.key &&
    left.serverName === right.serverName &&
    left.insecureSkipVerify === right.insecureSkipVerify
  );
}
