import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { Socket } from 'node:net';
import type { ApiServer } from './apiserver.ts';

/** What happens to the next watch requests instead of, or on top of, being passed on. */
export type Fault =
  | { readonly kind: 'none' }
  /** Answer with a status instead of asking the server. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  /** Cut the connection before answering. */
  | { readonly kind: 'refuse' }
  /** Send these bytes in front of the server's first answer bytes and then end the body. */
  | { readonly kind: 'inject'; readonly text: string }
  /** Take the request and never say anything. */
  | { readonly kind: 'silence' };

/** A plain-HTTP proxy on loopback in front of a real API server, which can be told to misbehave. */
export interface FaultyProxy {
  readonly url: string;
  /** Paths (with query) of all requests so far. */
  readonly requests: readonly string[];
  /** Applies to requests that match, as often as given; then everything is passed on again. */
  fail(fault: Fault, matches: (url: string) => boolean, times?: number): void;
  /** Cuts all open connections of clients (reset), in the middle of whatever they carry. */
  cut(): void;
  /** Stops passing on anything, in either direction, without closing: connections are half open until `heal`. */
  freeze(): void;
  heal(): void;
  /** Cuts open watches after writing half of an event line into them. */
  cutWithHalfLine(): void;
  close(): Promise<void>;
}

export async function startFaultyProxy(server: ApiServer): Promise<FaultyProxy> {
  const agent = new Agent({ ca: server.ca, cert: server.certificate, key: server.key, keepAlive: true });
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const watches = new Set<ServerResponse>();
  let fault: Fault = { kind: 'none' };
  let matches: (url: string) => boolean = () => false;
  let times = 0;
  let frozen = false;

  function takeFault(url: string): Fault {
    if (times <= 0 || !matches(url)) return { kind: 'none' };
    times -= 1;
    return fault;
  }

  function handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const url = incoming.url ?? '';
    requests.push(url);
    const now = takeFault(url);
    if (frozen || now.kind === 'silence') return;
    if (now.kind === 'refuse') incoming.socket.destroy();
    else if (now.kind === 'answer') outgoing.writeHead(now.status, now.headers).end(now.body ?? '');
    else if (now.kind === 'inject') outgoing.writeHead(200, { 'content-type': 'application/json' }).end(now.text);
    else pass(incoming, outgoing, url);
  }

  function pass(incoming: IncomingMessage, outgoing: ServerResponse, url: string): void {
    const upstream = request(
      `${server.url}${url}`,
      { agent, method: incoming.method, headers: incoming.headers },
      (answer) => {
        if (frozen) return;
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        if (url.includes('watch=true')) watches.add(outgoing);
        answer.on('data', (chunk: Buffer) => {
          if (!frozen) outgoing.write(chunk);
        });
        answer.on('end', () => {
          if (!frozen) outgoing.end();
        });
        answer.on('error', () => outgoing.destroy());
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => {
      watches.delete(outgoing);
      upstream.destroy();
    });
    incoming.pipe(upstream);
  }

  const listener = createServer(handle);
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    fail(next, which, howOften = 1) {
      fault = next;
      matches = which;
      times = howOften;
    },
    cut,
    freeze() {
      frozen = true;
    },
    heal() {
      frozen = false;
    },
    cutWithHalfLine() {
      for (const watch of watches) watch.write('{"type":"MODIFIED","object":{"metadata":{"na', () => watch.destroy());
    },
    async close() {
      agent.destroy();
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
