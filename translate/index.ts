/**
 * Owns: memoized building of what is served: one query per resource, collections shared by views, snapshots of connected
 * proxies, the user resources behind each of them, and who may have which gateway certificate.
 * May import: model, envoy, wire, graph, runtime/core; the types of xds/source.ts, the port that it implements.
 * Invariants: equal content is the identical object, so consumers compare by identity; sources never decide whether
 * something is sent; no snapshot exists before the first lists are in; a fault in one resource costs nobody else theirs;
 * a secret goes only to a proven identity of its own namespace.
 */
export { LayeredResources } from './layered.ts';
export { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, SECRET_TYPE, VIRTUAL_HOST_TYPE } from './resource.ts';
export type { SecretAuthorizer } from './secrets.ts';
export type { Combination } from './snapshots.ts';
export { createSnapshotSource, type MeshSnapshotSource, type SnapshotSourceOptions } from './source.ts';
