/** What becomes of a query: an answer from the name table, or the pod's own servers' response. */
import { buildAnswer } from './answer.ts';
import {
  asksForAddresses,
  buildRelayed,
  buildReply,
  parseQuery,
  type Query,
  replyLimit,
  responseCode,
} from './message.ts';
import type { NameTable } from './table.ts';
import type { Upstream } from './upstream.ts';

export type Transport = 'udp' | 'tcp';

export interface ResolverOptions {
  readonly table: NameTable;
  readonly upstream: Upstream;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly onRequest: () => void;
  readonly onForwarded: () => void;
}

export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The reply to a message of a client; undefined when there is none to give. Never rejects because of what the bytes are. */
  async resolve(bytes: Buffer, transport: Transport, signal: AbortSignal): Promise<Buffer | undefined> {
    this.#options.onRequest();
    const parsed = parseQuery(bytes);
    if (parsed.kind === 'dropped') return undefined;
    if (parsed.kind === 'refused') return parsed.reply;
    const { query } = parsed;
    const { table, random } = this.#options;
    // Before the table is there nobody knows which names are the mesh's; "no such name" would be remembered.
    if (!table.complete) return fail(query);
    const found = asksForAddresses(query.question) ? table.lookup(query.question.name) : undefined;
    if (found !== undefined) return buildAnswer(query, found, transport, random);
    return this.#forward(query, transport, signal);
  }

  async #forward(query: Query, transport: Transport, signal: AbortSignal): Promise<Buffer> {
    this.#options.onForwarded();
    const response = await this.#options.upstream.resolve(query, transport, signal);
    return response === undefined ? fail(query) : buildRelayed(response, query, replyLimit(query, transport));
  }
}

const fail = (query: Query): Buffer => buildReply(query, { code: responseCode.serverFailure });
