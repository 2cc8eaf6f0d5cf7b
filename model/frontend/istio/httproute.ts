/** HTTP routes of a VirtualService as routes of the mesh's vocabulary. */

import { sourceOf } from '../../selection.ts';
import type { HTTPRoute, HTTPRouteDestination } from '../../specs.ts';
import { parseDuration } from '../../specs.ts';
import type { ClusterName, Route, RouteAction, RouteMatch, WeightedCluster } from '../../types/resolved.ts';
import type { RetryDefaults } from '../../types/settings.ts';
import { hostRewriteOf, resolveHeaders, withoutHost } from './headers.ts';
import { resolveDirectResponse, resolveRedirect, resolveRewrite } from './httpaction.ts';
import { catchesAll, holdsIn, matchAll, type RouteScope, resolveHttpMatch } from './httpmatch.ts';
import { resolveRetry } from './retry.ts';
import type { VirtualServiceConfig } from './virtualservices.ts';

/** Turns a destination into the cluster that serves it. */
export type FindCluster = (destination: HTTPRouteDestination['destination']) => ClusterName;

export interface RouteContext {
  readonly scope: RouteScope;
  readonly findCluster: FindCluster;
  readonly retryDefaults: RetryDefaults;
  /** Requests come by TLS that ends here. */
  readonly tls?: boolean;
}

/** The routes that apply in this scope, up to the first that catches everything. */
export function resolveHttpRoutes(config: VirtualServiceConfig, context: RouteContext): readonly Route[] {
  const routes: Route[] = [];
  for (const http of config.spec.http ?? []) {
    for (const { name, match } of applicable(config, http, context.scope)) {
      const action = resolveAction(http, match, context);
      if (action === undefined) continue;
      routes.push(buildRoute(config, http, name, match, action));
      if (catchesAll(match)) return routes;
    }
  }
  return routes;
}

/** Whether any of its routes is for this scope. */
export function hasRoutesIn(config: VirtualServiceConfig, scope: RouteScope): boolean {
  return (config.spec.http ?? []).some((http) => applicable(config, http, scope).length > 0);
}

interface Applicable {
  readonly name: string;
  readonly match: RouteMatch;
}

function applicable(config: VirtualServiceConfig, http: HTTPRoute, scope: RouteScope): readonly Applicable[] {
  const name = http.name ?? '';
  if (http.match === undefined || http.match.length === 0) return [{ name, match: matchAll }];
  return http.match.flatMap((match) => {
    if (!holdsIn(match, scope, config.namespace)) return [];
    const resolved = resolveHttpMatch(match);
    const full = [name, match.name ?? ''].filter((part) => part !== '').join('.');
    return resolved === undefined ? [] : [{ name: full, match: resolved }];
  });
}

function buildRoute(
  config: VirtualServiceConfig,
  http: HTTPRoute,
  name: string,
  match: RouteMatch,
  action: RouteAction,
): Route {
  const request = resolveHeaders(http.headers?.request);
  const requestHeaders = request === undefined ? undefined : withoutHost(request);
  const responseHeaders = resolveHeaders(http.headers?.response);
  return {
    name,
    match,
    action,
    ...(requestHeaders === undefined ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    sources: [sourceOf('VirtualService', config)],
  };
}

function resolveAction(http: HTTPRoute, match: RouteMatch, context: RouteContext): RouteAction | undefined {
  if (http.redirect !== undefined)
    return resolveRedirect(http.redirect, { port: context.scope.port, tls: context.tls === true });
  if (http.directResponse !== undefined) return resolveDirectResponse(http.directResponse);
  const clusters = resolveWeights(http, context.findCluster);
  if (clusters.length === 0) return undefined;
  const retry = resolveRetry(http.retries, context.retryDefaults);
  const [only] = clusters;
  const rewrite = resolveRewrite(http, match, clusters.length === 1 ? only?.hostRewrite : undefined);
  return {
    kind: 'forward',
    clusters,
    timeoutMs: http.timeout === undefined ? 0 : (parseDuration(http.timeout) ?? 0),
    ...(retry === undefined ? {} : { retry }),
    ...(rewrite === undefined ? {} : { rewrite }),
  };
}

/** Destinations with their shares; one without a share gets nothing as soon as another has one. */
function resolveWeights(http: HTTPRoute, findCluster: FindCluster): readonly WeightedCluster[] {
  const all = http.route ?? [];
  const weighed = all.filter((destination) => (destination.weight ?? 0) > 0);
  const chosen = weighed.length > 0 ? weighed : all;
  return chosen.map((destination): WeightedCluster => {
    const request = resolveHeaders(destination.headers?.request);
    const response = resolveHeaders(destination.headers?.response);
    const host = hostRewriteOf(request);
    const requestHeaders = request === undefined ? undefined : withoutHost(request);
    return {
      cluster: findCluster(destination.destination),
      weight: destination.weight || 1,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(response === undefined ? {} : { responseHeaders: response }),
      ...(host === undefined ? {} : { hostRewrite: host }),
    };
  });
}
