/** The shape every Kubernetes object shares, and what checking one yields. */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
}

/** A Kubernetes object of one of our kinds, after `parse`. */
export interface Resource<Spec = unknown, Status = unknown> {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** Something a user should know about one field of a resource. */
export interface Diagnostic {
  /** From the resource's root, e.g. `spec.http[0].route[0].destination.host`. */
  readonly path: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export type ParseResult<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly errors: readonly Diagnostic[] };

/** What the API server and our own code know about one kind. */
export interface KindDefinition<Spec> {
  readonly group: string;
  /** Served versions, the newest first. */
  readonly versions: readonly string[];
  readonly storageVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /**
   * Schema, then the checks a schema cannot say. Never throws on user input.
   * The value keeps Istio's JSON form: camelCase, durations as strings.
   */
  parse(object: unknown): ParseResult<Resource<Spec>>;
}
