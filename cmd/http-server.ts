import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as TcpServer } from 'node:net';
import { type Component, LateenError, type Logger, untilAborted } from '#runtime/index.ts';
import { createDualPort, type KeyPair } from './dual-port.ts';
import { parseAddress } from './settings.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

export interface HttpServer extends Component {
  /** Everything below a path (`/debug`) goes to this handler from now on. */
  delegate(path: string, handler: RequestListener): void;
  /** Answers TLS on the same port from now on, asking clients for a certificate and requiring none. */
  useCertificate(pair: KeyPair): void;
}

const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 32 * 1024 };

/** A few read-only pages by path. GET only; everything else is refused. */
export function createHttpServer(
  name: string,
  address: string,
  pages: Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>,
  logger: Logger,
): HttpServer {
  const bind = parseAddress(address);
  const delegates = new Map<string, RequestListener>();
  const answer: RequestListener = (request, response) => {
    const path = readPath(request.url);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    const delegate = delegates.get(`/${path.split('/')[1] ?? ''}`);
    if (page === undefined && delegate === undefined) return send(response, { status: 404, body: 'not found\n' });
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response, { status: 405, body: 'GET only\n' });
    if (page === undefined) return delegate?.(request, response);
    Promise.resolve(page()).then(
      (ready) => send(response, ready),
      (thrown) => {
        logger.error('page failed', { server: name, path, error: thrown });
        send(response, { status: 500, body: 'internal error\n' });
      },
    );
  };
  const port = createDualPort(createServer(LIMITS, answer), () =>
    createSecureServer({ ...LIMITS, handshakeTimeout: 5_000, requestCert: true, rejectUnauthorized: false }, answer),
  );
  return {
    name,
    delegate: (path, handler) => void delegates.set(path, handler),
    useCertificate: (pair) => port.useCertificate(pair),
    run: (signal) => (bind === undefined ? untilAborted(signal) : serve(port.acceptor, name, address, bind, signal)),
  };
}

/** Whatever stands in a request line: what is no path at all has no page. Istio's tools begin paths with two slashes. */
export function readPath(url: string | undefined): string {
  return readTarget(url)?.pathname ?? '';
}

/** The path and the query of a request line; undefined when it has neither. */
export function readTarget(url = '/'): URL | undefined {
  return URL.parse(url.replace(/^\/+/, '/'), 'http://localhost') ?? undefined;
}

async function serve(
  acceptor: TcpServer & { closeAllConnections(): void },
  name: string,
  address: string,
  bind: { readonly host?: string; readonly port: number },
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    acceptor.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new LateenError(
          'unavailable',
          error.code === 'EADDRINUSE'
            ? `${name}: ${address} is in use by another process`
            : `${name}: ${error.message}`,
          { cause: error },
        ),
      ),
    );
    signal.addEventListener('abort', () => {
      acceptor.close(() => resolve());
      acceptor.closeAllConnections();
    });
    if (signal.aborted) resolve();
    else acceptor.listen(bind);
  });
}

function send(response: ServerResponse, { status, contentType = 'text/plain; charset=utf-8', body }: HttpAnswer): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}
