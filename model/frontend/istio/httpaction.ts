/** Redirects, direct answers and rewrites. */
import type { HTTPRedirect, HTTPRoute } from '../../specs.ts';
import type { RouteAction, RouteMatch } from '../../types/resolved.ts';
import { hostRewriteOf, resolveHeaders } from './headers.ts';

type Redirect = Extract<RouteAction, { kind: 'redirect' }>;
type Forward = Extract<RouteAction, { kind: 'forward' }>;

export function resolveRedirect(redirect: HTTPRedirect): Redirect {
  const { redirectCode } = redirect;
  const code =
    redirectCode === 302 || redirectCode === 303 || redirectCode === 307 || redirectCode === 308 ? redirectCode : 301;
  const port = redirect.port || derivedPort(redirect);
  return {
    kind: 'redirect',
    code,
    ...(redirect.authority ? { host: redirect.authority } : {}),
    ...(redirect.uri ? { path: redirect.uri } : {}),
    ...(redirect.prefixRewrite ? { prefixRewrite: redirect.prefixRewrite } : {}),
    ...(redirect.scheme ? { scheme: redirect.scheme } : {}),
    ...(port === undefined ? {} : { port }),
  };
}

function derivedPort(redirect: HTTPRedirect): number | undefined {
  if (redirect.derivePort !== 'FROM_PROTOCOL_DEFAULT') return undefined;
  if (redirect.scheme === 'https') return 443;
  return redirect.scheme === 'http' ? 80 : undefined;
}

export function resolveDirectResponse(answer: NonNullable<HTTPRoute['directResponse']>): RouteAction {
  const { status, body } = answer;
  const text =
    body?.string ?? (body?.bytes === undefined ? undefined : Buffer.from(body.bytes, 'base64').toString('utf8'));
  return { kind: 'direct-response', status, ...(text === undefined ? {} : { body: text }) };
}

export function resolveRewrite(http: HTTPRoute, match: RouteMatch, host: string | undefined): Forward['rewrite'] {
  const { rewrite } = http;
  const authority = host || rewrite?.authority || hostRewriteOf(resolveHeaders(http.headers?.request));
  const path = resolvePathRewrite(rewrite, match);
  if (path === undefined && !authority) return undefined;
  return { ...path, ...(authority ? { authority } : {}) };
}

function resolvePathRewrite(rewrite: HTTPRoute['rewrite'], match: RouteMatch): Forward['rewrite'] {
  const regex = rewrite?.uriRegexRewrite;
  if (regex?.match) return { regex: { pattern: regex.match, substitution: regex.rewrite ?? '' } };
  if (!rewrite?.uri) return undefined;
  if (match.path.kind === 'regex') return { regex: { pattern: match.path.value, substitution: rewrite.uri } };
  return match.path.kind === 'exact' ? { fullPath: rewrite.uri } : { prefix: rewrite.uri };
}
