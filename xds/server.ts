/** The aggregated discovery service: accepts streams, proves identities, and keeps what all streams share. */
import { type Server, type ServiceDefinition, type sendUnaryData, status } from '@grpc/grpc-js';
import { type Clock, LateenError, type Logger, type Metrics, readCredentials, systemClock } from '#runtime/index.ts';
import type { Message } from '#wire/index.ts';
import { Budget, type BudgetLimits } from './budget.ts';
import type { Caller, DiscoveryCall, StreamContext } from './context.ts';
import { Crowd, type CrowdLimits } from './crowd.ts';
import type { DebugResponder } from './debug.ts';
import type { PeerAuthenticator } from './identity.ts';
import { createInbox } from './inbox.ts';
import type { StreamState } from './inspect.ts';
import type { Connections } from './listener.ts';
import { declareXdsMetrics } from './metrics.ts';
import { createPacer } from './pacer.ts';
import { type PrepareSnapshot, rehearse } from './rehearsal.ts';
import { type Protocol, RequestParser } from './request.ts';
import { createResponseEncoder, EncodedResponse, joinResponse } from './response.ts';
import { DEFAULT_SESSION_SETTINGS, type SessionSettings } from './session.ts';
import { SharedTurn } from './slice.ts';
import type { DeliveryObserver, SnapshotSource } from './source.ts';
import { DiscoveryStream } from './stream.ts';
import type { WorkloadReception } from './workloads.ts';

export interface DiscoverySettings extends SessionSettings, CrowdLimits, BudgetLimits {
  /**
   * Most bytes handed to sockets and not drained, in the whole process, by peers that read; as many again may be held by
   * some that take none.
   */
  readonly maxPendingBytes: number;
  /** Most bytes of response bodies that are kept for other streams. */
  readonly cacheBytes: number;
  /** Longest time that written bytes may wait for the peer to read, in milliseconds. */
  readonly writeTimeoutMs: number;
}

export const DEFAULT_DISCOVERY_SETTINGS: DiscoverySettings = {
  ...DEFAULT_SESSION_SETTINGS,
  maxPendingBytes: 64 << 20,
  cacheBytes: 32 << 20,
  writeTimeoutMs: 20_000,
  maxStreamsPerIdentity: 10_000,
  // A client of proxyless gRPC has one for each of its targets.
  maxStreamsPerProxy: 250,
  // An Envoy that comes back with 20,000 clusters, their endpoints and virtual hosts needs 13 MB.
  maxNameBytesPerStream: 16 << 20,
  maxNameBytes: 256 << 20,
};

export interface DiscoveryOptions {
  readonly source: SnapshotSource;
  readonly observer: DeliveryObserver;
  /** Answers questions about the control plane; without it they are refused. */
  readonly debug?: DebugResponder;
  /** Learns of workloads that register themselves, and of their health. */
  readonly workloads?: WorkloadReception;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly settings?: Partial<DiscoverySettings>;
}

export interface DiscoveryService {
  /**
   * Adds AggregatedDiscoveryService to a gRPC server. Without an authenticator its streams have no identity and get no
   * secrets: only for a loopback port. A stream ends when the certificate expires that proved its identity, and its
   * connection with it, so that the client comes back with its new one.
   */
  register(server: Server, connections: Connections, authenticator?: PeerAuthenticator): void;
  /**
   * Answers a client with this node as if it had connected, so that those to come find responses put together and code
   * compiled. Says whether it was sent everything; nothing of it is left to be seen.
   */
  rehearse(node: Message<'envoy.config.core.v3.Node'>, prepare: PrepareSnapshot): Promise<boolean>;
  /** Every stream whose proxy is known. */
  streams(): readonly StreamState[];
  /** Ends all streams; the proxies reconnect elsewhere. New ones are refused from then on. */
  close(): void;
}

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

/** Requests reach the handler as bytes, so that bytes that are no request end as a status of our choice. */
const method = (name: string) => ({
  path: `${PATH}/${name}`,
  requestStream: true as const,
  responseStream: true as const,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: joinResponse,
  responseDeserialize: (bytes: Buffer) => new EncodedResponse([bytes]),
});

const definition = {
  streamAggregatedResources: method('StreamAggregatedResources'),
  deltaAggregatedResources: method('DeltaAggregatedResources'),
} satisfies ServiceDefinition;

/** Type URLs that nobody serves are remembered up to this many, so that logs cannot be flooded. */
const MOST_REMEMBERED = 100;

export function createDiscoveryService(options: DiscoveryOptions): DiscoveryService {
  const { source, observer, logger, metrics, clock = systemClock } = options;
  const settings: DiscoverySettings = { ...DEFAULT_DISCOVERY_SETTINGS, ...options.settings };
  const streams = new Set<DiscoveryStream>();
  const unknownTypes = new Set<string>();
  const xdsMetrics = declareXdsMetrics(metrics);
  const crowd = new Crowd(settings, xdsMetrics);
  const shared = new SharedTurn();
  const pacer = createPacer({ maxPendingBytes: settings.maxPendingBytes, clock, shared });
  xdsMetrics.undrained(() => pacer.pendingBytes);
  let connections = 0;
  let closed = false;

  const context: StreamContext = {
    source,
    observer,
    debug: options.debug,
    workloads: options.workloads,
    logger,
    clock,
    metrics: xdsMetrics,
    crowd,
    budget: new Budget(settings, xdsMetrics),
    inbox: createInbox({ shared }),
    requests: new RequestParser(),
    pacer,
    encoder: createResponseEncoder(settings.cacheBytes, () => clock.monotonic()),
    session: settings,
    writeTimeoutMs: settings.writeTimeoutMs,
    nextConnection: () => {
      connections += 1;
      return connections;
    },
    firstSeen: (typeUrl) => {
      if (unknownTypes.has(typeUrl) || unknownTypes.size >= MOST_REMEMBERED) return false;
      unknownTypes.add(typeUrl);
      return true;
    },
  };

  const serve = (call: DiscoveryCall, protocol: Protocol, caller: Caller, holdConnection: () => () => void) => {
    let leave: () => void;
    try {
      leave = crowd.join(caller.holder);
    } catch (thrown) {
      const reason = LateenError.from(thrown).message;
      logger.warn('discovery stream refused', { peer: call.getPeer(), reason });
      refuse(call, status.RESOURCE_EXHAUSTED, reason);
      return;
    }
    const letGo = holdConnection();
    const stream: DiscoveryStream = new DiscoveryStream(call, protocol, context, caller, () => {
      leave();
      letGo();
      streams.delete(stream);
    });
    streams.add(stream);
  };

  const isTurnedAway = (call: DiscoveryCall): boolean => {
    if (closed) refuse(call, status.UNAVAILABLE, 'shutting down');
    return closed;
  };

  const accept = async (
    call: DiscoveryCall,
    protocol: Protocol,
    connections: Connections,
    authenticator: PeerAuthenticator | undefined,
  ) => {
    const disconnect = () => connections.close(call.getPeer());
    const holdConnection = () => connections.serve(call.getPeer());
    if (isTurnedAway(call)) return;
    if (authenticator === undefined) {
      serve(call, protocol, { holder: `address ${addressOf(call)}`, disconnect }, holdConnection);
      return;
    }
    let cancelled = false;
    call.once('cancelled', () => {
      cancelled = true;
    });
    const presented = readCredentials(call);
    const authentication = await authenticator.authenticate(presented);
    // While the identity was being proven.
    if (cancelled || isTurnedAway(call)) return;
    if (authentication.ok) {
      const { identity, expires } = authentication;
      const holder = `identity ${identity.namespace}/${identity.serviceAccount}`;
      const caller = { identity, holder, disconnect, ...(expires === undefined ? {} : { expires }) };
      serve(call, protocol, caller, holdConnection);
      return;
    }
    const { code, reason } = authentication;
    logger.warn('discovery stream without a proven identity', { peer: call.getPeer(), reason });
    if (code === 'unavailable') refuse(call, status.UNAVAILABLE, 'identities cannot be verified now');
    else {
      refuse(call, status.UNAUTHENTICATED, 'authentication failure');
      // What was shown when connecting will not get better, and what no root of ours has signed counts as nothing here: an
      // Envoy that trusts a new root already would ask on this connection again and again, whatever certificate it gets.
      if (presented.chain.length > 0 || presented.authorization.length === 0) disconnect();
    }
  };

  return {
    register(server, connections, authenticator) {
      const handler = (protocol: Protocol) => (call: DiscoveryCall) => {
        accept(call, protocol, connections, authenticator).catch((thrown: unknown) => {
          logger.error('discovery stream could not be accepted', {
            peer: call.getPeer(),
            error: LateenError.from(thrown),
          });
          refuse(call, status.INTERNAL, 'internal error');
        });
      };
      server.addService(definition, {
        streamAggregatedResources: handler('sotw'),
        deltaAggregatedResources: handler('delta'),
      });
    },
    rehearse: (node, prepare) => rehearse(node, prepare, context),
    streams: () => [...streams].flatMap(({ state }) => (state === undefined ? [] : [state])),
    close() {
      closed = true;
      for (const stream of [...streams]) stream.fail(status.UNAVAILABLE, 'shutting down');
    },
  };
}

/** Without its port. */
const addressOf = (call: DiscoveryCall): string => call.getPeer().replace(/:\d+$/, '');

function refuse(call: DiscoveryCall, code: status, details: string): void {
  call.emit('error', { code, details } satisfies Parameters<sendUnaryData<never>>[0]);
}
