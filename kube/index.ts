/**
 * Owns: the only door to the API server: calls, server-side apply, list and watch, leases, events, reviews.
 * May import: `api/`, `runtime/` and undici; yaml is loaded only when a kubeconfig file is read.
 * Invariants: every failure is a `KubeError`; a watch never gives up and never ends the process; objects handed out are
 * not changed afterwards; the environment is not read here.
 */
export { type Backoff, createBackoff } from './backoff.ts';
export { type CacheKindOptions, cacheKind, type KindCache } from './cache.ts';
export {
  type ApplyOptions,
  createFencedClient,
  createKubeClient,
  type DeleteOptions,
  type Draft,
  KubeClient,
  type ListOptions,
  type ObjectName,
  type PatchType,
} from './client.ts';
export type { Connection, ConnectionSource, ConnectionTls } from './connection.ts';
export {
  type ClusterConnectionOptions,
  createClusterConnection,
  serviceAccountDirectory,
} from './connection-cluster.ts';
export { createKubeconfigConnection, type KubeconfigOptions } from './connection-kubeconfig.ts';
export { createLeaderElection, type LeaderElection, type LeaderElectionOptions } from './election.ts';
export { isExpired, KubeError } from './errors.ts';
export { createEventRecorder, type EventRecorder, type EventRecorderOptions, type KubeEvent } from './events.ts';
export {
  type KubeList,
  type KubeObject,
  type KubeStatus,
  type ObjectMeta,
  type OwnerReference,
  objectKey,
  trimMetadata,
} from './objects.ts';
export { apiVersionOf, type Resource, resourcePath, resources } from './resources.ts';
export { type AccessQuestion, type AccessVerdict, reviewAccess, reviewToken, type TokenVerdict } from './reviews.ts';
export type { KubeCall, KubeTransport } from './transport.ts';
export {
  type Batch,
  type Change,
  dropManagedFields,
  type KindWatch,
  type ListTaker,
  type WatchKindOptions,
  type WatchTrouble,
  watchKind,
} from './watch.ts';
