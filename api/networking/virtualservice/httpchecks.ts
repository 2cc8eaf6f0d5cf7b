import type { Diagnostic } from '../../resource.ts';
import { each, eachEntry, error, errorIf, optionally, type Path } from '../../schema/findings.ts';
import { checkPort } from '../../shared/addresses.ts';
import { checkExpression } from '../../shared/expression.ts';
import { checkMatchedHeader } from '../../shared/headers.ts';
import { isDnsLabel } from '../../shared/hosts.ts';
import { checkLabels } from '../../shared/labels.ts';
import type { StringMatch } from '../../shared/stringmatch.ts';
import {
  checkAuthorityOnce,
  checkCors,
  checkDirectResponse,
  checkFault,
  checkHeaders,
  checkMirrors,
  checkRedirect,
  checkRetry,
  checkRewrite,
} from './actionchecks.ts';
import { checkDestination, checkGatewayNames, checkHttpWeights } from './destinationchecks.ts';
import type { HTTPMatchRequest } from './httpmatch.ts';
import type { HTTPRoute } from './schema.ts';

/** `delegated`: the route belongs to a VirtualService that another one delegates to. */
export function checkHttpRoute(route: HTTPRoute, path: Path, delegated: boolean): Diagnostic[] {
  return [
    ...checkOneAction(route, path, delegated),
    ...each(route.match, [...path, 'match'], checkHttpMatch),
    ...each(route.route, [...path, 'route'], ({ destination, headers }, at) => [
      ...checkDestination(destination, [...at, 'destination']),
      ...optionally(headers, [...at, 'headers'], checkHeaders),
    ]),
    ...checkHttpWeights(route.route, [...path, 'route']),
    ...optionally(route.headers, [...path, 'headers'], checkHeaders),
    ...optionally(route.redirect, [...path, 'redirect'], (redirect, at) => checkRedirect(redirect, route.match, at)),
    ...optionally(route.directResponse, [...path, 'directResponse'], checkDirectResponse),
    ...optionally(route.rewrite, [...path, 'rewrite'], checkRewrite),
    ...optionally(route.retries, [...path, 'retries'], checkRetry),
    ...optionally(route.fault, [...path, 'fault'], checkFault),
    ...optionally(route.corsPolicy, [...path, 'corsPolicy'], checkCors),
    ...checkMirrors(route, path),
    ...checkAuthorityOnce(route, path),
  ];
}

/** A route forwards, redirects, answers or delegates: one of them, and what goes with it. */
function checkOneAction(route: HTTPRoute, path: Path, delegated: boolean): Diagnostic[] {
  const forwards = (route.route ?? []).length > 0;
  if (route.delegate !== undefined && !delegated) {
    return [
      ...errorIf(route.redirect !== undefined, [...path, 'redirect'], 'cannot go with delegate'),
      ...errorIf(route.route !== undefined, [...path, 'route'], 'cannot go with delegate'),
    ];
  }
  const found = errorIf(route.delegate !== undefined, [...path, 'delegate'], 'a delegate cannot delegate again');
  const answer = route.redirect !== undefined ? 'redirect' : route.directResponse !== undefined ? 'directResponse' : '';
  if (answer === '') {
    return [...found, ...errorIf(!forwards, path, 'one of route, redirect and directResponse is required')];
  }
  const both = route.redirect !== undefined && route.directResponse !== undefined;
  return [
    ...found,
    ...errorIf(forwards, [...path, 'route'], `cannot go with ${answer}`),
    ...errorIf(route.fault !== undefined, [...path, 'fault'], `cannot go with ${answer}`),
    ...errorIf(route.rewrite !== undefined, [...path, 'rewrite'], `cannot go with ${answer}`),
    ...errorIf(both, [...path, 'directResponse'], 'cannot go with redirect'),
  ];
}

function checkHttpMatch(match: HTTPMatchRequest, path: Path): Diagnostic[] {
  const text = (field: 'scheme' | 'method' | 'authority') =>
    optionally(match[field], [...path, field], checkStringMatch);
  return [
    ...eachEntry(match.headers, [...path, 'headers'], (name, value, at) => [
      ...checkMatchedHeader(name, at),
      ...checkStringMatch(value, at),
    ]),
    ...eachEntry(match.withoutHeaders, [...path, 'withoutHeaders'], (name, value, at) => [
      ...checkMatchedHeader(name, at),
      // `*` asks for presence here; it is no expression.
      ...(value.regex === '*' ? [] : checkStringMatch(value, at)),
    ]),
    ...eachEntry(match.queryParams, [...path, 'queryParams'], (_, value, at) => checkStringMatch(value, at)),
    ...optionally(match.uri?.regex, [...path, 'uri', 'regex'], checkExpression),
    ...text('scheme'),
    ...text('method'),
    ...text('authority'),
    ...optionally(match.port || undefined, [...path, 'port'], checkPort),
    ...checkLabels(match.sourceLabels, [...path, 'sourceLabels']),
    ...checkGatewayNames(match.gateways, [...path, 'gateways']),
    ...errorIf(
      Boolean(match.sourceNamespace) && !isDnsLabel(match.sourceNamespace ?? ''),
      [...path, 'sourceNamespace'],
      `"${match.sourceNamespace}" is no namespace`,
    ),
  ];
}

/** An empty prefix matches any path, but Envoy takes it nowhere else. */
function checkStringMatch(match: StringMatch, path: Path): readonly Diagnostic[] {
  if (match.prefix === '') return [error([...path, 'prefix'], 'must not be empty')];
  return optionally(match.regex, [...path, 'regex'], checkExpression);
}
