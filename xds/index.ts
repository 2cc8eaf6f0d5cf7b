/**
 * Owns: discovery sessions: who subscribes to what, what was acknowledged or refused, what is sent when (delta and
 * state-of-the-world ADS), and the gRPC ports they are served on.
 * May import: wire, runtime (@grpc/grpc-js). Knows neither Kubernetes nor user resources; see `source.ts` for its ports.
 * Invariants: a route never waits longer than its bounds and never before them names a cluster that the proxy lacks; a
 * refusal changes only what its own stream is sent; bytes not drained are bounded; without a proven identity no secrets.
 */
export type { DebugAnswer, DebugResponder } from './debug.ts';
export type { ClosingReason, DoorLimits } from './door.ts';
export type { Authentication, PeerAuthenticator, ProvenIdentity } from './identity.ts';
export type { StreamState, TypeState } from './inspect.ts';
export { type Connections, createGrpcListener, type GrpcListenerOptions } from './listener.ts';
export { declareConnectionMetrics } from './metrics.ts';
export type { DebugQuestion } from './request.ts';
export {
  createDiscoveryService,
  DEFAULT_DISCOVERY_SETTINGS,
  type DiscoveryOptions,
  type DiscoveryService,
  type DiscoverySettings,
} from './server.ts';
export type {
  DeliveryObserver,
  Outstanding,
  Progress,
  Proxy,
  ServedResource,
  Snapshot,
  SnapshotSource,
  Subscription,
} from './source.ts';
export { CLUSTER, ENDPOINT, LISTENER, parentOf, ROUTE, VIRTUAL_HOST } from './types.ts';
export type { HealthReport, WorkloadReception } from './workloads.ts';
