/** Resolved values that between them use every field the builders spell: for golden files and for the real Envoy. */
import type { Route, RouteTable, VirtualHost } from '#model/types/index.ts';
import { reviews } from './clusters.ts';

export const forward = { kind: 'forward', timeoutMs: 0 } as const;
export const anything: Route['match'] = {
  path: { kind: 'prefix', value: '/' },
  ignoreCase: false,
  headers: [],
  queryParameters: [],
};
export const route = (
  name: string,
  match: Partial<Route['match']>,
  action: Route['action'],
  rest: Partial<Route> = {},
): Route => ({
  name,
  match: { ...anything, ...match },
  action,
  sources: [],
  ...rest,
});

const host: VirtualHost = {
  name: 'reviews.bookinfo.svc.cluster.local:9080',
  domains: ['reviews.bookinfo.svc.cluster.local', 'reviews', '10.96.0.20'],
  requireTls: false,
  sources: [],
  routes: [
    route(
      'matches',
      {
        path: { kind: 'exact', value: '/exact' },
        ignoreCase: true,
        headers: [
          { name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false },
          { name: ':method', match: { kind: 'regex', value: 'GET|POST' }, invert: false },
          { name: 'x-internal', match: { kind: 'present' }, invert: true },
          { name: 'x-unwanted', match: { kind: 'exact', value: 'v' }, invert: true },
          { name: 'x-tail', match: { kind: 'suffix', value: 'end' }, invert: false },
        ],
        queryParameters: [
          { name: 'q', match: { kind: 'prefix', value: 'a' }, invert: false },
          { name: 'p', match: { kind: 'present' }, invert: false },
        ],
      },
      {
        ...forward,
        clusters: [
          { cluster: reviews('v1'), weight: 90, hostRewrite: 'v1.example.com' },
          { cluster: reviews('v2'), weight: 10, requestHeaders: { set: { 'x-v': '2' }, add: {}, remove: ['x-old'] } },
        ],
        timeoutMs: 2_500,
        retry: {
          attempts: 3,
          perTryTimeoutMs: 500,
          retryOn: 'connect-failure,refused-stream,retriable-status-codes',
          retriableStatusCodes: [503],
        },
      },
      {
        requestHeaders: { set: { a: '1' }, add: { b: '2' }, remove: ['c'] },
        responseHeaders: { set: {}, add: { d: '%PROTOCOL%' }, remove: [] },
      },
    ),
    route(
      'regex',
      { path: { kind: 'regex', value: '/v[0-9]+/.*' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { regex: { pattern: '^/v[0-9]+/(.*)', substitution: '/\\1' }, authority: 'inner.example.com' },
      },
    ),
    route(
      'full',
      { path: { kind: 'prefix', value: '/full' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { fullPath: '/one\\two' },
      },
    ),
    route(
      'prefix',
      { path: { kind: 'prefix', value: '/old/' } },
      {
        ...forward,
        clusters: [{ cluster: reviews(), weight: 1 }],
        rewrite: { prefix: '/new/' },
      },
    ),
    route(
      'redirect',
      { path: { kind: 'prefix', value: '/go' } },
      {
        kind: 'redirect',
        host: 'other.example.com',
        path: '/there',
        port: 8443,
        scheme: 'https',
        code: 308,
      },
    ),
    route(
      'teapot',
      { path: { kind: 'exact', value: '/tea' } },
      { kind: 'direct-response', status: 418, body: 'short' },
    ),
    route(
      'picture',
      { path: { kind: 'exact', value: '/picture' } },
      { kind: 'direct-response', status: 200, body: Uint8Array.of(255, 216, 255) },
    ),
    route('default', {}, { ...forward, clusters: [{ cluster: reviews(), weight: 1 }] }),
  ],
};

const redirecting: VirtualHost = {
  name: 'secure.example.com:80',
  domains: ['secure.example.com'],
  requireTls: true,
  sources: [],
  routes: [route('', {}, { kind: 'redirect', prefixRewrite: '/', httpsRedirect: true, code: 301 })],
};

const unknown: VirtualHost = {
  name: 'allow_any',
  domains: ['*'],
  requireTls: false,
  sources: [],
  routes: [
    route(
      'allow_any',
      {},
      {
        ...forward,
        clusters: [{ cluster: { direction: 'special', name: 'PassthroughCluster' }, weight: 1 }],
      },
    ),
  ],
};

export const routeTable: RouteTable = { name: '9080', virtualHosts: [host, redirecting, unknown] };
