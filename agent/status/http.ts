/** The small HTTP client of the agent: Envoy's admin interface, the application's probes and metrics. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { LateenError } from '#runtime/core/index.ts';

export interface HttpCall {
  readonly scheme?: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Source address to bind, where iptables tell traffic apart by it. */
  readonly localAddress?: string;
  /** Milliseconds until the response's headers, and between its chunks. */
  readonly deadline: number;
}

/** Resolves with the response, whatever its status; rejects with LateenError `unavailable` or `deadline`. */
export function openHttp(call: HttpCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = {
      host: call.host,
      port: call.port,
      method: call.method ?? 'GET',
      path: call.path,
      headers: { ...call.headers },
      agent: false as const,
      timeout: call.deadline,
      ...(call.localAddress === undefined ? {} : { localAddress: call.localAddress }),
    };
    // Like the kubelet, a probe does not judge the application's certificate.
    const request =
      call.scheme === 'https' ? requestHttps({ ...options, rejectUnauthorized: false }) : requestHttp(options);
    request.on('timeout', () => request.destroy(new LateenError('deadline', `no answer within ${call.deadline} ms`)));
    request.on('error', (error) => reject(LateenError.from(error, 'unavailable')));
    request.on('response', resolve);
    request.end();
  });
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Bytes of a body that the kubelet reads when it probes. */
const mostProbed = 10 * 1024;

/** Status and headers once the whole body is there, or as much of it as matters, within the deadline. */
export async function probeHttp(call: HttpCall): Promise<Omit<HttpReply, 'body'>> {
  const response = await openHttp(call);
  const late = setTimeout(
    () => response.destroy(new LateenError('deadline', `no whole answer within ${call.deadline} ms`)),
    call.deadline,
  );
  try {
    let length = 0;
    for await (const chunk of response) {
      length += chunk.length;
      if (length > mostProbed) break;
    }
  } finally {
    clearTimeout(late);
  }
  return { status: response.statusCode ?? 0, headers: response.headers };
}

/** The whole response as text. */
export async function callHttp(call: HttpCall): Promise<HttpReply> {
  const response = await openHttp(call);
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
