/** Which connections must be looked at so that their chain can be chosen. */
import type { FilterChain, FilterChainMatch, Inspection, Listener } from '../types/resolved.ts';

/**
 * A port is looked at where one of its chains asks for what only looking tells: elsewhere a server that speaks first, or a
 * client whose first bytes are no protocol's, would be waited for in vain. Chains without a port are for all other ports.
 * The ports are part of the listener, so Envoy replaces it as a whole when they change: connections of before are drained.
 */
export function resolveInspection(
  filterChains: readonly FilterChain[],
): Pick<Listener, 'tlsInspector' | 'httpInspector'> {
  return {
    tlsInspector: inspectWhere(filterChains, ({ transportProtocol }) => transportProtocol === 'tls'),
    httpInspector: inspectWhere(filterChains, asksForHttp),
  };
}

/** Under TLS the names are ALPN's, and the other inspector reads them. */
function asksForHttp({ transportProtocol, applicationProtocols = [] }: FilterChainMatch): boolean {
  return transportProtocol !== 'tls' && applicationProtocols.some((name) => name === 'http/1.1' || name === 'h2c');
}

function inspectWhere(filterChains: readonly FilterChain[], asks: (match: FilterChainMatch) => boolean): Inspection {
  const ports = new Map<number | undefined, boolean>();
  for (const { match } of filterChains) {
    ports.set(match.destinationPort, ports.get(match.destinationPort) === true || asks(match));
  }
  const portsWhere = (inspected: boolean) =>
    [...ports].flatMap(([port, is]) => (port !== undefined && is === inspected ? [port] : [])).sort((a, b) => a - b);
  const [looked, passed] = [portsWhere(true), portsWhere(false)];
  if (ports.get(undefined) === true) return passed.length === 0 || { exceptPorts: passed };
  if (looked.length === 0) return false;
  return (!ports.has(undefined) && passed.length === 0) || { onlyPorts: looked };
}
