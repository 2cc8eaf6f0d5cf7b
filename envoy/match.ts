import type { NamedMatch, RouteMatch, StringMatch } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { wrap } from './values.ts';

/** Which requests a route takes. */
export function buildRouteMatch(match: RouteMatch): Message<'envoy.config.route.v3.RouteMatch'> {
  return {
    ...buildPath(match.path),
    ...(match.ignoreCase ? { caseSensitive: wrap(false) } : { caseSensitive: wrap(true) }),
    headers: match.headers.map(buildHeaderMatch),
    queryParameters: match.queryParameters.map(buildQueryMatch),
  };
}

function buildPath(path: RouteMatch['path']): Message<'envoy.config.route.v3.RouteMatch'> {
  switch (path.kind) {
    case 'exact':
      return { path: path.value };
    case 'prefix':
      return { prefix: path.value };
    case 'regex':
      return { safeRegex: { regex: path.value } };
  }
}

/** A request without the header is one that does not have the unwanted value; Envoy would call it no match either way. */
function buildHeaderMatch(header: NamedMatch): Message<'envoy.config.route.v3.HeaderMatcher'> {
  const { name, match, invert } = header;
  if (match.kind === 'present') return { name, presentMatch: true, ...(invert ? { invertMatch: true } : {}) };
  return {
    name,
    stringMatch: buildStringMatch(match),
    ...(invert ? { invertMatch: true, treatMissingHeaderAsEmpty: true } : {}),
  };
}

/** Query parameters have no inverted match in Envoy; the model never asks for one. */
function buildQueryMatch(parameter: NamedMatch): Message<'envoy.config.route.v3.QueryParameterMatcher'> {
  const value =
    parameter.match.kind === 'present' ? { presentMatch: true } : { stringMatch: buildStringMatch(parameter.match) };
  return { name: parameter.name, ...value };
}

export function buildStringMatch(
  match: Exclude<StringMatch, { kind: 'present' }>,
): Message<'envoy.type.matcher.v3.StringMatcher'> {
  switch (match.kind) {
    case 'exact':
      return { exact: match.value };
    case 'prefix':
      return { prefix: match.value };
    case 'suffix':
      return { suffix: match.value };
    case 'regex':
      return { safeRegex: { regex: match.value } };
  }
}
