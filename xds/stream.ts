/** One discovery stream: joins a gRPC call to a session, a snapshot source, the pacer and the delivery observer. */
import { status } from '@grpc/grpc-js';
import { type ErrorCode, LateenError } from '#runtime/index.ts';
import { Alarm } from './alarm.ts';
import type { Debtor } from './budget.ts';
import type { Caller, DiscoveryCall, StreamContext } from './context.ts';
import { isAnswerNonce, parseClaims } from './debug.ts';
import { NO_RESOURCES } from './difference.ts';
import { contradiction } from './identity.ts';
import { describeTypes, listWanted, type StreamState } from './inspect.ts';
import { parseNode } from './node.ts';
import { Outlet } from './outlet.ts';
import { Questions } from './questions.ts';
import { ClientReport } from './report.ts';
import {
  type ClientRequest,
  type DebugQuestion,
  mayGrow,
  type ParsedRequest,
  type Protocol,
  UnknownTypeError,
} from './request.ts';
import { type Outgoing, Session } from './session.ts';
import { directCallOf } from './sharing.ts';
import type { Proxy as MeshProxy, Subscription } from './source.ts';
import { Turns } from './turns.ts';
import { LISTENER, NAME_TABLE } from './types.ts';
import type { HealthReport } from './workloads.ts';

/** Known from the first request for resources on. */
interface Client {
  readonly proxy: MeshProxy;
  readonly session: Session;
  readonly subscription: Subscription;
  readonly report: ClientReport;
  readonly debtor: Debtor;
}

/** Statuses of refusals that are not about what was asked. */
const STATUSES: Partial<Record<ErrorCode, status>> = {
  forbidden: status.PERMISSION_DENIED,
  'not-found': status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
};

export class DiscoveryStream {
  readonly #call: DiscoveryCall;
  readonly #protocol: Protocol;
  readonly #context: StreamContext;
  readonly #caller: Caller;
  readonly #connectedAt: number;
  #closed = false;
  readonly #onClosed: () => void;
  readonly #outlet: Outlet;
  readonly #alarm: Alarm;
  /** Known from the first request on. */
  #proxy: MeshProxy | undefined;
  #client: Client | undefined;
  #node: ParsedRequest['node'];
  /** Gives back its place among the streams of its proxy. */
  #leaveProxy: (() => void) | undefined;
  #questions: Questions | undefined;
  readonly #turns: Turns;
  /** When the session last said all that was due. */
  #pumpedAt = 0;
  /** The revision of its interest in secrets that the source knows of. */
  #secretsAsked = 0;

  constructor(call: DiscoveryCall, protocol: Protocol, context: StreamContext, caller: Caller, onClosed: () => void) {
    this.#call = call;
    this.#protocol = protocol;
    this.#context = context;
    this.#caller = caller;
    this.#connectedAt = context.clock.now();
    this.#onClosed = onClosed;
    this.#outlet = new Outlet(call, context.pacer, context.session.chunkBytes, {
      onRoom: () => this.#guard(() => this.#schedule()),
      onUnread: () => this.#guard(() => this.#cutOff()),
    });
    this.#turns = new Turns(context.pacer, caller.holder, this.#outlet, () => this.#takeTurn());
    this.#alarm = new Alarm(context.clock, () => this.#guard(() => this.#due()));
    const { inbox } = context;
    const received = (bytes: Uint8Array) => this.#received(bytes);
    const take = (bytes: Uint8Array) => inbox.take(received, bytes);
    if (directCallOf(call)?.takeMessages(take) === true) call.resume();
    else call.on('data', take);
    call.on('end', () => inbox.take(() => this.#end(() => call.end()), undefined));
    call.on('error', () => this.#end());
    call.on('cancelled', () => {
      this.#end();
      this.#release();
    });
    this.#arm();
  }

  get state(): StreamState | undefined {
    if (this.#client === undefined || this.#client.proxy.client === 'agent') return undefined;
    const { proxy, session, report } = this.#client;
    const revision = session.snapshot?.revision ?? -1;
    return {
      proxy,
      protocol: this.#protocol,
      acknowledgedRevision: report.acknowledged,
      revision,
      waitingFor: report.waiting,
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

  #received(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      const parsed = this.#context.requests.parse(this.#protocol, bytes);
      this.#node ??= parsed.node;
      if ('question' in parsed) this.#ask(parsed.question);
      else if ('report' in parsed) this.#reportHealth(parsed.report);
      else this.#request(parsed.request);
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #request(request: ClientRequest): void {
    this.#client ??= this.#open();
    const { proxy, session, subscription, report, debtor } = this.#client;
    if (proxy.client === 'agent' && request.type.typeUrl !== NAME_TABLE)
      throw new LateenError('forbidden', `an agent is served no resources of type "${request.type.label}"`);
    if (request.type.typeUrl === NAME_TABLE) subscription.watchNames();
    const now = this.#context.clock.monotonic();
    const reaction = session.request(request, now);
    report.reaction(reaction, request.type);
    if (mayGrow(request)) this.#context.budget.owe(debtor);
    const { secretInterest } = session;
    if (secretInterest.revision !== this.#secretsAsked && this.#caller.identity !== undefined) {
      this.#secretsAsked = secretInterest.revision;
      subscription.watchSecrets(secretInterest);
    }
    this.#aim();
    // A turn that ran has reported.
    if (session.isAtRest(now) || !this.#schedule()) report.progress();
  }

  #reportHealth(report: HealthReport): void {
    const { connectionId } = this.#identify();
    this.#context.workloads?.reported(connectionId, report);
  }

  /** Who it is, checked and made known once. */
  #identify(): MeshProxy {
    if (this.#proxy !== undefined) return this.#proxy;
    const { workloads, nextConnection, crowd } = this.#context;
    const claimed = parseNode(this.#node, nextConnection(), this.#protocol);
    const { identity } = this.#caller;
    const contradicts = identity === undefined ? undefined : contradiction(claimed, identity);
    if (contradicts !== undefined) throw new LateenError('forbidden', contradicts);
    const proxy: MeshProxy =
      identity === undefined ? claimed : { ...claimed, serviceAccount: identity.serviceAccount, identity };
    this.#leaveProxy = crowd.joinProxy(this.#caller.holder, proxy.nodeId);
    workloads?.connected(proxy, this.#connectedAt);
    this.#proxy = proxy;
    return proxy;
  }

  #open(): Client {
    const { source, clock, session: settings } = this.#context;
    const proxy = this.#identify();
    const since = clock.monotonic();
    const subscription = source.subscribe(proxy, () => this.#changed());
    const session = new Session(this.#protocol, settings, proxy.client === 'agent' ? NAME_TABLE : LISTENER);
    const report = new ClientReport(proxy, session, this.#protocol, since, this.#context);
    const debtor: Debtor = {
      holder: this.#caller.holder,
      nodeId: proxy.nodeId,
      bytes: () => session.bytes,
      end: (error) => this.#fault(error),
    };
    return { proxy, session, subscription, report, debtor };
  }

  /** The source has something new. */
  #changed(): void {
    if (this.#closed) return;
    try {
      this.#client?.report.behind();
      this.#aim();
      if (!this.#schedule()) this.#client?.report.progress();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #aim(): void {
    if (this.#client === undefined) return;
    const { session, subscription } = this.#client;
    // Without a proven identity there are no secrets, whatever the source would say.
    session.aim(subscription.current(), this.#caller.identity === undefined ? NO_RESOURCES : subscription.secrets());
  }

  /** Says whether the turn has come at once. */
  #schedule(): boolean {
    return !this.#closed && this.#turns.request(this.#isConfigured);
  }

  get #isConfigured(): boolean {
    return this.#client !== undefined && this.#client.report.acknowledged !== -1;
  }

  #takeTurn(): void {
    try {
      this.#pump();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #pump(): void {
    if (this.#client === undefined || this.#closed || this.#outlet.isFull) return;
    const now = this.#context.clock.monotonic();
    this.#pumpedAt = now;
    const { session, report } = this.#client;
    for (const response of session.pump(now, this.#turns.begin())) this.#write(response, now);
    if (session.heldBack) this.#turns.requestLarge(this.#isConfigured);
    report.progress();
    this.#arm();
  }

  #write(response: Outgoing, now: number): void {
    const { encoder, metrics, clock } = this.#context;
    const start = clock.monotonic();
    const encoded = encoder.encode(this.#protocol, response);
    this.#outlet.write(encoded, now);
    metrics.pushed(response.type, encoded.size, (clock.monotonic() - start) / 1000);
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
    if (this.#outlet.isFull) throw new LateenError('exhausted', 'what was sent before is not read yet');
    this.#questions ??= new Questions(this.#protocol, debug, identity);
    this.#questions.ask(question).then(
      (encoded) =>
        this.#guard(() => {
          if (this.#closed) return;
          this.#outlet.write(encoded, clock.monotonic());
          this.#arm();
        }),
      (thrown: unknown) =>
        this.#guard(() => {
          throw LateenError.from(thrown);
        }),
    );
  }

  /** Sets the alarm to the next moment at which something may be due. */
  #arm(): void {
    const { clock, writeTimeoutMs } = this.#context;
    const now = clock.monotonic();
    const stalled = (this.#outlet.waitingSince ?? Number.POSITIVE_INFINITY) + writeTimeoutMs;
    const { expires } = this.#caller;
    // What has fallen due since then is not forgotten: its time is over already. Whose turn is to come is asked then.
    const due = this.#turns.isWaiting ? undefined : this.#client?.session.deadline(this.#pumpedAt);
    const expired = expires === undefined ? Number.POSITIVE_INFINITY : now + Math.max(0, expires - clock.now());
    this.#alarm.set(Math.min(due ?? Number.POSITIVE_INFINITY, stalled, expired));
  }

  #due(): void {
    if (this.#closed) {
      this.#cutOff();
      return;
    }
    if (this.#context.clock.now() >= (this.#caller.expires ?? Number.POSITIVE_INFINITY)) {
      this.fail(status.UNAUTHENTICATED, 'the client certificate has expired');
      // A new stream on this connection would show the same certificate.
      this.#caller.disconnect();
      return;
    }
    const since = this.#outlet.waitingSince;
    if (since !== undefined && this.#context.clock.monotonic() >= since + this.#context.writeTimeoutMs) {
      this.#cutOff();
      return;
    }
    this.#schedule();
    this.#arm();
  }

  /** Runs a reaction to something from outside. Those to each change and message do the same without a function for each. */
  #guard(react: () => void): void {
    try {
      react();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  /** Whatever a reaction to something from outside throws ends this stream and nothing else. */
  #fault(thrown: unknown): void {
    const { logger, firstSeen, metrics } = this.#context;
    const error = LateenError.from(thrown);
    const fields = { proxy: this.#client?.proxy.connectionId, peer: this.#call.getPeer(), reason: error.message };
    if (error.code === 'internal') {
      metrics.internalError();
      logger.error('discovery stream failed', { ...fields, error });
      this.fail(status.INTERNAL, 'internal error');
      return;
    }
    if (!(error instanceof UnknownTypeError) || firstSeen(error.typeUrl))
      logger.warn('discovery stream refused', fields);
    this.fail(STATUSES[error.code] ?? status.INVALID_ARGUMENT, error.message);
  }

  /** A peer that does not read hears of no status either: what it was sent is let go of only with its connection. */
  #cutOff(): void {
    if (this.#outlet.waitingSince === undefined) return;
    this.#context.metrics.writeTimeout();
    const { logger } = this.#context;
    logger.warn('client does not read what it is sent', {
      proxy: this.#client?.proxy.connectionId,
      peer: this.#call.getPeer(),
    });
    this.#end();
    this.#release();
    if (!this.#outlet.disconnect()) this.#caller.disconnect();
  }

  /** Nothing more is on the way. */
  #release(): void {
    this.#alarm.cancel();
    this.#outlet.close();
  }

  #end(finish?: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.cancel();
    this.#turns.withdraw();
    if (this.#client !== undefined) {
      this.#context.budget.forget(this.#client.debtor);
      this.#client.subscription.close();
      this.#client.report.disconnected();
    }
    if (this.#proxy !== undefined) this.#context.workloads?.disconnected(this.#proxy.connectionId);
    this.#leaveProxy?.();
    const { waitingSince } = this.#outlet;
    if (finish === undefined || waitingSince === undefined) this.#outlet.close();
    // The status goes behind it: until the peer has read it, it is held and counts.
    else this.#alarm.set(waitingSince + this.#context.writeTimeoutMs);
    finish?.();
    this.#onClosed();
  }
}
