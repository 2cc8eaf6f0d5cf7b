import { Agent } from 'undici';
import { type ConnectionSource, type ConnectionTls, equalTls } from './connection.ts';
import { buildHttpError, buildTransportError } from './errors.ts';

/** One HTTP call to the API server. */
export interface KubeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path, already escaped. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for the answer to begin, and between its parts. Default 30,000. */
  readonly timeoutMs?: number;
}

/** Carries calls. Every failure is a KubeError. */
export interface KubeTransport {
  /** Sends one call and parses the JSON answer. */
  send(call: KubeCall): Promise<unknown>;
  /** Sends one call and hands out the answer's bytes as they come. Ending the iteration closes the connection. */
  stream(call: KubeCall): Promise<AsyncIterable<Uint8Array>>;
  /** Closes all connections; calls under way fail. */
  close(): Promise<void>;
}

const defaultTimeoutMs = 30_000;

/** All calls go through one keep-alive pool, replaced when the CA or the client certificate changes. */
export function createTransport(source: ConnectionSource, options: { readonly userAgent: string }): KubeTransport {
  let pool: { readonly agent: Agent; readonly tls: ConnectionTls } | undefined;
  let closed = false;

  function resolveAgent(tls: ConnectionTls): Agent {
    if (pool === undefined || !equalTls(pool.tls, tls)) {
      const replaced = pool?.agent;
      pool = { agent: buildAgent(tls), tls };
      // Calls under way on the old pool finish there; watches end by themselves within a minute.
      replaced?.close().catch(() => replaced.destroy());
    }
    return pool.agent;
  }

  async function call(call: KubeCall) {
    const what = `${call.method} ${call.path}`;
    if (closed) throw buildTransportError(what, new Error('client is closed'));
    try {
      const connection = await source.read();
      const timeout = call.timeoutMs ?? defaultTimeoutMs;
      const { origin, pathname } = new URL(connection.server);
      const response = await resolveAgent(connection.tls).request({
        origin,
        path: `${pathname.replace(/\/+$/, '')}${call.path}${encodeQuery(call.query)}`,
        method: call.method,
        headers: buildHeaders(call, connection.authorization, options.userAgent),
        body: call.body === undefined ? null : JSON.stringify(call.body),
        headersTimeout: timeout,
        bodyTimeout: timeout,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      if (response.statusCode >= 200 && response.statusCode < 300) return { what, body: response.body };
      const retryAfter = response.headers['retry-after'];
      throw buildHttpError(
        what,
        response.statusCode,
        await response.body.text(),
        typeof retryAfter === 'string' ? retryAfter : undefined,
      );
    } catch (thrown) {
      throw buildTransportError(what, thrown);
    }
  }

  return {
    async send(request) {
      const { what, body } = await call(request);
      try {
        return JSON.parse(await body.text());
      } catch (thrown) {
        throw buildTransportError(what, thrown);
      }
    },
    async stream(request) {
      return (await call(request)).body;
    },
    async close() {
      closed = true;
      await pool?.agent.destroy();
    },
  };
}

function buildAgent(tls: ConnectionTls): Agent {
  return new Agent({
    // Over HTTP/2 an aborted watch leaves a stream behind whose error nobody listens to: it would end the process.
    allowH2: false,
    keepAliveTimeout: 30_000,
    pipelining: 1,
    connect: {
      timeout: 10_000,
      rejectUnauthorized: tls.insecureSkipVerify !== true,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    },
  });
}

function buildHeaders(call: KubeCall, authorization: string | undefined, userAgent: string): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': userAgent,
    ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function encodeQuery(query: KubeCall['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
