/** The application's own probes, which the injector pointed at the agent so that they need no mTLS. */
import { LateenError } from '#runtime/core/index.ts';

export type ProbeTarget =
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      /** Absent: the workload itself. */
      readonly host?: string;
      readonly port: number;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'tcp'; readonly host?: string; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
  /** A target that makes no sense, such as a port name that no container bears: the probe fails and says so. */
  | { readonly kind: 'none'; readonly reason: string };

export interface Probe {
  readonly target: ProbeTarget;
  /** Milliseconds. */
  readonly timeout: number;
}

/** By the path that the kubelet asks for, e.g. `/app-health/productpage/readyz`. */
export type Probes = ReadonlyMap<string, Probe>;

const probePath = /^\/app-(health|lifecycle)\/[^/]+\/(livez|readyz|startupz|prestopz|poststartz)$/;

/**
 * Parses ISTIO_KUBE_APP_PROBERS: a JSON object from path to Kubernetes' probe
 * (`{"httpGet": {"path", "port", "scheme", "httpHeaders"}, "timeoutSeconds": 1}`, or `tcpSocket`, or `grpc`).
 * Throws LateenError `invalid` when it is no such object; one wrong target does not hide the others.
 */
export function parseProbes(text: string): Probes {
  if (text.trim() === '') return new Map();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new LateenError('invalid', 'not JSON', { cause: error });
  }
  return new Map(
    Object.entries(asObject(json, 'probers')).map(([path, value]) => {
      if (!probePath.test(path)) throw new LateenError('invalid', `${path}: not a probe path`);
      const probe = asObject(value, path);
      const seconds = Number(probe.timeoutSeconds ?? 1);
      return [path, { target: readTarget(probe), timeout: (seconds > 0 ? seconds : 1) * 1000 }];
    }),
  );
}

function readTarget(probe: Readonly<Record<string, unknown>>): ProbeTarget {
  try {
    return parseTarget(probe);
  } catch (error) {
    return { kind: 'none', reason: LateenError.from(error).message };
  }
}

/** Throws LateenError `invalid` naming the field that is wrong. */
export function parseTarget(probe: Readonly<Record<string, unknown>>): ProbeTarget {
  if (probe.httpGet !== undefined) {
    const action = asObject(probe.httpGet, 'httpGet');
    const scheme = String(action.scheme ?? 'HTTP').toLowerCase();
    if (scheme !== 'http' && scheme !== 'https') throw new LateenError('invalid', 'httpGet.scheme: not HTTP or HTTPS');
    const path = String(action.path ?? '/');
    return {
      kind: 'http',
      scheme,
      ...parseHost(action.host),
      port: parsePort(action.port, 'httpGet.port'),
      path: path.startsWith('/') ? path : `/${path}`,
      headers: parseHeaders(action.httpHeaders, 'httpGet.httpHeaders'),
    };
  }
  if (probe.tcpSocket !== undefined) {
    const action = asObject(probe.tcpSocket, 'tcpSocket');
    return { kind: 'tcp', ...parseHost(action.host), port: parsePort(action.port, 'tcpSocket.port') };
  }
  if (probe.grpc !== undefined) {
    const action = asObject(probe.grpc, 'grpc');
    return {
      kind: 'grpc',
      port: parsePort(action.port, 'grpc.port'),
      service: String(action.service ?? ''),
    };
  }
  throw new LateenError('invalid', 'none of httpGet, tcpSocket, grpc');
}

const parseHost = (host: unknown): { readonly host?: string } =>
  typeof host === 'string' && host !== '' ? { host } : {};

function parsePort(value: unknown, at: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new LateenError('invalid', `${at}: not a port number`);
}

function parseHeaders(value: unknown, at: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!Array.isArray(value)) throw new LateenError('invalid', `${at}: not a list`);
  return Object.fromEntries(
    value.map((item: unknown, index) => {
      const header = asObject(item, `${at}[${index}]`);
      return [String(header.name), String(header.value ?? '')];
    }),
  );
}

function asObject(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new LateenError('invalid', `${at}: not an object`);
}
