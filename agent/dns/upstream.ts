/** The pod's own servers, for every name that the mesh does not answer for. */
import { type Clock, LateenError } from '#runtime/core/index.ts';
import type { ExchangeWith, Server } from './exchange.ts';
import type { Query } from './message.ts';

export interface UpstreamOptions {
  /** In the order in which they are asked. */
  readonly servers: readonly Server[];
  readonly exchange: { readonly udp: ExchangeWith; readonly tcp: ExchangeWith };
  readonly clock: Clock;
  /** 0 up to 65535, not to be guessed. */
  readonly randomId: () => number;
  /** Seconds that a query took, answered or not. */
  readonly onAnswered: (seconds: number) => void;
  readonly onFailure: (server: string, error: LateenError) => void;
}

/** Milliseconds for one server. A client waits five seconds as a rule, so that a second one still counts. */
const serverTimeout = 2_000;
/** Queries that wait at the same time, in the whole pod. */
const mostInFlight = 512;

export class Upstream {
  readonly #options: UpstreamOptions;
  #inFlight = 0;
  /** The server that answered last is asked first, so that a dead one costs its time once. */
  #preferred = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** The response of the first server that gives one, under an id of its own; undefined when none does. */
  async resolve(query: Query, transport: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer | undefined> {
    const { servers, clock, onAnswered, onFailure } = this.#options;
    if (this.#inFlight >= mostInFlight) {
      onFailure('', new LateenError('unavailable', `${mostInFlight} queries wait already`));
      return undefined;
    }
    this.#inFlight += 1;
    const started = clock.monotonic();
    try {
      for (let turn = 0; turn < servers.length && !signal.aborted; turn += 1) {
        const at = (this.#preferred + turn) % servers.length;
        const server = servers[at];
        if (server === undefined) break;
        const response = await this.#ask(query, transport, server, signal);
        if (response === undefined) continue;
        this.#preferred = at;
        return response;
      }
      return undefined;
    } finally {
      this.#inFlight -= 1;
      onAnswered((clock.monotonic() - started) / 1000);
    }
  }

  async #ask(query: Query, transport: 'udp' | 'tcp', server: Server, signal: AbortSignal): Promise<Buffer | undefined> {
    const { exchange, randomId, onFailure } = this.#options;
    try {
      return await exchange[transport]({ query, server, id: randomId(), timeout: serverTimeout, signal });
    } catch (error) {
      if (!signal.aborted) onFailure(server.address, LateenError.from(error));
      return undefined;
    }
  }
}
