/**
 * The port through which xDS sessions get what they serve. The consumer (xds/) declares it; cmd/ joins translate/ to it.
 * Nothing here knows Kubernetes or user resources: a resource is a name, a version, bytes and the clusters it needs.
 */

/** A resource as served. Same (typeUrl, name, version) means same bytes; instances are shared between proxies. */
export interface ServedResource {
  readonly typeUrl: string;
  readonly name: string;
  /** Opaque; equal versions mean equal bytes (a content hash). */
  readonly version: string;
  /** The encoded message, ready to stand as `google.protobuf.Any.value`. */
  readonly bytes: Uint8Array;
  /** Names of clusters that must be held (acknowledged) by the proxy before this resource may be sent. */
  readonly needs: readonly string[];
  /** For an EDS cluster: the name of its ClusterLoadAssignment, sent again behind every added or changed cluster. */
  readonly endpointsName?: string;
  /**
   * For a listener: names of the route configurations that the proxy will ask for because of it. When given, a snapshot
   * counts as acknowledged only when those that it has are acknowledged too.
   */
  readonly routeNames?: readonly string[];
  /**
   * For a virtual host: what no two virtual hosts of one route configuration may both have (domains). Changes that hand
   * one over from one virtual host to another are sent together.
   */
  readonly claims?: readonly string[];
}

/** Resources of one type by name; never changed, shared between proxies when equal (compare by identity). */
export interface Resources extends ReadonlyMap<string, ServedResource> {
  /**
   * Of a collection that is put together of others: those others, each shared with whoever holds it too. Where several
   * have a name, the first of them decides. What differs between two collections is looked for only in their layers
   * that are not identical.
   */
  readonly layers?: readonly Resources[];
  /** Names that only the first layer may have. */
  readonly hidden?: ReadonlySet<string>;
}

/** Resources by type URL. Virtual hosts are named `ROUTE CONFIGURATION/HOST`; only proxies that take them apart have any. */
export interface Types extends ReadonlyMap<string, Resources> {
  /**
   * Of types that are put together of others: those that many proxies share, of which those of `own` hide what they name.
   * What differs between two is found out once for all proxies that share it.
   */
  readonly shared?: Types;
  readonly own?: Types;
}

/** Everything one proxy may hold at one graph revision. */
export interface Snapshot {
  /** The graph revision it was computed at. */
  readonly revision: number;
  readonly types: Types;
}

/** Who a proxy is: `identity` is proven by its credential, all else is claimed in node metadata and checked against it. */
export interface Proxy {
  /** Stream-unique id, e.g. `productpage-v1-x.default-3`. */
  readonly connectionId: string;
  /** Envoy node id, e.g. `sidecar~10.0.0.1~pod.ns~ns.svc.cluster.local`. */
  readonly nodeId: string;
  readonly type: 'sidecar' | 'router';
  readonly ipAddresses: readonly string[];
  readonly podName: string;
  readonly namespace: string;
  readonly dnsDomain: string;
  readonly clusterId: string;
  readonly network: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subzone: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly revision: string;
  readonly istioVersion: string;
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly envoyVersion: string;
  readonly extensions: readonly string[];
  /** The rest of node.metadata, as sent. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Proven SPIFFE identity; absent on the plaintext port. */
  readonly identity?: { readonly trustDomain: string; readonly namespace: string; readonly serviceAccount: string };
  /** An agent follows the names that its pod may resolve, on a stream of its own; it is no proxy and counts as none. */
  readonly client: 'envoy' | 'grpc' | 'agent';
  /** Takes virtual hosts as resources of their own (VHDS) beside route configurations that ask for them. */
  readonly virtualHosts: boolean;
}

/** Names that a client asks for, at any time as they are then. */
export interface AskedNames extends Iterable<string> {
  readonly size: number;
  names(name: string): boolean;
}

export interface Subscription {
  /** The newest snapshot, or undefined while the first is being computed. */
  current(): Snapshot | undefined;
  /**
   * The secrets that were asked for, without those that the proven identity may not read or that do not exist. The same
   * collection as before while none has changed.
   */
  secrets(): Resources;
  /** The secrets that this proxy asks for are other ones; the source keeps them current and calls onChange when one changes. */
  watchSecrets(names: AskedNames): void;
  /** Asks for the name table in every snapshot from the next one on; agents need not. */
  watchNames(): void;
  close(): void;
}

export interface SnapshotSource {
  /** `onChange` is called (never synchronously) whenever `current()` or a watched secret changed. */
  subscribe(proxy: Proxy, onChange: () => void): Subscription;
}

/** What is refused of one type as it stands at present. */
export interface Rejection {
  readonly typeUrl: string;
  readonly resources: readonly string[];
  /** In the client's own words. */
  readonly message: string;
  readonly revision: number;
}

/** A resource of which a client does not hold what it is to hold. */
export interface Outstanding {
  /** What it holds, or may hold; undefined: nothing, or something that only an earlier stream knew. */
  readonly held: ServedResource | undefined;
  /** Undefined: nothing. */
  readonly wanted: ServedResource | undefined;
  /** Clusters that it waits for. */
  readonly waitingFor: readonly string[];
}

/** How far a client is, asked of its session whenever somebody wants to know; to ask changes nothing. */
export interface Progress {
  /** The snapshot that it is on its way to; -1: none. */
  revision(): number;
  /** What is neither acknowledged nor refused by itself. Clients in the same state share lists: compare by identity. */
  outstanding(): readonly (readonly Outstanding[])[];
  /** What is refused by itself as it stands, with the client's words. */
  refused(): readonly { readonly resource: ServedResource; readonly message: string }[];
}

/** What a session reports as it goes; cmd/ joins it to delivery facts. All calls are cheap and synchronous. */
export interface DeliveryObserver {
  connected(proxy: Proxy, progress: Progress): void;
  /** It has acknowledged something, and not yet all. */
  progressed(connectionId: string): void;
  /**
   * Everything up to this snapshot has been acknowledged (unchanged bytes count as acknowledged), except what `rejected`
   * named at this revision just before.
   */
  acknowledged(connectionId: string, revision: number): void;
  /**
   * Envoy refused these resources, each sent by itself: all of one type that are refused as they stand and of which it
   * said `message`. Said again before each `acknowledged` for as long as it holds.
   */
  rejected(connectionId: string, rejection: Rejection): void;
  /** A route or listener is held back and why (cluster names that do not warm), or an empty list when nothing is held. */
  waiting(connectionId: string, clusters: readonly string[]): void;
  disconnected(connectionId: string): void;
}
