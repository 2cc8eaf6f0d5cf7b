import type { Locality, SourceRef } from './identity.ts';
import type { Families } from './proxy.ts';

/**
 * Resolved values: every decision is taken, nothing is spelled. envoy/ turns each into one Envoy message.
 * Durations are milliseconds, weights are integers, names of clusters are structured and spelled by envoy/names.
 */

/** `outbound|80|v1|reviews.default.svc.cluster.local` and its inbound twin. */
export type ClusterName =
  | { readonly direction: 'outbound'; readonly port: number; readonly subset: string; readonly hostname: string }
  | { readonly direction: 'inbound'; readonly port: number }
  | {
      readonly direction: 'special';
      readonly name:
        | 'PassthroughCluster'
        | 'BlackHoleCluster'
        | 'InboundPassthroughCluster'
        | 'AllowAnyDynamicDNSCluster';
    };

export type LoadBalancing = 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM' | 'PASSTHROUGH';

/** What to speak to the upstream at layer 7. `downstream`: the same HTTP version as the caller used. */
export type UpstreamProtocol = 'tcp' | 'http1' | 'http2' | 'downstream';

export type UpstreamTls =
  | { readonly kind: 'none' }
  /** mTLS to endpoints whose metadata says they accept it, plaintext to the others. */
  | {
      readonly kind: 'auto-mtls';
      readonly sni: string;
      readonly subjectAltNames: readonly string[];
      readonly alpn: 'tcp' | 'http' | 'auto';
    }
  | {
      readonly kind: 'istio-mutual';
      readonly sni: string;
      readonly subjectAltNames: readonly string[];
      readonly alpn: 'tcp' | 'http' | 'auto';
    }
  | {
      readonly kind: 'tls';
      readonly sni: string;
      readonly subjectAltNames: readonly string[];
      readonly clientCertificate?: CertificateOrigin;
      readonly caCertificates?: RootsOrigin;
      readonly insecureSkipVerify: boolean;
    };

/** An SDS name (`kubernetes://secret`), or files inside the proxy. */
export type CertificateOrigin =
  | { readonly secret: string }
  | { readonly certificate: string; readonly privateKey: string };

/**
 * Roots with what they have revoked, where there is a list: an SDS name, or files inside the proxy. Without a file those of
 * the system.
 */
export type RootsOrigin = { readonly secret: string } | { readonly file?: string; readonly crl?: string };

export interface Endpoint {
  /** An IP address, `unix://` and a socket, or a host name where names are looked up. */
  readonly address: string;
  /** The same endpoint in the other address family (dual stack); empty otherwise. */
  readonly additionalAddresses: readonly string[];
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
  readonly draining: boolean;
  readonly acceptsMtls: boolean;
  /** For telemetry: `name;namespace;canonical name;canonical revision;cluster`. */
  readonly workload: string;
}

export interface LocalityEndpoints {
  readonly locality: Locality;
  readonly priority: number;
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

/** How Envoy looks up names. */
export interface Lookup {
  readonly families: Families;
  /** How often a name is asked for again when its answer doesn't say. */
  readonly refreshMs: number;
}

/** The endpoints of one cluster (port and subset of a service). */
export interface EndpointGroup {
  readonly cluster: ClusterName;
  readonly localities: readonly LocalityEndpoints[];
  readonly sources: readonly SourceRef[];
}

export interface Cluster {
  readonly name: ClusterName;
  readonly discovery: /** `placed`: which endpoints it has depends on where the client runs. */
    | { readonly kind: 'eds'; readonly placed?: true }
    /** Without a port the one that the client chose. */
    | { readonly kind: 'original-dst'; readonly port?: number }
    | { readonly kind: 'static'; readonly endpoints: EndpointGroup }
    | { readonly kind: 'strict-dns' | 'logical-dns'; readonly endpoints: EndpointGroup; readonly lookup: Lookup }
    /** The host that each request or TLS connection names, looked up when it comes. */
    | { readonly kind: 'dynamic-dns'; readonly lookup: Lookup };
  readonly connectTimeoutMs: number;
  readonly loadBalancing: LoadBalancing;
  readonly protocol: UpstreamProtocol;
  readonly tls: UpstreamTls;
  readonly connectionPool?: {
    readonly maxConnections?: number;
    readonly maxPendingRequests?: number;
    readonly maxRequests?: number;
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
    readonly idleTimeoutMs?: number;
    readonly tcpKeepalive?: { readonly probes?: number; readonly timeMs?: number; readonly intervalMs?: number };
  };
  readonly outlierDetection?: {
    readonly consecutive5xx?: number;
    readonly consecutiveGatewayErrors?: number;
    readonly consecutiveLocalOriginFailures?: number;
    readonly splitExternalLocalOriginErrors?: boolean;
    readonly intervalMs?: number;
    readonly baseEjectionTimeMs?: number;
    readonly maxEjectionPercent?: number;
    readonly minHealthPercent?: number;
  };
  /** The service it serves, for telemetry metadata (`host`, `name`, `namespace`). */
  readonly service?: { readonly hostname: string; readonly name: string; readonly namespace: string };
  /** Where inbound traffic comes from, one for each address family (e.g. 127.0.0.6), so that iptables leaves it alone. */
  readonly upstreamBindAddresses?: readonly string[];
  readonly sources: readonly SourceRef[];
}

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  /** RE2 syntax, checked before it gets here. */
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export interface NamedMatch {
  readonly name: string;
  readonly match: StringMatch;
  readonly invert: boolean;
}

export interface RouteMatch {
  /** `prefix: '/'` matches everything. */
  readonly path: Exclude<StringMatch, { kind: 'suffix' } | { kind: 'present' }>;
  readonly ignoreCase: boolean;
  /** Including :method, :authority and :scheme. */
  readonly headers: readonly NamedMatch[];
  readonly queryParameters: readonly NamedMatch[];
}

export interface HeaderOperations {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface WeightedCluster {
  readonly cluster: ClusterName;
  readonly weight: number;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
  /** Host rewrite by `headers.request.set[':authority' | 'host']`. */
  readonly hostRewrite?: string;
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs?: number;
  readonly retryOn: string;
  readonly retriableStatusCodes: readonly number[];
}

export type RouteAction =
  | {
      readonly kind: 'forward';
      /** Never empty; weights sum to more than 0. */
      readonly clusters: readonly WeightedCluster[];
      /** 0 means no timeout. */
      readonly timeoutMs: number;
      readonly retry?: RetryPolicy;
      readonly rewrite?: {
        readonly prefix?: string;
        readonly fullPath?: string;
        readonly authority?: string;
        readonly regex?: { readonly pattern: string; readonly substitution: string };
      };
    }
  | {
      readonly kind: 'redirect';
      readonly host?: string;
      readonly path?: string;
      readonly prefixRewrite?: string;
      readonly port?: number;
      readonly scheme?: string;
      readonly code: 301 | 302 | 303 | 307 | 308;
      readonly httpsRedirect?: boolean;
    }
  | { readonly kind: 'direct-response'; readonly status: number; readonly body?: string | Uint8Array };

export interface Route {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
  readonly sources: readonly SourceRef[];
}

export interface VirtualHost {
  /** `host:port`. */
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
  readonly requireTls: boolean;
  readonly sources: readonly SourceRef[];
}

export interface RouteTable {
  /** Envoy route configuration name: `80`, `http.8080`, `https.443.https.gateway.ns`, `inbound|9080||` … */
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}

/**
 * A long list composed of shared slices, so that a view costs what it sees differently and not what the mesh holds.
 * Its members are the keys of all slices, except that a service named in `overrides` contributes those instead
 * (even where no slice names it), and `extra`.
 */
export interface Composition {
  readonly slices: readonly string[];
  /** Keys by service id (`namespace/hostname`). */
  readonly overrides: ReadonlyMap<string, readonly string[]>;
  readonly extra: readonly string[];
}

/** One slice of a composition: what each service contributes. */
export type Slice = readonly { readonly service: string; readonly keys: readonly string[] }[];

/** A route configuration whose virtual hosts are shared; hosts are matched without their port unless it says otherwise. */
export interface ComposedRouteTable extends Composition {
  readonly name: string;
  readonly matchesPort?: boolean;
}

export interface FilterChainMatch {
  readonly destinationPort?: number;
  /** CIDRs of the original destination. */
  readonly prefixRanges?: readonly string[];
  readonly transportProtocol?: 'tls' | 'raw_buffer';
  readonly applicationProtocols?: readonly string[];
  readonly serverNames?: readonly string[];
}

export type DownstreamTls =
  /** The workload's own certificate, client certificate required; `alpn` is what the chain offers. */
  | { readonly kind: 'mesh-mtls'; readonly alpn: readonly string[] }
  | ({
      readonly kind: 'server';
      /** One for each kind of key; never empty. */
      readonly certificates: readonly CertificateOrigin[];
      readonly alpn: readonly string[];
      /** Absent: clients are not asked for a certificate. */
      readonly clients?: ClientValidation;
    } & TlsParameters);

/** Which clients are let in. */
export interface ClientValidation {
  readonly roots: RootsOrigin;
  /** Clients without a certificate are let in too. */
  readonly optional: boolean;
  /** Of which the certificate must bear one; empty: it needs none. */
  readonly subjectAltNames: readonly string[];
  /** SHA-256 of accepted certificates in hex, and of accepted public keys in base64; both empty: any. */
  readonly certificateHashes: readonly string[];
  readonly publicKeyHashes: readonly string[];
}

export interface TlsParameters {
  readonly minProtocolVersion?: 'TLSV1_0' | 'TLSV1_1' | 'TLSV1_2' | 'TLSV1_3';
  readonly maxProtocolVersion?: 'TLSV1_0' | 'TLSV1_1' | 'TLSV1_2' | 'TLSV1_3';
  readonly cipherSuites?: readonly string[];
  readonly ecdhCurves?: readonly string[];
}

export interface FilterChain {
  readonly name: string;
  readonly match: FilterChainMatch;
  readonly tls?: DownstreamTls;
  readonly handler:
    | {
        readonly kind: 'http';
        readonly routes: { readonly rds: string } | { readonly inline: RouteTable };
        readonly statPrefix: string;
        readonly role: 'sidecar-outbound' | 'sidecar-inbound' | 'gateway';
        readonly useRemoteAddress: boolean;
        /** How the hosts of requests to a cluster of kind `dynamic-dns` are looked up. */
        readonly lookup?: Lookup;
        /** How the client certificate is forwarded (x-forwarded-client-cert). */
        readonly forwardClientCert: 'SANITIZE_SET' | 'APPEND_FORWARD' | 'SANITIZE' | 'FORWARD_ONLY';
      }
    | {
        readonly kind: 'tcp';
        readonly statPrefix: string;
        readonly clusters: readonly { readonly cluster: ClusterName; readonly weight: number }[];
        readonly idleTimeoutMs?: number;
        /** Looks up the server name of the connection, for a cluster of kind `dynamic-dns`; `port` is where to connect. */
        readonly lookup?: Lookup & { readonly port: number };
      };
  readonly sources: readonly SourceRef[];
}

/**
 * Which connections are looked at before a chain is chosen, by the port they were aimed at. One that is looked at waits for
 * its client's first bytes.
 */
export type Inspection =
  | boolean
  | { readonly exceptPorts: readonly number[] }
  | { readonly onlyPorts: readonly number[] };

export interface Listener {
  /** `0.0.0.0_80`, `10.96.0.10_53`, `virtualOutbound`, `virtualInbound`. */
  readonly name: string;
  /** Never empty; the first is the main one and may be `unix://` and a path, the others additional (dual stack). */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  readonly direction: 'inbound' | 'outbound' | 'gateway';
  /** False for listeners reached through virtualOutbound only. */
  readonly bindToPort: boolean;
  /** Hands connections to the listener of their original destination. */
  readonly useOriginalDst: boolean;
  /** Takes redirected connections itself, and asks the kernel where they were aimed at. */
  readonly redirected?: true;
  readonly transparent: boolean;
  /** Finds out whether a connection is TLS, for which server and which protocols. */
  readonly tlsInspector: Inspection;
  /** Finds out whether a connection without TLS is HTTP. */
  readonly httpInspector: Inspection;
  /**
   * How long to wait for the first bytes when detecting; 0 waits for ever. Then the connection is taken for one whose server
   * speaks first, and at a gateway, which has none of these, it is closed.
   */
  readonly detectionTimeoutMs: number;
  readonly filterChains: readonly FilterChain[];
  readonly defaultFilterChain?: FilterChain;
  readonly sources: readonly SourceRef[];
}
