/** The pages over HTTP: who asks must prove an identity, as on the xDS port. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';
import type { CallerVerdict } from '#ca/index.ts';
import { LateenError, type Logger, type PresentedCredentials, Quota } from '#runtime/index.ts';
import { readTarget } from '../../http-server.ts';
import { resolveViewer, type Viewer } from './access.ts';
import { renderArray } from './json.ts';
import type { Pages } from './page.ts';
import { findPage } from './xds-answers.ts';

export interface DebugHandlerOptions {
  readonly pages: Pages;
  readonly authenticate: (credentials: PresentedCredentials) => Promise<CallerVerdict>;
  readonly administrators: () => ReadonlySet<string>;
  /** Whoever connects from loopback without credentials sees everything. */
  readonly trustsLoopback: boolean;
  readonly logger: Logger;
}

/** Pages that are written at the same time; each costs work, and memory for as long as its reader takes. */
const MOST_READERS = 8;

/**
 * Tokens that somebody else is asked about at the same time, of one address and in all: whoever shows one has proven nothing yet,
 * must not keep those out who have, and must leave room for the proxies' tokens, which are verified by the same means.
 */
const MOST_REVIEWS = { each: 4, all: 64 };

/** Answers `/debug` (the list of pages) and `/debug/PAGE`. */
export function createDebugHandler(options: DebugHandlerOptions): RequestListener {
  const { logger } = options;
  const quotas: Quotas = {
    readers: new Quota(MOST_READERS),
    reviews: new Quota(MOST_REVIEWS.all),
    reviewsOfAddress: new Quota(MOST_REVIEWS.each),
  };
  return (request, response) => {
    answer(options, quotas, request, response).catch((thrown: unknown) => {
      response.destroy();
      if (isGone(thrown)) return;
      logger.error('debug page failed', { path: request.url?.slice(0, 200), error: LateenError.from(thrown) });
    });
  };
}

interface Quotas {
  readonly readers: Quota;
  readonly reviews: Quota;
  readonly reviewsOfAddress: Quota;
}

async function answer(
  options: DebugHandlerOptions,
  quotas: Quotas,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const viewer = await findViewer(options, quotas, request);
  if ('code' in viewer) {
    const { code, reason } = viewer;
    options.logger.warn('debug page without a proven identity', { peer: request.socket.remoteAddress, reason });
    if (code === 'unavailable') refuse(response, 503, 'identities cannot be verified now');
    else if (code === 'crowded') refuse(response, 429, `${reason}, try again`);
    else refuse(response, 401, 'authentication failure', { 'www-authenticate': 'Bearer' });
    return;
  }
  const leave = quotas.readers.take('');
  if (leave === undefined) {
    refuse(response, 429, 'too many readers, try again');
    return;
  }
  try {
    await show(options.pages, viewer, request, response);
  } finally {
    leave();
  }
}

async function show(pages: Pages, viewer: Viewer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = readTarget(request.url);
  const name = url?.pathname.replace(/^\/debug\/?/, '');
  if (url === undefined || name === undefined) {
    refuse(response, 404, '404 page not found');
    return;
  }
  if (name === '') {
    await write(response, renderArray(listPages(pages, viewer)));
    return;
  }
  const page = findPage(pages, name);
  if (page === undefined) refuse(response, 404, '404 page not found');
  else if (page.audience === 'administrators' && viewer.sees !== 'mesh')
    refuse(response, 403, `${name} is for identities of the control plane's namespace`);
  else {
    const content = page.render(url.searchParams, viewer);
    if ('problem' in content) refuse(response, content.problem === 'invalid' ? 400 : 404, content.text);
    else await write(response, content.json);
  }
}

type Refusal = Extract<CallerVerdict, { ok: false }> | { readonly code: 'crowded'; readonly reason: string };

async function findViewer(
  { authenticate, administrators, trustsLoopback }: DebugHandlerOptions,
  { reviews, reviewsOfAddress }: Quotas,
  request: IncomingMessage,
): Promise<Viewer | Refusal> {
  const credentials = readCredentials(request);
  const presented = credentials.authorization.length + credentials.chain.length > 0;
  if (!presented && trustsLoopback && isForwarded(request)) return { sees: 'mesh' };
  // A certificate is verified here and now.
  const isReviewed = credentials.authorization.length > 0;
  const leaveAddress = isReviewed ? reviewsOfAddress.take(request.socket.remoteAddress ?? '') : ignore;
  const leave = isReviewed ? reviews.take('') : ignore;
  try {
    if (leaveAddress === undefined || leave === undefined)
      return { code: 'crowded', reason: 'too many identities are being verified' };
    const verdict = await authenticate(credentials);
    return verdict.ok ? resolveViewer(verdict.identity, administrators()) : verdict;
  } finally {
    leaveAddress?.();
    leave?.();
  }
}

const ignore = (): void => undefined;

/**
 * From loopback, and asked for by a name of loopback: a page that somebody's browser shows can reach a port that is
 * forwarded to their machine, but only under a name of its own may it read the answer.
 */
function isForwarded({ socket, headers }: IncomingMessage): boolean {
  const isLocal = /^(?:::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '');
  return isLocal && /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(headers.host ?? '');
}

/** The reader went away before the end. */
function isGone(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function* listPages(pages: Pages, viewer: Viewer): Iterable<unknown> {
  for (const [name, { help, audience }] of Object.entries(pages)) {
    if (audience === 'namespace' || viewer.sees === 'mesh') yield { path: `/debug/${name}`, help };
  }
}

function readCredentials({ headersDistinct, socket }: IncomingMessage): PresentedCredentials {
  // A certificate counts only when TLS has verified it against our roots.
  const certificate = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().raw : undefined;
  return {
    authorization: headersDistinct.authorization ?? [],
    chain: certificate === undefined ? [] : [certificate],
  };
}

/** Written as fast as the reader takes it; whoever stops reading is cut off by the limits of the port. */
async function write(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.setTimeout(READ_TIMEOUT_MS, () => response.destroy());
  await pipeline(Readable.from(pieces, { objectMode: false, highWaterMark: 64 * 1024 }), response);
}

const READ_TIMEOUT_MS = 30_000;

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${text}\n`);
}
