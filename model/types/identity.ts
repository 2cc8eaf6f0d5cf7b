/** Where a value came from and who a thing is. Everything carries its cluster, so that one cluster is a mesh of one. */

/**
 * A user resource that contributed to a value; it names the YAML in status, blame and explanations.
 * An identity without a generation: a value therefore stays the same object when its resource is written again with the
 * same content, and becomes another one (with equal bytes) when a different resource takes over. Which generation is in
 * force follows from the graph revision that brought it in (see `registry/`).
 */
export interface SourceRef {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export type AddressFamily = 'ipv4' | 'ipv6';

/** A workload identity; trust domains are a set in the mesh, never a constant. */
export interface Identity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** What every decoded Kubernetes object carries into the model. */
export interface Origin {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  /** Milliseconds since the epoch; the oldest wins where two claim the same thing. */
  readonly createdAt: number;
}
