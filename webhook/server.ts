import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Component, LateenError, type Logger, type Metrics } from '#runtime/index.ts';
import {
  type AdmissionRequest,
  type AdmissionVerdict,
  parseAdmissionReview,
  renderAdmissionReview,
} from './admission.ts';
import { readJsonBody } from './body.ts';
import { type InjectionMetrics, type InjectionSource, injectPod } from './injector.ts';
import { isServed, validateResource } from './validate.ts';

/** The server's own certificate and its successors; ca/ has one. */
export interface ServerCertificateSource {
  /** Calls back at once when there is a certificate, and with every later one. Returns how to stop that. */
  onChange(listener: (pair: { readonly certificate: string; readonly privateKey: string }) => void): () => void;
}

export interface WebhookServerOptions {
  /** All addresses when absent. */
  readonly host?: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly certificate: ServerCertificateSource;
  readonly injection: InjectionSource;
  readonly injectionMetrics: InjectionMetrics;
  readonly validationMetrics: ValidationMetrics;
  readonly logger: Logger;
}

/** Istio's names. */
export function declareValidationMetrics(metrics: Metrics) {
  const labels = ['group', 'version', 'resource'] as const;
  return {
    passed: metrics.counter({ name: 'galley_validation_passed', help: 'Resources found valid.', labels }),
    failed: metrics.counter({ name: 'galley_validation_failed', help: 'Resources refused.', labels }),
    httpErrors: metrics.counter({
      name: 'galley_validation_http_error',
      help: 'Requests that were no reviews.',
      labels: ['status'],
    }),
  };
}

export type ValidationMetrics = ReturnType<typeof declareValidationMetrics>;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly json?: boolean;
}

/** The admission webhooks over HTTPS. Anybody in the cluster may call: work is bounded, and nothing but the verdict is told. */
export class WebhookServer implements Component {
  readonly name = 'webhook server';
  readonly #options: WebhookServerOptions;
  #port = 0;

  constructor(options: WebhookServerOptions) {
    this.#options = options;
  }

  /** The port in use, 0 while there is none. */
  get port(): number {
    return this.#port;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { certificate, logger } = this.#options;
    const server = createServer(
      { minVersion: 'TLSv1.2', headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 60_000 },
      (request, response) => {
        this.#handle(request, response).catch((error: unknown) => {
          logger.error('webhook request failed', { path: request.url, error });
          if (response.headersSent) response.destroy();
          else send(response, { status: 500, body: 'internal error\n' });
        });
      },
    );
    server.maxConnections = 1000;
    server.maxHeadersCount = 100;
    // Without a certificate yet, or from somebody who is not the API server: not worth more than a line.
    server.on('tlsClientError', (error) => logger.debug('TLS handshake failed', { reason: error.message }));
    const stopFollowing = certificate.onChange((pair) =>
      server.setSecureContext({ cert: pair.certificate, key: pair.privateKey, minVersion: 'TLSv1.2' }),
    );
    try {
      await listen(server, this.#options);
      this.#port = (server.address() as AddressInfo).port;
      logger.info('webhooks listening', { host: this.#options.host ?? '', port: this.#port });
      await aborted(server, signal);
    } finally {
      stopFollowing();
      this.#port = 0;
      server.closeIdleConnections();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const patience = setTimeout(() => server.closeAllConnections(), 5000);
      await closed;
      clearTimeout(patience);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const answer = await this.#answer(request, path);
    if (path === '/validate' && answer.status !== 200)
      this.#options.validationMetrics.httpErrors.increment({ status: String(answer.status) });
    // What is left unread of a refused body is not waited for.
    if (!request.complete) response.setHeader('connection', 'close');
    send(response, answer);
  }

  async #answer(request: IncomingMessage, path: string): Promise<Answer> {
    const injects = path === '/inject' || path.startsWith('/inject/');
    if (!injects && path !== '/validate')
      return path === '/ready' ? { status: 200, body: 'ok\n' } : { status: 404, body: 'not found\n' };
    if (request.method !== 'POST') return { status: 405, body: 'POST an AdmissionReview\n' };
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      return { status: 415, body: 'the content type is not application/json\n' };
    const body = await readJsonBody(request);
    if (!body.ok) return { status: body.status, body: `${body.message}\n` };
    try {
      const review = parseAdmissionReview(body.json);
      const verdict = injects ? this.#inject(review, path) : this.#validate(review);
      return { status: 200, body: JSON.stringify(renderAdmissionReview(review.uid, verdict)), json: true };
    } catch (error) {
      if (error instanceof LateenError && error.code === 'invalid') return { status: 400, body: `${error.message}\n` };
      throw error;
    }
  }

  #inject(review: AdmissionRequest, path: string): AdmissionVerdict {
    const { injection, injectionMetrics, logger } = this.#options;
    return injectPod(review, path, { source: injection, metrics: injectionMetrics, logger });
  }

  #validate(review: AdmissionRequest): AdmissionVerdict {
    const { validationMetrics, logger } = this.#options;
    const verdict = validateResource(review);
    const labels = isServed(review)
      ? { group: review.group, version: review.version, resource: review.kind }
      : { group: 'other', version: 'other', resource: 'other' };
    if (verdict.allowed) validationMetrics.passed.increment(labels);
    else {
      validationMetrics.failed.increment(labels);
      logger.info('resource refused', {
        kind: review.kind,
        namespace: review.namespace,
        name: review.name,
        reason: verdict.message,
      });
    }
    return verdict;
  }
}

function send(response: ServerResponse, { status, body, json = false }: Answer): void {
  response.writeHead(status, {
    'content-type': json ? 'application/json' : 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function listen(server: Server, { host, port }: Pick<WebhookServerOptions, 'host' | 'port'>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function aborted(server: Server, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
