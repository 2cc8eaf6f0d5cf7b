/** One discovery stream: joins a gRPC call to a session, a snapshot source, the pacer and the delivery observer. */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { type Clock, type ErrorCode, LateenError, type Logger } from '#runtime/index.ts';
import { type DebugResponder, encodeAnswer, isAnswerNonce, MOST_QUESTIONS, parseClaims } from './debug.ts';
import { NO_RESOURCES, type Resources } from './difference.ts';
import { contradiction, type ProvenIdentity } from './identity.ts';
import { describeTypes, listWanted, type TypeState } from './inspect.ts';
import type { XdsMetrics } from './metrics.ts';
import { parseNode } from './node.ts';
import type { Pacer } from './pacer.ts';
import type { Reaction } from './reaction.ts';
import {
  type ClientRequest,
  type DebugQuestion,
  type ParsedRequest,
  type Protocol,
  parseRequest,
  UnknownTypeError,
} from './request.ts';
import type { EncodedResponse, ResponseEncoder } from './response.ts';
import { type Outgoing, Session, type SessionSettings } from './session.ts';
import type { DeliveryObserver, Proxy as MeshProxy, ServedResource, SnapshotSource, Subscription } from './source.ts';
import { LISTENER, NAME_TABLE, SECRET } from './types.ts';

/** A response is serialized when it is written, and never parsed by us. */
export type DiscoveryCall = ServerDuplexStream<Buffer, EncodedResponse>;

export interface StreamContext {
  readonly source: SnapshotSource;
  readonly observer: DeliveryObserver;
  /** Absent: questions about the control plane are refused. */
  readonly debug: DebugResponder | undefined;
  readonly pacer: Pacer;
  readonly encoder: ResponseEncoder;
  readonly metrics: XdsMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly session: SessionSettings;
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
  /** Until when that holds, in milliseconds since the epoch. */
  readonly expires?: number;
  /** Closes the connection, with everything on it. */
  readonly disconnect: () => void;
}

/** Known from the first request on. */
interface Client {
  readonly proxy: MeshProxy;
  readonly session: Session;
  readonly subscription: Subscription;
  /** Of an agent nothing is reported: it is no proxy. */
  readonly observer: DeliveryObserver;
  readonly metrics: XdsMetrics;
}

/** What debugging shows of a stream. */
export interface StreamState {
  readonly proxy: MeshProxy;
  readonly protocol: Protocol;
  readonly acknowledgedRevision: number;
  readonly revision: number;
  readonly waitingFor: readonly string[];
  /** Address of the other end. */
  readonly peer: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly types: () => readonly TypeState[];
  /** What the proxy is to hold of a type; secrets included. */
  readonly wanted: (typeUrl: string) => readonly ServedResource[];
}

/** Longer than timers can count is a month. */
const LONGEST_TIMER_MS = 86_400_000;

/** Statuses of refusals that are not about what was asked. */
const STATUSES: Partial<Record<ErrorCode, status>> = {
  forbidden: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  unavailable: status.UNAVAILABLE,
};

export class DiscoveryStream {
  readonly #call: DiscoveryCall;
  readonly #protocol: Protocol;
  readonly #context: StreamContext;
  readonly #caller: Caller;
  readonly #connectedAt: number;
  readonly #closed = new AbortController();
  readonly #onClosed: () => void;
  /** What to call for written bytes that have not drained, and since when they wait. */
  readonly #undrained = new Map<() => void, number>();
  #client: Client | undefined;
  #node: ParsedRequest['node'];
  #questions = 0;
  #answers = 0;
  #withdrawTurn: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** When the session last said all that was due. */
  #pumpedAt = 0;
  #timer: AbortController | undefined;
  #secrets: Resources = NO_RESOURCES;
  #changedAt: number | undefined;
  #acknowledged = -1;
  #waiting: readonly string[] = [];

  constructor(call: DiscoveryCall, protocol: Protocol, context: StreamContext, caller: Caller, onClosed: () => void) {
    this.#call = call;
    this.#protocol = protocol;
    this.#context = context;
    this.#caller = caller;
    this.#connectedAt = context.clock.now();
    this.#onClosed = onClosed;
    call.on('data', (bytes: Buffer) => this.#guard(() => this.#received(bytes)));
    call.on('end', () => this.#end(() => call.end()));
    call.on('error', () => this.#end());
    call.on('cancelled', () => this.#end());
    this.#arm();
  }

  get state(): StreamState | undefined {
    if (this.#client === undefined || this.#client.proxy.client === 'agent') return undefined;
    const { proxy, session } = this.#client;
    const revision = session.snapshot?.revision ?? -1;
    return {
      proxy,
      protocol: this.#protocol,
      acknowledgedRevision: this.#acknowledged,
      revision,
      waitingFor: this.#waiting,
      peer: this.#call.getPeer(),
      connectedAt: this.#connectedAt,
      types: () => describeTypes(session),
      wanted: (typeUrl) => listWanted(session, typeUrl),
    };
  }

  /** Ends the stream with a status. */
  fail(code: status, details: string): void {
    this.#end(() => this.#call.emit('error', { code, details }));
  }

  #received(bytes: Buffer): void {
    if (this.#closed.signal.aborted) return;
    const parsed = parseRequest(this.#protocol, bytes);
    this.#node ??= parsed.node;
    if ('question' in parsed) this.#ask(parsed.question);
    else this.#request(parsed.request);
  }

  #request(request: ClientRequest): void {
    this.#client ??= this.#open(this.#node);
    const { proxy, session, subscription } = this.#client;
    if (proxy.client === 'agent' && request.type.typeUrl !== NAME_TABLE)
      throw new LateenError('forbidden', `an agent is served no resources of type "${request.type.label}"`);
    if (request.type.typeUrl === NAME_TABLE) subscription.watchNames();
    const reaction = session.request(request, this.#context.clock.monotonic());
    this.#note(reaction, request.type, proxy);
    if (request.type.typeUrl === SECRET && this.#caller.identity !== undefined)
      subscription.watchSecrets(new Set(session.secretNames));
    if (reaction.kind === 'refused' && reaction.isolated) this.#reportRejections(session, proxy);
    this.#aim();
    // A turn that ran has reported.
    if (!this.#schedule()) this.#report();
  }

  #open(node: ParsedRequest['node']): Client {
    const { source, logger, nextConnection, session: settings } = this.#context;
    const claimed = parseNode(node, nextConnection(), this.#protocol);
    const { identity } = this.#caller;
    const contradicts = identity === undefined ? undefined : contradiction(claimed, identity);
    if (contradicts !== undefined) throw new LateenError('forbidden', contradicts);
    const proxy: MeshProxy =
      identity === undefined ? claimed : { ...claimed, serviceAccount: identity.serviceAccount, identity };
    const isAgent = proxy.client === 'agent';
    const { observer, metrics } = isAgent ? withoutReports(this.#context) : this.#context;
    const subscription = source.subscribe(proxy, () => this.#guard(() => this.#changed()));
    this.#changedAt = this.#context.clock.monotonic();
    observer.connected(proxy);
    metrics.connected(proxy.istioVersion);
    logger.info(`${describe(proxy)} connected`, {
      proxy: proxy.connectionId,
      node: proxy.nodeId,
      protocol: this.#protocol,
    });
    const session = new Session(this.#protocol, settings, isAgent ? NAME_TABLE : LISTENER);
    return { proxy, session, subscription, observer, metrics };
  }

  /** The source has something new. */
  #changed(): void {
    if (this.#closed.signal.aborted) return;
    this.#changedAt ??= this.#context.clock.monotonic();
    this.#aim();
    if (!this.#schedule()) this.#report();
  }

  #aim(): void {
    if (this.#client === undefined) return;
    const { session, subscription } = this.#client;
    // Without a proven identity there are no secrets, whatever the source would say.
    if (this.#caller.identity !== undefined)
      this.#secrets = currentSecrets(session.secretNames, subscription, this.#secrets);
    session.aim(subscription.current(), this.#secrets);
  }

  /** Says whether the turn has come at once. */
  #schedule(): boolean {
    if (this.#withdrawTurn !== undefined) return false;
    let ran = false;
    const withdraw = this.#context.pacer.turn(this.#acknowledged === -1 ? 'initial' : 'update', () => {
      ran = true;
      this.#withdrawTurn = undefined;
      this.#guard(() => this.#pump());
    });
    if (!ran) this.#withdrawTurn = withdraw;
    return ran;
  }

  #pump(): void {
    if (this.#client === undefined || this.#closed.signal.aborted) return;
    const now = this.#context.clock.monotonic();
    this.#pumpedAt = now;
    for (const response of this.#client.session.pump(now)) this.#write(response, now);
    this.#report();
    this.#arm();
  }

  #write(response: Outgoing, now: number): void {
    const { encoder, metrics, clock } = this.#context;
    const start = clock.monotonic();
    const encoded = encoder.encode(this.#protocol, response);
    this.#hand(encoded, now);
    metrics.pushed(response.type, encoded.size, (clock.monotonic() - start) / 1000);
  }

  #hand(encoded: EncodedResponse, now: number): void {
    const release = this.#context.pacer.handed(encoded.size);
    this.#undrained.set(release, now);
    this.#call.write(encoded, () => {
      this.#undrained.delete(release);
      release();
    });
  }

  #ask(question: DebugQuestion): void {
    // What Istio's tools send as a nonce with a question is none of ours.
    if (isAnswerNonce(question.nonce)) return;
    const { debug, clock } = this.#context;
    const { identity } = this.#caller;
    if (debug === undefined || identity === undefined)
      throw new LateenError('unauthenticated', 'questions about the control plane need a proven identity');
    const contradicts = contradiction(parseClaims(this.#node), identity);
    if (this.#client === undefined && contradicts !== undefined) throw new LateenError('forbidden', contradicts);
    if (this.#questions >= MOST_QUESTIONS) throw new LateenError('invalid', 'too many questions at once');
    this.#questions += 1;
    debug.answer(question, identity).then(
      (answer) =>
        this.#guard(() => {
          this.#questions -= 1;
          this.#answers += 1;
          if (this.#closed.signal.aborted) return;
          this.#hand(encodeAnswer(this.#protocol, question.typeUrl, answer, this.#answers), clock.monotonic());
          this.#arm();
        }),
      (thrown: unknown) =>
        this.#guard(() => {
          throw LateenError.from(thrown);
        }),
    );
  }

  /** Reports what has become true; cheap when nothing has. */
  #report(): void {
    if (this.#client === undefined) return;
    const { clock } = this.#context;
    const { session, proxy, observer, metrics } = this.#client;
    const revision = session.snapshot?.revision ?? -1;
    if (revision > this.#acknowledged && session.settled()) {
      this.#acknowledged = revision;
      this.#reportRejections(session, proxy);
      observer.acknowledged(proxy.connectionId, revision);
      if (this.#changedAt !== undefined) metrics.converged((clock.monotonic() - this.#changedAt) / 1000);
      this.#changedAt = undefined;
    }
    const waiting = session.waitingFor();
    if (waiting.length + this.#waiting.length === 0 || waiting.join() === this.#waiting.join()) return;
    this.#waiting = waiting;
    observer.waiting(proxy.connectionId, waiting);
  }

  #reportRejections(session: Session, proxy: MeshProxy): void {
    const observer = this.#client?.observer;
    for (const rejection of session.rejections()) observer?.rejected(proxy.connectionId, rejection);
  }

  #note(reaction: Reaction, type: Outgoing['type'], proxy: MeshProxy): void {
    const { logger } = this.#context;
    const metrics = this.#client?.metrics ?? this.#context.metrics;
    if (reaction.kind === 'stale') metrics.staleNonce(type);
    if (reaction.kind !== 'refused') return;
    metrics.refused(type, proxy.nodeId);
    const { message, resources, isolated } = reaction;
    const fields = {
      proxy: proxy.connectionId,
      type: type.label,
      reason: message,
      resources: resources.slice(0, 10),
      count: resources.length,
    };
    if (isolated) logger.warn('proxy refused a resource', fields);
    else logger.info('proxy refused a response, parts of it are sent by themselves', fields);
  }

  /** Sets the timer for the next moment at which something may be due. A timer that is early does no harm. */
  #arm(): void {
    const { clock, writeTimeoutMs } = this.#context;
    const now = clock.monotonic();
    const [oldest] = this.#undrained.values();
    const stalled = oldest === undefined ? Number.POSITIVE_INFINITY : oldest + writeTimeoutMs;
    const { expires } = this.#caller;
    // What has fallen due since then is not forgotten: its time is over already. Whose turn is to come is asked then.
    const due = this.#withdrawTurn === undefined ? this.#client?.session.deadline(this.#pumpedAt) : undefined;
    const at = Math.min(
      due ?? Number.POSITIVE_INFINITY,
      stalled,
      expires === undefined
        ? Number.POSITIVE_INFINITY
        : now + Math.min(Math.max(0, expires - clock.now()), LONGEST_TIMER_MS),
    );
    if (at >= this.#timerAt) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerAt = at;
    clock.sleep(Math.max(0, at - now), timer.signal).then(
      () => this.#guard(() => this.#due()),
      // Replaced by an earlier one, or the stream is closed.
      () => undefined,
    );
  }

  #due(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#closed.signal.aborted) return;
    if (this.#context.clock.now() >= (this.#caller.expires ?? Number.POSITIVE_INFINITY)) {
      this.fail(status.UNAUTHENTICATED, 'the client certificate has expired');
      // A new stream on this connection would show the same certificate.
      this.#caller.disconnect();
      return;
    }
    const [oldest] = this.#undrained.values();
    if (oldest !== undefined && this.#context.clock.monotonic() >= oldest + this.#context.writeTimeoutMs) {
      this.#context.metrics.writeTimeout();
      this.fail(status.DEADLINE_EXCEEDED, 'the client does not read what it is sent');
      return;
    }
    this.#schedule();
    this.#arm();
  }

  /** Runs a reaction to something from outside: whatever it throws ends this stream and nothing else. */
  #guard(react: () => void): void {
    try {
      react();
    } catch (thrown) {
      const { logger, firstSeen } = this.#context;
      const error = LateenError.from(thrown);
      const fields = { proxy: this.#client?.proxy.connectionId, peer: this.#call.getPeer(), reason: error.message };
      if (error.code === 'internal') {
        this.#context.metrics.internalError();
        logger.error('discovery stream failed', { ...fields, error });
        this.fail(status.INTERNAL, 'internal error');
        return;
      }
      if (!(error instanceof UnknownTypeError) || firstSeen(error.typeUrl))
        logger.warn('discovery stream refused', fields);
      this.fail(STATUSES[error.code] ?? status.INVALID_ARGUMENT, error.message);
    }
  }

  #end(finish?: () => void): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#timer?.abort();
    this.#withdrawTurn?.();
    if (this.#client !== undefined) {
      const { proxy, subscription, observer, metrics } = this.#client;
      subscription.close();
      observer.disconnected(proxy.connectionId);
      metrics.disconnected(proxy.istioVersion, proxy.nodeId);
      this.#context.logger.info(`${describe(proxy)} disconnected`, { proxy: proxy.connectionId });
    }
    // Bytes for a peer that is gone are reported by nobody.
    for (const release of this.#undrained.keys()) release();
    this.#undrained.clear();
    finish?.();
    this.#onClosed();
  }
}

/** Agents write a log line of their own, so that nobody counts them among the proxies. */
const describe = ({ client }: MeshProxy): string => (client === 'agent' ? 'agent' : 'proxy');

const ignore = (): void => undefined;

/** What agents are met with: their responses are counted as sent, and nothing else of them is. */
function withoutReports({ metrics }: StreamContext): Pick<Client, 'observer' | 'metrics'> {
  return {
    observer: { connected: ignore, acknowledged: ignore, rejected: ignore, waiting: ignore, disconnected: ignore },
    metrics: { ...metrics, connected: ignore, disconnected: ignore, converged: ignore, refused: ignore },
  };
}

/** The secrets as a collection; the same one as before while none has changed. */
function currentSecrets(names: ReadonlySet<string>, subscription: Subscription, before: Resources): Resources {
  const now = new Map<string, ServedResource>();
  for (const name of names) {
    const secret = subscription.secret(name);
    if (secret !== undefined) now.set(name, secret);
  }
  const unchanged =
    now.size === before.size && [...now].every(([name, secret]) => before.get(name)?.version === secret.version);
  return unchanged ? before : now;
}
