/** Redirects, direct answers and rewrites. */
import type { HTTPRedirect, HTTPRoute } from '../../specs.ts';
import type { RouteAction, RouteMatch } from '../../types/resolved.ts';
import { hostRewriteOf, resolveHeaders } from './headers.ts';

type Redirect = Extract<RouteAction, { kind: 'redirect' }>;
type Forward = Extract<RouteAction, { kind: 'forward' }>;

/** @param port that the client addressed, and `tls` whether by TLS that ends here */
export function resolveRedirect(redirect: HTTPRedirect, { port, tls }: { port: number; tls: boolean }): Redirect {
  const { redirectCode } = redirect;
  const code =
    redirectCode === 302 || redirectCode === 303 || redirectCode === 307 || redirectCode === 308 ? redirectCode : 301;
  // Without one Envoy leads to the scheme's own port, which is not to be named.
  const wanted = redirect.derivePort === 'FROM_REQUEST_PORT' ? port : redirect.port || undefined;
  const usual = (redirect.scheme || (tls ? 'https' : 'http')) === 'https' ? 443 : 80;
  return {
    kind: 'redirect',
    code,
    ...(redirect.authority ? { host: redirect.authority } : {}),
    ...(redirect.uri ? { path: redirect.uri } : {}),
    ...(redirect.prefixRewrite ? { prefixRewrite: redirect.prefixRewrite } : {}),
    ...(redirect.scheme ? { scheme: redirect.scheme } : {}),
    ...(wanted === undefined || wanted === usual ? {} : { port: wanted }),
  };
}

export function resolveDirectResponse(answer: NonNullable<HTTPRoute['directResponse']>): RouteAction {
  const { status, body } = answer;
  const content = body?.string ?? (body?.bytes === undefined ? undefined : Buffer.from(body.bytes, 'base64'));
  return { kind: 'direct-response', status, ...(content === undefined ? {} : { body: content }) };
}

/** @param host that a destination asks for; what the whole route asks for goes before it */
export function resolveRewrite(http: HTTPRoute, match: RouteMatch, host: string | undefined): Forward['rewrite'] {
  const { rewrite } = http;
  const authority = rewrite?.authority || hostRewriteOf(resolveHeaders(http.headers?.request)) || host;
  const path = resolvePathRewrite(rewrite, match);
  if (path === undefined && !authority) return undefined;
  return { ...path, ...(authority ? { authority } : {}) };
}

/** Of a match by prefix the prefix is replaced, of any other the whole path. */
function resolvePathRewrite(rewrite: HTTPRoute['rewrite'], match: RouteMatch): Forward['rewrite'] {
  const regex = rewrite?.uriRegexRewrite;
  if (regex?.match) return { regex: { pattern: regex.match, substitution: regex.rewrite ?? '' } };
  if (!rewrite?.uri) return undefined;
  return match.path.kind === 'prefix' ? { prefix: rewrite.uri } : { fullPath: rewrite.uri };
}
