/** Port 15020: readiness, merged metrics, the application's probes, and the way to end the proxy of a finished Job. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Component, LateenError } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { EnvoyAdmin } from '../proxy/admin.ts';
import type { AgentMetrics } from './metrics.ts';
import type { Probes } from './probes.ts';
import { runProbe } from './probing.ts';
import type { Readiness } from './readiness.ts';
import { type ApplicationScrape, scrapeAll, scrapeEnvoy } from './scrape.ts';

export interface StatusServerOptions {
  readonly port: number;
  /** Where the kubelet would have probed the application: the pod's address. */
  readonly podAddress: string;
  readonly admin: EnvoyAdmin;
  readonly readiness: Readiness;
  readonly application: ApplicationScrape | undefined;
  readonly metrics: AgentMetrics;
  readonly probes: Probes;
  readonly log: Logger;
  /** What `/debug` shows; no secrets. */
  readonly describe: () => Readonly<Record<string, unknown>>;
  /** Asks the whole agent to end as on SIGTERM. */
  readonly quit: () => void;
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

export class StatusServer implements Component {
  readonly name = 'status server';
  readonly #options: StatusServerOptions;

  constructor(options: StatusServerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, port } = this.#options;
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        log.warn('status request failed', { path: request.url ?? '', error: LateenError.from(error).message });
        if (!response.headersSent) sendText(response, 500, 'internal error');
        else response.destroy();
      });
    });
    await listenAny(server, port);
    log.info('status server listening', { port });
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { probes, podAddress, admin, describe, log } = this.#options;
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    switch (path) {
      case '/healthz/ready':
        return await this.#answerReadiness(response);
      case '/stats/prometheus':
        return await this.#answerMetrics(response, scrapeAll(this.#options, resolveDeadline(request)));
      case '/stats/envoy':
        return await this.#answerMetrics(response, scrapeEnvoy(admin, resolveDeadline(request)));
      case '/quitquitquit':
        return this.#answerQuit(request, response);
      case '/debug':
        if (!isLoopback(request)) return sendText(response, 403, 'only from within the pod');
        return sendText(response, 200, `${JSON.stringify(describe(), undefined, 2)}\n`, 'application/json');
    }
    const probe = probes.get(path);
    if (!probe) return sendText(response, 404, 'not found');
    const result = await runProbe(probe, podAddress, probeHeaders(request));
    if (result.reason !== '') log.debug('application probe failed', { path, reason: result.reason });
    sendText(response, result.status, result.reason);
  }

  async #answerReadiness(response: ServerResponse): Promise<void> {
    const report = await this.#options.readiness.report();
    sendText(response, report.ready ? 200 : 503, report.ready ? '' : `${report.reason}\n`);
  }

  async #answerMetrics(response: ServerResponse, chunks: AsyncGenerator<string>): Promise<void> {
    // The first chunk decides between an answer and an error.
    const first = await chunks.next();
    response.writeHead(200, { 'content-type': metricsType });
    if (first.done) {
      response.end();
      return;
    }
    response.write(first.value);
    await pipeline(Readable.from(chunks), response);
  }

  #answerQuit(request: IncomingMessage, response: ServerResponse): void {
    if (!isLoopback(request)) {
      sendText(response, 403, 'only from within the pod');
    } else if (request.method !== 'POST') {
      sendText(response, 405, 'POST only');
    } else {
      sendText(response, 200, 'OK');
      this.#options.log.info('asked to quit');
      this.#options.quit();
    }
  }
}

/** Both address families where the kernel has them. */
async function listenAny(server: Server, port: number): Promise<void> {
  const attempt = (host: string) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await attempt('::');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') {
      throw new LateenError('unavailable', `cannot listen on port ${port}: ${LateenError.from(error).message}`);
    }
    await attempt('0.0.0.0');
  }
}

function isLoopback(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? '';
  return address === '127.0.0.1' || address === '::1' || address === '::ffff:127.0.0.1';
}

/** Prometheus says how long it waits; the kubelet and people do not. */
function resolveDeadline(request: IncomingMessage): number {
  const seconds = Number(request.headers['x-prometheus-scrape-timeout-seconds']);
  return seconds > 0 && seconds < 300 ? seconds * 1000 : 10_000;
}

/** What the kubelet sent, without what belongs to this connection. */
function probeHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  const { host: _host, connection: _connection, 'content-length': _length, ...rest } = request.headers;
  return Object.fromEntries(
    Object.entries(rest).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function sendText(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}
