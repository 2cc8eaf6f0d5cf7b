import type { HeaderOperations, Route, RouteAction, WeightedCluster } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildRouteMatch } from './match.ts';
import { renderClusterName } from './names.ts';
import { buildDuration, wrap } from './values.ts';

type RouteMessage = Message<'envoy.config.route.v3.Route'>;
type RouteActionMessage = Message<'envoy.config.route.v3.RouteAction'>;
type HeaderValueOption = Message<'envoy.config.core.v3.HeaderValueOption'>;
type Forward = Extract<RouteAction, { kind: 'forward' }>;
type Redirect = Extract<RouteAction, { kind: 'redirect' }>;

/** One route: who it takes, what it does. */
export function buildRoute(route: Route): RouteMessage {
  return {
    ...(route.name === '' ? {} : { name: route.name }),
    match: buildRouteMatch(route.match),
    ...buildAction(route.action),
    ...buildHeaders(route.requestHeaders, route.responseHeaders),
  };
}

function buildAction(action: RouteAction): RouteMessage {
  switch (action.kind) {
    case 'forward':
      return { route: buildForward(action), ...buildDecorator(action) };
    case 'redirect':
      return { redirect: buildRedirect(action) };
    case 'direct-response':
      return {
        directResponse: {
          status: action.status,
          ...(action.body === undefined ? {} : { body: buildBody(action.body) }),
        },
      };
  }
}

const buildBody = (body: string | Uint8Array): Message<'envoy.config.core.v3.DataSource'> =>
  typeof body === 'string' ? { inlineString: body } : { inlineBytes: body };

/** Names the operation in traces as Istio does: the first destination. */
function buildDecorator(action: Forward): RouteMessage {
  const first = action.clusters[0]?.cluster;
  if (first?.direction !== 'outbound') return {};
  return { decorator: { operation: `${first.hostname}:${first.port}/*` } };
}

/**
 * Without a timeout of the route a gRPC deadline is the caller's own affair. Where the route has one this must not be
 * set: Envoy would take it instead of the timeout.
 */
const WITHOUT_TIMEOUT = { maxStreamDuration: buildDuration(0), grpcTimeoutHeaderMax: buildDuration(0) };

function buildForward(action: Forward): RouteActionMessage {
  return {
    ...buildClusters(action.clusters),
    timeout: buildDuration(action.timeoutMs),
    ...(action.timeoutMs === 0 ? { maxStreamDuration: WITHOUT_TIMEOUT } : {}),
    ...(action.retry ? { retryPolicy: buildRetry(action.retry) } : {}),
    ...buildRewrite(action.rewrite),
  };
}

function buildClusters(clusters: readonly WeightedCluster[]): RouteActionMessage {
  const [only] = clusters;
  if (clusters.length === 1 && only && !only.requestHeaders && !only.responseHeaders) {
    return {
      cluster: renderClusterName(only.cluster),
      ...(only.hostRewrite === undefined ? {} : { hostRewriteLiteral: only.hostRewrite }),
    };
  }
  return {
    weightedClusters: {
      clusters: clusters.map((member) => ({
        name: renderClusterName(member.cluster),
        weight: wrap(member.weight),
        ...buildHeaders(member.requestHeaders, member.responseHeaders),
        ...(member.hostRewrite === undefined ? {} : { hostRewriteLiteral: member.hostRewrite }),
      })),
    },
  };
}

function buildRewrite(rewrite: Forward['rewrite']): RouteActionMessage {
  if (rewrite === undefined) return {};
  const path = (pattern: string, substitution: string) => ({
    regexRewrite: { pattern: { regex: pattern }, substitution },
  });
  return {
    ...(rewrite.authority === undefined ? {} : { hostRewriteLiteral: rewrite.authority }),
    ...(rewrite.prefix === undefined ? {} : { prefixRewrite: rewrite.prefix }),
    ...(rewrite.fullPath === undefined ? {} : path('^/.*$', escapeSubstitution(rewrite.fullPath))),
    ...(rewrite.regex === undefined ? {} : path(rewrite.regex.pattern, rewrite.regex.substitution)),
  };
}

/** In RE2's substitutions a backslash refers to a group. */
function escapeSubstitution(text: string): string {
  return text.replaceAll('\\', '\\\\');
}

function buildRetry(retry: NonNullable<Forward['retry']>): Message<'envoy.config.route.v3.RetryPolicy'> {
  return {
    retryOn: retry.retryOn,
    numRetries: wrap(retry.attempts),
    ...(retry.perTryTimeoutMs === undefined ? {} : { perTryTimeout: buildDuration(retry.perTryTimeoutMs) }),
    retriableStatusCodes: retry.retriableStatusCodes,
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typedConfig: pack('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
      },
    ],
    hostSelectionRetryMaxAttempts: 5,
  };
}

const redirectCodes = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const;

function buildRedirect(action: Redirect): Message<'envoy.config.route.v3.RedirectAction'> {
  return {
    ...(action.host === undefined ? {} : { hostRedirect: action.host }),
    ...(action.path === undefined ? {} : { pathRedirect: action.path }),
    ...(action.prefixRewrite === undefined ? {} : { prefixRewrite: action.prefixRewrite }),
    ...(action.port === undefined ? {} : { portRedirect: action.port }),
    ...(action.scheme === undefined ? {} : { schemeRedirect: action.scheme }),
    ...(action.httpsRedirect ? { httpsRedirect: true } : {}),
    responseCode: redirectCodes[action.code],
  };
}

function buildHeaders(
  request: HeaderOperations | undefined,
  response: HeaderOperations | undefined,
): Pick<
  RouteMessage,
  'requestHeadersToAdd' | 'requestHeadersToRemove' | 'responseHeadersToAdd' | 'responseHeadersToRemove'
> {
  return {
    ...(request ? { requestHeadersToAdd: buildAdditions(request), requestHeadersToRemove: request.remove } : {}),
    ...(response ? { responseHeadersToAdd: buildAdditions(response), responseHeadersToRemove: response.remove } : {}),
  };
}

function buildAdditions(operations: HeaderOperations): HeaderValueOption[] {
  const option =
    (appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD') =>
    ([key, value]: [string, string]): HeaderValueOption => ({ header: { key, value }, appendAction });
  return [
    ...Object.entries(operations.set).map(option('OVERWRITE_IF_EXISTS_OR_ADD')),
    ...Object.entries(operations.add).map(option('APPEND_IF_EXISTS_OR_ADD')),
  ];
}
