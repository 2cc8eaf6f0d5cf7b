/** HTTP matches of a VirtualService: what is decided while building, and what Envoy is to compare. */

import { resolveGateway } from '../../inputs.ts';
import { selects } from '../../selection.ts';
import type { HTTPMatchRequest, StringMatchSpec } from '../../specs.ts';
import type { NamedMatch, RouteMatch, StringMatch } from '../../types/resolved.ts';

/** Where routes are built for. */
export interface RouteScope {
  /** Port that the client addresses. */
  readonly port: number;
  /** `mesh` or the gateways (`namespace/name`) that these routes serve. */
  readonly gateways: readonly string[];
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The conditions on caller, port and gateway, which are known while building. */
export interface StaticMatch {
  readonly port?: number | undefined;
  readonly gateways?: readonly string[] | undefined;
  readonly sourceNamespace?: string | undefined;
  readonly sourceLabels?: Readonly<Record<string, string>> | undefined;
}

/**
 * Whether the conditions of an HTTP match that are known while building hold. Gateways that it names stand in place of what
 * it says about callers, as in Istio. `owner`: namespace of the resource.
 */
export function holdsIn(match: StaticMatch, scope: RouteScope, owner: string): boolean {
  if (!onPort(match, scope)) return false;
  return namesGateways(match) ? atGateway(match, scope, owner) : isFrom(match, scope);
}

/** The same of a match of TLS or TCP: gateways do not tell callers apart, sidecars ask for all of it. */
export function holdsForConnections(match: StaticMatch, scope: RouteScope, owner: string): boolean {
  if (!onPort(match, scope) || (namesGateways(match) && !atGateway(match, scope, owner))) return false;
  return !scope.gateways.includes('mesh') || isFrom(match, scope);
}

export const namesGateways = ({ gateways = [] }: Pick<StaticMatch, 'gateways'>): boolean => gateways.length > 0;

const onPort = ({ port = 0 }: StaticMatch, scope: RouteScope): boolean => port === 0 || port === scope.port;

const atGateway = ({ gateways = [] }: StaticMatch, scope: RouteScope, owner: string): boolean =>
  gateways.some((name) => scope.gateways.includes(resolveGateway(name, owner)));

const isFrom = ({ sourceNamespace, sourceLabels = {} }: StaticMatch, scope: RouteScope): boolean =>
  (!sourceNamespace || sourceNamespace === scope.namespace) && selects(sourceLabels, scope.labels);

export const matchAll: RouteMatch = {
  path: { kind: 'prefix', value: '/' },
  ignoreCase: false,
  headers: [],
  queryParameters: [],
};

/** Whether a match names a claim of the caller's token instead of a header. */
export const namesClaim = (name: string): boolean => name.toLowerCase().startsWith('@request.auth.');

/** What Envoy compares; undefined when the match asks for something that nothing here can compare. */
export function resolveHttpMatch(match: HTTPMatchRequest): RouteMatch | undefined {
  const named = [...Object.keys(match.headers ?? {}), ...Object.keys(match.withoutHeaders ?? {})];
  if (named.some(namesClaim)) return undefined;
  return {
    path: resolvePath(match.uri),
    ignoreCase: match.ignoreUriCase === true,
    headers: [
      ...resolveNamed(match.headers ?? {}, false),
      ...resolveNamed(match.withoutHeaders ?? {}, true),
      ...resolvePseudo(':method', match.method),
      ...resolvePseudo(':authority', match.authority),
      ...resolvePseudo(':scheme', match.scheme),
    ],
    queryParameters: resolveNamed(match.queryParams ?? {}, false),
  };
}

/** Whether nothing behind this match can be reached. */
export function catchesAll(match: RouteMatch): boolean {
  const { path } = match;
  const anyPath = (path.kind === 'prefix' && path.value === '/') || (path.kind === 'regex' && path.value === '.*');
  return anyPath && match.headers.length === 0 && match.queryParameters.length === 0;
}

function resolvePath(uri: StringMatchSpec | undefined): RouteMatch['path'] {
  if (uri?.exact !== undefined) return { kind: 'exact', value: uri.exact };
  if (uri?.regex !== undefined) return { kind: 'regex', value: uri.regex };
  return { kind: 'prefix', value: uri?.prefix || '/' };
}

function resolvePseudo(name: string, match: StringMatchSpec | undefined): readonly NamedMatch[] {
  return match === undefined ? [] : [{ name, match: resolveString(match), invert: false }];
}

function resolveNamed(matches: Readonly<Record<string, StringMatchSpec>>, invert: boolean): readonly NamedMatch[] {
  return Object.keys(matches)
    .sort()
    .map((name) => ({ name, match: resolveString(matches[name] ?? {}), invert }));
}

/** An empty match, or the customary `*` as an expression, asks for presence only. */
function resolveString(match: StringMatchSpec): StringMatch {
  if (match.exact !== undefined) return { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined && match.prefix !== '') return { kind: 'prefix', value: match.prefix };
  if (match.regex !== undefined && match.regex !== '' && match.regex !== '*')
    return { kind: 'regex', value: match.regex };
  return { kind: 'present' };
}
