/** What the agent knows before Envoy starts. Ports are TCP ports, durations milliseconds. */
export interface BootstrapOptions {
  /** `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN` or `router~…`. */
  readonly nodeId: string;
  /** `APP.NAMESPACE`; Envoy's `node.cluster`. */
  readonly cluster: string;
  /** Istio's node metadata (`LABELS`, `NAMESPACE`, `CLUSTER_ID` …): any JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subzone: string };
  readonly discovery: {
    /** Host name or IP address of the control plane. */
    readonly host: string;
    readonly port: number;
    /** DNS name that its certificate must carry; also sent as SNI. */
    readonly serverName: string;
  };
  /** Never empty. What the pod has: decides listen addresses and how the control plane's name is looked up. */
  readonly addressFamilies: readonly ('ipv4' | 'ipv6')[];
  readonly sds: {
    /** Unix socket that the agent serves certificates on. */
    readonly socketPath: string;
    /** Secret name of the workload's certificate and key. */
    readonly certificate: string;
    /** Secret name of the trusted roots. */
    readonly rootCertificate: string;
  };
  /** Envoy's admin interface, loopback only. */
  readonly adminPort: number;
  /** Scraped by Prometheus; forwarded to the agent, which renames Istio's metrics. */
  readonly prometheusPort: number;
  /** The kubelet's readiness probe (`/healthz/ready`); forwarded to the agent. */
  readonly readinessPort: number;
  /** The agent's own HTTP port on loopback. */
  readonly agentPort: number;
  /** Path on the agent that answers scrapes of `prometheusPort`. */
  readonly agentStatsPath: string;
  /** How long a query to the name server may take, and how often it is asked; each try may take twice as long as the one before. */
  readonly dnsQuery: { readonly timeoutSeconds: number; readonly tries: number };
  /** Upper bound of connections that Envoy accepts over all listeners. */
  readonly maxDownstreamConnections: number;
  /** Statistics kept beside the default set (annotation `sidecar.istio.io/statsInclusion…`). */
  readonly statsInclusion?: {
    readonly prefixes?: readonly string[];
    readonly suffixes?: readonly string[];
    readonly regexps?: readonly string[];
  };
  /** Envoy runtime keys over our defaults (ProxyConfig.runtimeValues). */
  readonly runtimeValues?: Readonly<Record<string, string>>;
}

/** Ports and names that a pod has unless told otherwise. */
export const bootstrapDefaults = {
  adminPort: 15000,
  prometheusPort: 15090,
  readinessPort: 15021,
  agentPort: 15020,
  agentStatsPath: '/stats/envoy',
  dnsQuery: { timeoutSeconds: 2, tries: 2 },
  maxDownstreamConnections: 2_147_483_645,
  sds: {
    socketPath: './var/run/secrets/workload-spiffe-uds/socket',
    certificate: 'default',
    rootCertificate: 'ROOTCA',
  },
} as const;

/** A protobuf message in its JSON form. */
export type Json = { readonly [field: string]: unknown };
