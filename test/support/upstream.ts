/** A small HTTP server that says who it is and what it was asked. */
import { once } from 'node:events';
import { createServer, get, type IncomingHttpHeaders, type RequestOptions } from 'node:http';

export interface Answer {
  readonly name: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Upstream {
  readonly name: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Answers every request with JSON (`Answer`); `?delay=MS` makes it wait first. */
export async function startUpstream(name: string, host = '127.0.0.1'): Promise<Upstream> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const delay = Number(new URL(path, 'http://upstream').searchParams.get('delay') ?? 0);
    const answer: Answer = { name, path, headers: request.headers };
    setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)), delay);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    name,
    port: address.port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One HTTP/1.1 request to loopback, with any headers (also `host`). */
export function request(port: number, path: string, headers: Record<string, string>): Promise<Reply> {
  return requestOver({ host: '127.0.0.1', port, path, headers, agent: false });
}

/** One HTTP/1.1 request, also over a Unix socket. */
export async function requestOver(options: RequestOptions): Promise<Reply> {
  const asked = get(options);
  const [response] = await once(asked, 'response');
  response.setEncoding('utf8');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
