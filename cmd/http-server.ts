import { createServer, type ServerResponse } from 'node:http';
import { type Component, LateenError, type Logger } from '#runtime/index.ts';
import { parseAddress } from './settings.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

/** A few read-only pages by path. GET only; everything else is refused. */
export function createHttpServer(
  name: string,
  address: string,
  pages: Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>,
  logger: Logger,
): Component {
  const bind = parseAddress(address);
  return {
    name,
    run: async (signal) => {
      if (bind === undefined) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        return;
      }
      const server = createServer(
        { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 16 * 1024 },
        (request, response) => {
          const path = new URL(request.url ?? '/', 'http://localhost').pathname;
          const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
          if (page === undefined) return send(response, { status: 404, body: 'not found\n' });
          if (request.method !== 'GET' && request.method !== 'HEAD')
            return send(response, { status: 405, body: 'GET only\n' });
          Promise.resolve(page()).then(
            (answer) => send(response, answer),
            (thrown) => {
              logger.error('page failed', { server: name, path, error: thrown });
              send(response, { status: 500, body: 'internal error\n' });
            },
          );
        },
      );
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) =>
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
          server.close(() => resolve());
          server.closeAllConnections();
        });
        if (signal.aborted) resolve();
        else server.listen(bind.port, bind.host);
      });
    },
  };
}

function send(response: ServerResponse, { status, contentType = 'text/plain; charset=utf-8', body }: HttpAnswer): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}
