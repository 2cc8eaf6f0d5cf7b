import type { AddressFamily, Locality, Origin } from './identity.ts';

/** Application protocol of a service port, as Istio names it. `Auto` is detected from the traffic. */
export type Protocol =
  | 'HTTP'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-Web'
  | 'HTTP_PROXY'
  | 'HTTPS'
  | 'TLS'
  | 'TCP'
  | 'UDP'
  | 'Mongo'
  | 'Redis'
  | 'MySQL'
  | 'Auto';

export interface ServiceAddress {
  readonly family: AddressFamily;
  readonly address: string;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly protocol: Protocol;
  readonly nodePort?: number;
}

/**
 * A destination: a Kubernetes Service, key `cluster/namespace/name`, or one host of a ServiceEntry, key
 * `cluster/namespace/name/host` with the origin of the ServiceEntry.
 */
export interface Service extends Origin {
  readonly hostname: string;
  readonly registry: 'Kubernetes' | 'External';
  /**
   * How its endpoints are found: EDS, DNS by Envoy (all addresses, or one at a time), the name in each request, or the
   * caller's own address (headless, NONE); `alias`: it is another name of `externalName`.
   */
  readonly resolution: 'eds' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'passthrough' | 'alias';
  /** Virtual addresses; empty for headless services. Those of ServiceEntries may be CIDR blocks. */
  readonly addresses: readonly ServiceAddress[];
  readonly ports: readonly ServicePort[];
  readonly selector: Readonly<Record<string, string>>;
  readonly externalName?: string;
  /** Namespaces it is visible in; `*` all, `.` its own, `~` none; empty means the mesh's default. */
  readonly exportTo: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Which endpoints a client prefers; absent leaves it to the namespace. */
  readonly trafficDistribution?: TrafficDistribution;
  /** Clients use endpoints on their own node only. */
  readonly nodeLocal?: true;
  /** Endpoints count as ready whatever their pods say. */
  readonly publishNotReadyAddresses?: true;
  /** What only ServiceEntries say. */
  readonly entry?: {
    /** Outside of the mesh (MESH_EXTERNAL): no identities, no mesh mTLS. */
    readonly external: boolean;
    readonly subjectAltNames: readonly string[];
    /** Addresses that were allocated because it declares none; for clients whose DNS is captured. */
    readonly allocated: readonly ServiceAddress[];
    /** Connects to all addresses of its name, of either family, and takes the one that answers first. */
    readonly raceConnections?: true;
  };
}

/** `PreferSameNode` goes on to the zone and the region, `PreferSameZone` to the region, both to the network and then anywhere. */
export type TrafficDistribution = 'PreferSameZone' | 'PreferSameNode' | 'Any';

/** One EndpointSlice; slices with FQDN addresses are left out. Key: `cluster/namespace/name`. Indexed by `service` (`cluster/namespace/service`). */
export interface EndpointSlice extends Origin {
  readonly service: string;
  readonly family: AddressFamily;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly ready: boolean;
    readonly serving: boolean;
    readonly terminating: boolean;
    readonly node?: string;
    readonly zone?: string;
    /** Pod name in the slice's namespace. */
    readonly pod?: string;
    /** First label of its DNS name below the Service's, for pods with a hostname (StatefulSets). */
    readonly hostname?: string;
  }[];
}

/** A pod of the mesh or a candidate. Key: `cluster/namespace/name`. */
export interface Workload extends Origin {
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly node: string;
  /** Where its label puts it; absent means where its node stands. */
  readonly locality?: Locality;
  readonly network: string;
  /** True when the pod carries a sidecar that accepts mesh mTLS (label security.istio.io/tlsMode=istio). */
  readonly acceptsMtls: boolean;
  /** Kubernetes calls it ready, and it is not on its way out. */
  readonly ready: boolean;
  /** Owning workload's name (Deployment name and so on) for telemetry. */
  readonly workloadName: string;
  readonly containerPorts: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

export interface Node {
  readonly cluster: string;
  readonly name: string;
  readonly locality: Locality;
}

export interface Namespace {
  readonly cluster: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of its Services that don't say otherwise. */
  readonly trafficDistribution?: TrafficDistribution;
}

/** A TLS secret that a gateway refers to. Key: `cluster/namespace/name`. Never printed. */
export interface TlsSecret extends Origin {
  readonly certificateChain: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly caCertificates?: Uint8Array;
  /** What these roots have revoked, as PEM. */
  readonly crl?: Uint8Array;
  /** When the first certificate of the chain expires, in milliseconds since the epoch. */
  readonly notAfter?: number;
  /** When all of them are valid, where that was ahead when the Secret came in. */
  readonly notBefore?: number;
  /** Why what the Secret holds now is not what stands here; that is its last valid version, or nothing. */
  readonly problems?: { readonly certificate?: string; readonly roots?: string };
}

/** A validated mesh resource (VirtualService, DestinationRule, Gateway, PeerAuthentication …). Key: `cluster/namespace/name`. */
export interface Config<Spec> extends Origin {
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Spec;
  readonly status?: ConfigStatus;
}

/** The little of a status that is an input. */
export interface ConfigStatus {
  /** Of a ServiceEntry: addresses allocated for its hosts. */
  readonly addresses?: readonly { readonly value: string; readonly host: string }[];
  /** Of a WorkloadEntry: its Healthy condition, and when it was last written, in milliseconds since the epoch. */
  readonly healthy?: boolean;
  readonly reportedAt?: number;
}

/**
 * A resource that failed validation on the way in (admission was down) and has no earlier valid version in force.
 * Kept, so that status can say so and so that an invalid security policy denies on what it selects.
 */
export interface InvalidConfig extends Origin {
  readonly kind: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** True while an earlier valid version stays in force. */
  readonly lastValidInForce: boolean;
  /** What the resource selects, as far as that could be read; absent: it has no selector, and means everything in its reach. */
  readonly selector?: Readonly<Record<string, string>>;
  /** There is more to the selector than could be read: it selects some of what `selector` says, nobody knows which. */
  readonly selectorInDoubt?: true;
}
