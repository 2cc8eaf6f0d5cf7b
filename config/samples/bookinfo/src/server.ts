import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One service: a request in, an answer out; undefined means that there is nothing at that path. */
export type Handler = (request: Request) => Promise<Answer | undefined>;

const bodyLimit = 64 * 1024;
const drainMilliseconds = 5_000;

/**
 * Longer than a proxy keeps an idle connection (Envoy: an hour). A server that closes first, as Node does after 5 s, may
 * close just as the proxy sends the next request on it, and that one fails.
 */
const keepAliveMilliseconds = 2 * 60 * 60 * 1000;

/** Serves a handler, `/health` too, until SIGTERM; then lets running requests end. */
export function listen(name: string, port: number, handler: Handler): void {
  const server = createServer({ keepAliveTimeout: keepAliveMilliseconds }, async (incoming, outgoing) => {
    const answer = await answerTo(incoming, handler);
    // While the process ends, a client should open its next connection elsewhere.
    if (!server.listening) outgoing.setHeader('connection', 'close');
    outgoing.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    outgoing.end(answer.body);
  });
  server.listen(port, () => process.stdout.write(`${name} listens on port ${port}\n`));
  process.once('SIGTERM', () => {
    server.close(() => process.exit(0));
    setTimeout(() => process.exit(0), drainMilliseconds).unref();
  });
}

export function json(value: unknown, status = 200): Answer {
  return { status, body: JSON.stringify(value) };
}

async function answerTo(incoming: IncomingMessage, handler: Handler): Promise<Answer> {
  try {
    const url = new URL(incoming.url ?? '/', 'http://bookinfo');
    if (url.pathname === '/health') return json({ status: 'healthy' });
    const answer = await handler({
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: await readBody(incoming),
    });
    return answer ?? json({ error: 'not found' }, 404);
  } catch (error) {
    return json({ error: error instanceof Error ? error.message : String(error) }, 500);
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming.setEncoding('utf8')) {
    body += chunk;
    if (body.length > bodyLimit) throw new Error('request body too long');
  }
  return body;
}
