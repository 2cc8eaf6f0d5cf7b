import { renderClusterName } from '#envoy/index.ts';
import type { FilterChain, Listener, VirtualHost } from '#model/index.ts';

/** Names of the clusters that a virtual host's routes send to. */
export function* clustersOfVirtualHost(host: VirtualHost): Iterable<string> {
  for (const { action } of host.routes) {
    if (action.kind !== 'forward') continue;
    for (const { cluster } of action.clusters) yield renderClusterName(cluster);
  }
}

/** Names of the clusters that a listener itself sends to: TCP chains and route tables that stand in it. */
export function* clustersOfListener(listener: Listener): Iterable<string> {
  for (const chain of chainsOf(listener)) yield* clustersOfChain(chain);
}

/** Names of the route tables that a listener asks for. */
export function* routeTablesOfListener(listener: Listener): Iterable<string> {
  for (const { handler } of chainsOf(listener)) {
    if (handler.kind === 'http' && 'rds' in handler.routes) yield handler.routes.rds;
  }
}

function chainsOf({ filterChains, defaultFilterChain }: Listener): readonly FilterChain[] {
  return defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains;
}

function* clustersOfChain({ handler }: FilterChain): Iterable<string> {
  if (handler.kind === 'tcp') {
    for (const { cluster } of handler.clusters) yield renderClusterName(cluster);
  } else if ('inline' in handler.routes) {
    for (const host of handler.routes.inline.virtualHosts) yield* clustersOfVirtualHost(host);
  }
}

/** Sources of a listener with those of its chains and the tables that stand in it. */
export function* sourcesOfListener(listener: Listener): Iterable<Listener['sources']> {
  yield listener.sources;
  for (const chain of chainsOf(listener)) {
    yield chain.sources;
    if (chain.handler.kind === 'http' && 'inline' in chain.handler.routes) {
      for (const host of chain.handler.routes.inline.virtualHosts) yield* sourcesOfVirtualHost(host);
    }
  }
}

export function* sourcesOfVirtualHost(host: VirtualHost): Iterable<VirtualHost['sources']> {
  yield host.sources;
  for (const route of host.routes) yield route.sources;
}
