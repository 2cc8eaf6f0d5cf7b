/** Shapes of the API server's objects, as far as every kind shares them. Values from the server are immutable here. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
}

/** Metadata with these fields alone, as far as it has them: what a cache keeps of an object. */
export function trimMetadata(metadata: ObjectMeta, fields: readonly (keyof ObjectMeta)[]): ObjectMeta {
  const kept = fields.flatMap((field) => (metadata[field] === undefined ? [] : [[field, metadata[field]] as const]));
  return { name: metadata.name, ...Object.fromEntries(kept) };
}

/** Any object of the API server. Narrow `spec`, `status`, `data`… with an own interface that extends this one. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** One page or the whole of a collection. */
export interface KubeList<T extends KubeObject = KubeObject> {
  readonly items: readonly T[];
  /** Where a watch may start. */
  readonly resourceVersion: string;
}

/** What the API server says when it refuses (`kind: Status`). */
export interface KubeStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly field?: string; readonly reason?: string; readonly message?: string }[];
  };
}

/** `namespace/name`, or the name alone for a cluster-scoped object. */
export function objectKey(object: {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}): string {
  const { name, namespace } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}
