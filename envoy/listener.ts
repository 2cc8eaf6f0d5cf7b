import type { FilterChain, FilterChainMatch, Inspection, Listener } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildDnsCache } from './dns-cache.ts';
import { buildAddress, buildSocketAddress } from './endpoint.ts';
import { buildHttpConnectionManager } from './http-connection-manager.ts';
import { filters } from './names.ts';
import type { ListenerSettings } from './settings.ts';
import { buildTcpProxy } from './tcp-proxy.ts';
import { buildDownstreamTransport } from './tls.ts';
import { buildDuration, wrap } from './values.ts';

type ListenerMessage = Message<'envoy.config.listener.v3.Listener'>;
type ListenerFilter = Message<'envoy.config.listener.v3.ListenerFilter'>;
type PortMatch = Message<'envoy.config.listener.v3.ListenerFilterChainMatchPredicate'>;
type FilterChainMessage = Message<'envoy.config.listener.v3.FilterChain'>;

const directions = { inbound: 'INBOUND', outbound: 'OUTBOUND', gateway: 'OUTBOUND' } as const;

export function buildListener(listener: Listener, settings: ListenerSettings): ListenerMessage {
  const [main, ...additional] = listener.addresses;
  const chain = (value: FilterChain) => buildFilterChain(value, listener.direction, settings);
  return {
    name: listener.name,
    ...(main ? { address: buildAddress(main.address, main.port) } : {}),
    additionalAddresses: additional.map(({ address, port }) => ({ address: buildSocketAddress(address, port) })),
    trafficDirection: directions[listener.direction],
    filterChains: listener.filterChains.map(chain),
    ...(listener.defaultFilterChain ? { defaultFilterChain: chain(listener.defaultFilterChain) } : {}),
    listenerFilters: buildListenerFilters(listener),
    ...buildDetection(listener),
    ...(listener.bindToPort ? {} : { bindToPort: wrap(false) }),
    ...(listener.useOriginalDst ? { useOriginalDst: wrap(true) } : {}),
    ...(listener.transparent ? { transparent: wrap(true) } : {}),
  };
}

function buildListenerFilters(listener: Listener): ListenerMessage['listenerFilters'] {
  const readsOriginalDst = listener.useOriginalDst || listener.redirected === true;
  return [
    ...(readsOriginalDst
      ? [
          {
            name: filters.originalDst,
            typedConfig: pack('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
          },
        ]
      : []),
    ...buildInspector(listener.tlsInspector, {
      name: filters.tlsInspector,
      typedConfig: pack('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
    }),
    ...buildInspector(listener.httpInspector, {
      name: filters.httpInspector,
      typedConfig: pack('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
    }),
  ];
}

function buildInspector(inspection: Inspection, filter: ListenerFilter): readonly ListenerFilter[] {
  if (inspection === false) return [];
  if (inspection === true) return [filter];
  const filterDisabled =
    'exceptPorts' in inspection ? buildPorts(inspection.exceptPorts) : { notMatch: buildPorts(inspection.onlyPorts) };
  return [{ ...filter, filterDisabled }];
}

function buildPorts(ports: readonly number[]): PortMatch {
  // The end is not part of a range.
  const rules = ports.map((port): PortMatch => ({ destinationPortRange: { start: port, end: port + 1 } }));
  const [only, ...others] = rules;
  return only === undefined || others.length > 0 ? { orMatch: { rules } } : only;
}

/** Once the wait is over a client that says nothing (a server that speaks first) is taken as plain TCP. */
function buildDetection(listener: Listener): ListenerMessage {
  if (!listener.tlsInspector && !listener.httpInspector) return {};
  return {
    listenerFiltersTimeout: buildDuration(listener.detectionTimeoutMs),
    ...(listener.detectionTimeoutMs > 0 && listener.direction !== 'gateway'
      ? { continueOnListenerFiltersTimeout: true }
      : {}),
  };
}

/** A client that begins TLS and doesn't go on must not hold its connection for ever. */
const HANDSHAKE_MS = 15_000;

function buildFilterChain(
  chain: FilterChain,
  direction: Listener['direction'],
  settings: ListenerSettings,
): FilterChainMessage {
  return {
    name: chain.name,
    filterChainMatch: buildFilterChainMatch(chain.match),
    ...(chain.tls
      ? {
          transportSocket: buildDownstreamTransport(chain.tls),
          transportSocketConnectTimeout: buildDuration(HANDSHAKE_MS),
        }
      : {}),
    filters: [...buildLookup(chain.handler), buildHandler(chain.handler, direction, settings)],
  };
}

/** In front of the proxy to a cluster without addresses: the address of the name that the client greets. */
function buildLookup(handler: FilterChain['handler']): readonly Message<'envoy.config.listener.v3.Filter'>[] {
  if (handler.kind !== 'tcp' || handler.lookup === undefined) return [];
  const { port, ...lookup } = handler.lookup;
  return [
    {
      name: filters.sniDynamicForwardProxy,
      typedConfig: pack('envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig', {
        dnsCacheConfig: buildDnsCache(lookup),
        portValue: port,
      }),
    },
  ];
}

function buildHandler(
  handler: FilterChain['handler'],
  direction: Listener['direction'],
  settings: ListenerSettings,
): Message<'envoy.config.listener.v3.Filter'> {
  if (handler.kind === 'http') {
    return {
      name: filters.httpConnectionManager,
      typedConfig: pack(
        'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        buildHttpConnectionManager(handler, settings),
      ),
    };
  }
  const reporter = direction === 'inbound' ? 'destination' : 'source';
  return {
    name: filters.tcpProxy,
    typedConfig: pack(
      'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      buildTcpProxy(handler, reporter, settings),
    ),
  };
}

function buildFilterChainMatch(match: FilterChainMatch): FilterChainMessage['filterChainMatch'] {
  return {
    ...(match.destinationPort === undefined ? {} : { destinationPort: wrap(match.destinationPort) }),
    prefixRanges: (match.prefixRanges ?? []).map(buildRange),
    ...(match.transportProtocol === undefined ? {} : { transportProtocol: match.transportProtocol }),
    applicationProtocols: match.applicationProtocols ?? [],
    serverNames: match.serverNames ?? [],
  };
}

function buildRange(cidr: string): Message<'envoy.config.core.v3.CidrRange'> {
  const [address = '', length] = cidr.split('/');
  return {
    addressPrefix: address,
    prefixLen: wrap(length === undefined ? (address.includes(':') ? 128 : 32) : Number(length)),
  };
}
