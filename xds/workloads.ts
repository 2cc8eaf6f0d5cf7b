/**
 * The port through which streams tell of workloads that no platform knows: those that register themselves by connecting, and
 * how the application beside a proxy is. cmd/ joins it to whoever writes that down.
 */
import type { Proxy as MeshProxy } from './source.ts';

/** Istio's type of a request that reports health; nothing is served under it. */
export const HEALTH_INFORMATION = 'type.googleapis.com/istio.v1.HealthInformation';

export interface HealthReport {
  readonly healthy: boolean;
  /** Why not, in the words of who probed; empty when healthy. */
  readonly message: string;
}

/** All calls are cheap and synchronous. */
export interface WorkloadReception {
  /**
   * Called with who is at the other end of a stream, before anything is served on it; its claims agree with its identity.
   * Throws LateenError with what the client is to know when it may not be served: the stream ends with that.
   */
  connected(proxy: MeshProxy, connectedAt: number): void;
  reported(connectionId: string, report: HealthReport): void;
  disconnected(connectionId: string): void;
}
