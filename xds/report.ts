/** What is said of one client as it goes: to the delivery observer, the metrics and the log. */
import { sameMembers } from '#runtime/core/index.ts';
import type { StreamContext } from './context.ts';
import type { Reaction } from './reaction.ts';
import type { Protocol } from './request.ts';
import type { Session } from './session.ts';
import type { Proxy as MeshProxy } from './source.ts';
import type { ResourceType } from './types.ts';

type ReportContext = Pick<StreamContext, 'observer' | 'metrics' | 'logger' | 'clock'>;

export class ClientReport {
  readonly #proxy: MeshProxy;
  readonly #session: Session;
  readonly #context: ReportContext;
  /** Since when the client is behind, on the monotonic clock; undefined: it is not. */
  #behindSince: number | undefined;
  #acknowledged = -1;
  /** Something was acknowledged that nobody was told of. */
  #moved = false;
  #waiting: readonly string[] = [];

  /** The client has connected, and waits for its first snapshot since then (on the monotonic clock). */
  constructor(proxy: MeshProxy, session: Session, protocol: Protocol, since: number, context: ReportContext) {
    this.#proxy = proxy;
    this.#session = session;
    this.#context = proxy.client === 'agent' ? withoutDelivery(context) : context;
    this.#behindSince = since;
    const { observer, metrics, logger } = this.#context;
    observer.connected(proxy, {
      revision: () => session.snapshot?.revision ?? -1,
      outstanding: () => session.outstanding(),
      refused: () => session.refused(),
    });
    metrics.connected(proxy.istioVersion);
    logger.info(`${describe(proxy)} connected`, { proxy: proxy.connectionId, node: proxy.nodeId, protocol });
  }

  /** The newest revision of which it has acknowledged everything; -1: none. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Clusters that something waits for. */
  get waiting(): readonly string[] {
    return this.#waiting;
  }

  /** There is something new for the client. */
  behind(): void {
    this.#behindSince ??= this.#context.clock.monotonic();
  }

  /** What a request turned out to be. */
  reaction(reaction: Reaction, type: ResourceType): void {
    const { logger, metrics } = this.#context;
    if (reaction.kind === 'acknowledged') this.#moved = true;
    if (reaction.kind === 'stale') metrics.staleNonce(type);
    if (reaction.kind !== 'refused') return;
    metrics.refused(type, this.#proxy.nodeId);
    const { message, resources, isolated } = reaction;
    const fields = {
      proxy: this.#proxy.connectionId,
      type: type.label,
      reason: message,
      resources: resources.slice(0, 10),
      count: resources.length,
    };
    if (!isolated) {
      logger.info('proxy refused a response, parts of it are sent by themselves', fields);
      return;
    }
    logger.warn('proxy refused a resource', fields);
    this.#rejections();
  }

  /** Says what has become true; cheap when nothing has. */
  progress(): void {
    const { observer, metrics, clock } = this.#context;
    const session = this.#session;
    const { connectionId } = this.#proxy;
    const revision = session.snapshot?.revision ?? -1;
    if (revision > this.#acknowledged && session.settled()) {
      this.#acknowledged = revision;
      this.#rejections();
      observer.acknowledged(connectionId, revision);
      if (this.#behindSince !== undefined) metrics.converged((clock.monotonic() - this.#behindSince) / 1000);
      this.#behindSince = undefined;
    } else if (this.#moved && this.#acknowledged !== -1) {
      observer.progressed(connectionId);
    }
    this.#moved = false;
    const waiting = session.waitingFor();
    if (sameMembers(waiting, this.#waiting)) return;
    this.#waiting = waiting;
    observer.waiting(connectionId, waiting);
  }

  disconnected(): void {
    const { observer, metrics, logger } = this.#context;
    const { connectionId, istioVersion, nodeId } = this.#proxy;
    observer.disconnected(connectionId);
    metrics.disconnected(istioVersion, nodeId);
    logger.info(`${describe(this.#proxy)} disconnected`, { proxy: connectionId });
  }

  #rejections(): void {
    for (const rejection of this.#session.rejections())
      this.#context.observer.rejected(this.#proxy.connectionId, rejection);
  }
}

/** Agents write a log line of their own, so that nobody counts them among the proxies. */
const describe = ({ client }: MeshProxy): string => (client === 'agent' ? 'agent' : 'proxy');

const ignore = (): void => undefined;

/** An agent is no proxy, and what it is sent is no delivery: only the log hears of it. */
function withoutDelivery(context: ReportContext): ReportContext {
  return {
    ...context,
    observer: {
      ...{ connected: ignore, progressed: ignore, acknowledged: ignore },
      ...{ rejected: ignore, waiting: ignore, disconnected: ignore },
    },
    metrics: { ...context.metrics, connected: ignore, disconnected: ignore, converged: ignore, refused: ignore },
  };
}
