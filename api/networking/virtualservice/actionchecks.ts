import { parseDuration } from '../../duration.ts';
import type { Diagnostic } from '../../resource.ts';
import { each, eachEntry, error, errorIf, optionally, type Path, warningIf } from '../../schema/findings.ts';
import { checkPort } from '../../shared/addresses.ts';
import { checkExpression } from '../../shared/expression.ts';
import { checkChangedHeader, checkHeaderValue, isAuthority, isHeaderName } from '../../shared/headers.ts';
import type { StringMatch } from '../../shared/stringmatch.ts';
import { checkDestination } from './destinationchecks.ts';
import type {
  CorsPolicy,
  HeaderOperations,
  Headers,
  HTTPDirectResponse,
  HTTPFaultInjection,
  HTTPRedirect,
  HTTPRetry,
  HTTPRewrite,
  Percent,
} from './httpactions.ts';
import type { HTTPMatchRequest } from './httpmatch.ts';
import type { HTTPRoute } from './schema.ts';
import { grpcStatuses, httpStatusNumbers, retryConditions } from './words.ts';

export function checkHeaders(headers: Headers, path: Path): Diagnostic[] {
  return [
    ...optionally(headers.request, [...path, 'request'], (operations, at) => checkOperations(operations, at, true)),
    ...optionally(headers.response, [...path, 'response'], (operations, at) => checkOperations(operations, at, false)),
  ];
}

/** The host of a request may be set, but not removed; a response has none. */
function checkOperations(operations: HeaderOperations, path: Path, request: boolean): Diagnostic[] {
  const change = (name: string, value: string, at: Path) => [
    ...checkChangedHeader(name, at, request),
    ...checkHeaderValue(value, at),
  ];
  return [
    ...eachEntry(operations.add, [...path, 'add'], change),
    ...eachEntry(operations.set, [...path, 'set'], change),
    ...each(operations.remove, [...path, 'remove'], (name, at) => checkChangedHeader(name, at, false)),
  ];
}

export function checkAuthorityOnce(route: HTTPRoute, path: Path): Diagnostic[] {
  const { set, add } = route.headers?.request ?? {};
  const writers = [...Object.keys(set ?? {}), ...Object.keys(add ?? {})].filter(isAuthority);
  const count = writers.length + (route.rewrite?.authority ? 1 : 0);
  return errorIf(count > 1, [...path, 'headers', 'request'], 'the host of the request is set more than once');
}

export function checkRedirect(
  redirect: HTTPRedirect,
  matches: readonly HTTPMatchRequest[] | undefined,
  path: Path,
): Diagnostic[] {
  const { uri, prefixRewrite, authority, port, derivePort, scheme, redirectCode } = redirect;
  const nothing = !uri && !prefixRewrite && !authority && port === undefined && derivePort === undefined && !scheme;
  const noPrefix = (matches ?? []).some((match) => match.uri !== undefined && match.uri.prefix === undefined);
  const wrongCode = redirectCode !== undefined && redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399);
  return [
    ...errorIf(nothing, path, 'one of uri, prefixRewrite, authority, port, derivePort and scheme is required'),
    ...errorIf(Boolean(uri && prefixRewrite), [...path, 'prefixRewrite'], 'cannot go with uri'),
    ...errorIf(Boolean(prefixRewrite) && noPrefix, [...path, 'prefixRewrite'], 'needs matches by uri.prefix'),
    ...errorIf(wrongCode, [...path, 'redirectCode'], 'must be a 3xx status code'),
    ...errorIf(
      Boolean(scheme) && !['http', 'https'].includes(scheme ?? ''),
      [...path, 'scheme'],
      'must be http or https',
    ),
    ...optionally(port || undefined, [...path, 'port'], checkPort),
  ];
}

const megabyte = 1024 * 1024;

export function checkDirectResponse({ status, body }: HTTPDirectResponse, path: Path): Diagnostic[] {
  const text = body?.string ?? '';
  const size = body?.bytes === undefined ? Buffer.byteLength(text) : Buffer.from(body.bytes, 'base64').length;
  return [
    ...checkHttpStatus(status, [...path, 'status']),
    ...errorIf(size > megabyte, [...path, 'body'], 'must be smaller than 1 MB'),
    ...warningIf(size > 100 * 1024 && size <= megabyte, [...path, 'body'], 'is sent to every proxy: keep it small'),
  ];
}

function checkHttpStatus(status: number, path: Path): Diagnostic[] {
  return errorIf(status < 200 || status > 600, path, 'must be a status code from 200 to 599');
}

export function checkRewrite(rewrite: HTTPRewrite, path: Path): Diagnostic[] {
  const { uri, authority, uriRegexRewrite } = rewrite;
  return [
    ...errorIf(Boolean(uri) && uriRegexRewrite !== undefined, [...path, 'uriRegexRewrite'], 'cannot go with uri'),
    ...errorIf(
      !uri && !authority && uriRegexRewrite === undefined,
      path,
      'one of uri, uriRegexRewrite and authority is required',
    ),
    ...optionally(uriRegexRewrite, [...path, 'uriRegexRewrite'], ({ match, rewrite: replacement }, at) => {
      if (!match || !replacement) return [error(at, 'both match and rewrite are required')];
      return checkExpression(match, [...at, 'match']);
    }),
  ];
}

export function checkRetry(retry: HTTPRetry, path: Path): Diagnostic[] {
  const { attempts = 0, perTryTimeout, retryOn, retryRemoteLocalities } = retry;
  const configured = perTryTimeout !== undefined || Boolean(retryOn) || retryRemoteLocalities !== undefined;
  const conditions = retryOn ? retryOn.split(',') : [];
  const unknown = conditions.filter((word) => !retryConditions.has(word) && !httpStatusNumbers.has(word));
  return [
    ...errorIf(attempts < 0, [...path, 'attempts'], 'must not be negative'),
    ...errorIf(attempts === 0 && configured, [...path, 'attempts'], 'is 0 although retries are configured'),
    ...unknown.map((word) => error([...path, 'retryOn'], `"${word}" is no condition to retry on`)),
  ];
}

export function checkFault(fault: HTTPFaultInjection, path: Path): Diagnostic[] {
  const { delay, abort } = fault;
  return [
    ...errorIf(delay === undefined && abort === undefined, path, 'one of delay and abort is required'),
    ...optionally(delay, [...path, 'delay'], ({ percentage, exponentialDelay }, at) => [
      ...checkPercentage(percentage, [...at, 'percentage']),
      ...errorIf(exponentialDelay !== undefined, [...at, 'exponentialDelay'], 'is not supported by Envoy'),
    ]),
    ...optionally(abort, [...path, 'abort'], (value, at) => [
      ...checkPercentage(value.percentage, [...at, 'percentage']),
      ...optionally(value.httpStatus, [...at, 'httpStatus'], checkHttpStatus),
      ...optionally(value.grpcStatus, [...at, 'grpcStatus'], (status, here) =>
        errorIf(!grpcStatuses.has(status), here, `"${status}" is no gRPC status`),
      ),
      ...errorIf(value.http2Error !== undefined, [...at, 'http2Error'], 'is not supported by Envoy'),
      ...warningIf(
        value.httpStatus === undefined && value.grpcStatus === undefined && value.http2Error === undefined,
        at,
        'names no error and aborts nothing',
      ),
    ]),
  ];
}

/** Envoy counts in millionths: what is smaller than 0.0001 percent would be nothing. */
function checkPercentage(percent: Percent | undefined, path: Path): Diagnostic[] {
  const value = percent?.value ?? 0;
  const wrong = value < 0 || value > 100 || (value > 0 && value < 0.0001);
  return errorIf(wrong, [...path, 'value'], 'must be 0, or from 0.0001 to 100');
}

const corsMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

export function checkCors(policy: CorsPolicy, path: Path): Diagnostic[] {
  const header = (name: string, at: Path) =>
    errorIf(name !== '*' && !isHeaderName(name), at, `"${name}" is no header name`);
  const wholeSeconds = policy.maxAge === undefined || (parseDuration(policy.maxAge) ?? 0) % 1000 === 0;
  return [
    ...each(policy.allowOrigins, [...path, 'allowOrigins'], checkOrigin),
    ...each(policy.allowMethods, [...path, 'allowMethods'], (method, at) =>
      errorIf(!corsMethods.has(method), at, `"${method}" is no HTTP method`),
    ),
    ...each(policy.allowHeaders, [...path, 'allowHeaders'], header),
    ...each(policy.exposeHeaders, [...path, 'exposeHeaders'], header),
    ...errorIf(!wholeSeconds, [...path, 'maxAge'], 'must be whole seconds'),
  ];
}

function checkOrigin(origin: StringMatch, path: Path): readonly Diagnostic[] {
  const text = origin.exact ?? origin.prefix ?? origin.regex ?? '';
  if (text === '') return [error(path, 'one of exact, prefix and regex is required')];
  return optionally(origin.regex, [...path, 'regex'], checkExpression);
}

export function checkMirrors(route: HTTPRoute, path: Path): Diagnostic[] {
  const { mirror, mirrors, mirrorPercentage } = route;
  const percent = route.mirrorPercent ?? route.mirror_percent ?? 0;
  return [
    ...errorIf(mirror !== undefined && (mirrors ?? []).length > 0, [...path, 'mirrors'], 'cannot go with mirror'),
    ...optionally(mirror, [...path, 'mirror'], checkDestination),
    ...errorIf(percent > 100, [...path, 'mirrorPercent'], 'must be at most 100'),
    ...optionally(mirrorPercentage, [...path, 'mirrorPercentage'], checkShare),
    ...each(mirrors, [...path, 'mirrors'], ({ destination, percentage }, at) => [
      ...checkDestination(destination, [...at, 'destination']),
      ...optionally(percentage, [...at, 'percentage'], checkShare),
    ]),
  ];
}

function checkShare({ value = 0 }: Percent, path: Path): Diagnostic[] {
  return errorIf(value < 0 || value > 100, [...path, 'value'], 'must be from 0 to 100');
}
