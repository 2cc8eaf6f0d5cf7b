/** `pilot-agent request` and `pilot-agent wait`: small errands for people and lifecycle hooks. */
import { proxyPorts } from '#api/constants.ts';
import { LateenError } from '#runtime/core/index.ts';
import { type FlagSpecs, parseFlags, renderFlags } from '../flags.ts';
import type { Command } from '../host.ts';
import { callHttp, type HttpReply } from '../status/http.ts';

const requestFlags: FlagSpecs = {
  'debug-port': { kind: 'text', help: 'port of Envoy’s admin interface', default: '15000' },
};

export const requestCommand: Command = {
  usage: 'request METHOD PATH [flags]',
  summary: 'send a request to Envoy’s admin interface and print the answer',
  help: `Flags:\n${renderFlags(requestFlags)}\n\nExample: pilot-agent request GET /clusters`,

  async run(args, host) {
    const { values, positionals } = parseFlags(args, requestFlags);
    const [method, path, ...more] = positionals;
    if (method === undefined || path === undefined || more.length > 0)
      throw new LateenError('invalid', 'METHOD and PATH are needed');
    const port = Number(values['debug-port'] ?? proxyPorts.admin);
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new LateenError('invalid', `--debug-port: "${values['debug-port']}" is not a port`);
    try {
      const reply = await callHttp({
        host: '127.0.0.1',
        port,
        method: method.toUpperCase(),
        path: path.startsWith('/') ? path : `/${path}`,
        deadline: 60_000,
      });
      if (reply.status < 300) host.out(reply.body);
      else host.err(`Envoy answered ${reply.status}: ${reply.body}\n`);
      return reply.status < 300 ? 0 : 1;
    } catch (error) {
      host.err(`Envoy’s admin interface on port ${port} does not answer: ${LateenError.from(error).message}\n`);
      return 1;
    }
  },
};

const readinessUrl = `http://localhost:${proxyPorts.health}/healthz/ready`;

const waitFlags: FlagSpecs = {
  url: {
    kind: 'text',
    help: 'address that answers 200 once the proxy is ready',
    default: readinessUrl,
  },
  timeoutSeconds: { kind: 'text', help: 'give up after so long', default: '60' },
  requestTimeoutMillis: { kind: 'text', help: 'for one request', default: '500' },
  periodMillis: { kind: 'text', help: 'between requests', default: '500' },
};

export const waitCommand: Command = {
  usage: 'wait [flags]',
  summary: 'wait until the proxy is ready',
  help: `Flags:\n${renderFlags(waitFlags)}`,

  async run(args, host) {
    const { values } = parseFlags(args, waitFlags);
    const number = (name: string, fallback: number): number => {
      const value = Number(values[name] ?? fallback);
      if (value > 0) return value;
      throw new LateenError('invalid', `--${name}: "${values[name]}" is not a number above 0`);
    };
    const url = parseUrl(values.url ?? readinessUrl);
    const seconds = number('timeoutSeconds', 60);
    const deadline = number('requestTimeoutMillis', 500);
    const period = number('periodMillis', 500);
    const end = host.clock.monotonic() + seconds * 1000;
    for (;;) {
      const reply = await attempt(url, deadline);
      if (reply === 'ready') return 0;
      if (host.clock.monotonic() + period > end) {
        host.err(`proxy not ready after ${seconds} s: ${reply}\n`);
        return 1;
      }
      await host.clock.sleep(period);
    }
  },
};

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'http:') return url;
  throw new LateenError('invalid', `--url: "${text}" is not an http address`);
}

async function attempt(url: URL, deadline: number): Promise<string> {
  try {
    const reply: HttpReply = await callHttp({
      host: url.hostname,
      port: Number(url.port || 80),
      path: url.pathname + url.search,
      deadline,
    });
    return reply.status === 200 ? 'ready' : `status ${reply.status} ${reply.body.trim()}`.trim();
  } catch (error) {
    return LateenError.from(error).message;
  }
}
