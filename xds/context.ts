/** What all streams of a process share, and what each is given. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock, Logger } from '#runtime/index.ts';
import type { Budget } from './budget.ts';
import type { Crowd } from './crowd.ts';
import type { DebugResponder } from './debug.ts';
import type { ProvenIdentity } from './identity.ts';
import type { Inbox } from './inbox.ts';
import type { XdsMetrics } from './metrics.ts';
import type { Pacer } from './pacer.ts';
import type { RequestParser } from './request.ts';
import type { EncodedResponse, ResponseEncoder } from './response.ts';
import type { SessionSettings } from './session.ts';
import type { DeliveryObserver, SnapshotSource } from './source.ts';
import type { WorkloadReception } from './workloads.ts';

/** A response is serialized when it is written, and never parsed by us. */
export type DiscoveryCall = ServerDuplexStream<Buffer, EncodedResponse>;

export interface StreamContext {
  readonly source: SnapshotSource;
  readonly observer: DeliveryObserver;
  /** Absent: questions about the control plane are refused. */
  readonly debug: DebugResponder | undefined;
  /** Absent: nobody registers workloads here, and reports of health go nowhere. */
  readonly workloads: WorkloadReception | undefined;
  readonly inbox: Inbox;
  readonly requests: RequestParser;
  readonly pacer: Pacer;
  readonly encoder: ResponseEncoder;
  readonly metrics: XdsMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly session: SessionSettings;
  readonly crowd: Crowd;
  readonly budget: Budget;
  /** Longest time that written bytes may wait for the peer to read, in milliseconds. */
  readonly writeTimeoutMs: number;
  /** A number that no other stream of this process has. */
  readonly nextConnection: () => number;
  /** Called with a type URL that nobody serves; true for the first time. */
  readonly firstSeen: (typeUrl: string) => boolean;
}

/** Who is at the other end of a call, and how to get rid of the connection that it came on. */
export interface Caller {
  /** Absent on a port without authentication. */
  readonly identity?: ProvenIdentity;
  /** Whom its streams count for: the identity, or the address where none is proven. */
  readonly holder: string;
  /** Until when that holds, in milliseconds since the epoch. */
  readonly expires?: number;
  /** Closes the connection, with everything on it. */
  readonly disconnect: () => void;
}
