/** What a Sidecar says about inbound traffic. */
import type { Graph, Query } from '#graph/types.ts';
import { parseProtocol } from '../discovery/protocol.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import type { ConnectionPoolSettings, ServerTLSSettings, SidecarSpec } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { InterceptionMode } from '../types/proxy.ts';

export interface IngressListener {
  readonly port: number;
  readonly protocol: Protocol;
  /** Empty: any address. */
  readonly bind: string;
  readonly captureMode: 'DEFAULT' | 'IPTABLES' | 'NONE';
  readonly endpoint: IngressEndpoint;
  readonly tls?: ServerTLSSettings;
  readonly connectionPool?: ConnectionPoolSettings;
}

/** Where the application listens. */
export type IngressEndpoint =
  /** Where the connection was aimed at. */
  | { readonly kind: 'original' }
  | { readonly kind: 'loopback'; readonly family: '4' | '6'; readonly port: number }
  /** The workload's own address. */
  | { readonly kind: 'instance'; readonly family: '4' | '6'; readonly port: number }
  /** `unix://` and a path. */
  | { readonly kind: 'socket'; readonly address: string };

export interface InboundScope {
  /** Undefined: the ports are those of the workload's services. */
  readonly listeners?: readonly IngressListener[];
  readonly connectionPool?: ConnectionPoolSettings;
}

/** `inboundScope`: by key of a Sidecar; undefined when it says nothing about inbound traffic. */
export function defineInboundScope(graph: Graph, inputs: MeshInputs): Query<InboundScope | undefined> {
  return graph.query<InboundScope | undefined>(
    'inboundScope',
    (reader, key) => {
      const spec = reader.get(inputs.sidecars, key)?.spec;
      return spec === undefined ? undefined : resolveInbound(spec);
    },
    { equal: sameData },
  );
}

function resolveInbound({ ingress = [], inboundConnectionPool }: SidecarSpec): InboundScope | undefined {
  if (ingress.length === 0 && inboundConnectionPool === undefined) return undefined;
  const listeners = ingress.map(
    ({ port, bind, captureMode, defaultEndpoint, tls, connectionPool }): IngressListener => ({
      port: port.number ?? 0,
      protocol: parseProtocol(port.protocol ?? '') ?? 'Auto',
      bind: bind ?? '',
      captureMode: captureMode ?? 'DEFAULT',
      endpoint: parseEndpoint(defaultEndpoint ?? ''),
      ...(tls === undefined ? {} : { tls }),
      ...(connectionPool === undefined ? {} : { connectionPool }),
    }),
  );
  return {
    ...(listeners.length === 0 ? {} : { listeners }),
    ...(inboundConnectionPool === undefined ? {} : { connectionPool: inboundConnectionPool }),
  };
}

const hosts: Readonly<Record<string, Pick<Extract<IngressEndpoint, { port: number }>, 'kind' | 'family'>>> = {
  '127.0.0.1': { kind: 'loopback', family: '4' },
  '[::1]': { kind: 'loopback', family: '6' },
  '0.0.0.0': { kind: 'instance', family: '4' },
  '[::]': { kind: 'instance', family: '6' },
};

/** `address:port` or `unix://path`; an address that is left out is where the connection was aimed at. */
function parseEndpoint(text: string): IngressEndpoint {
  if (text.startsWith('unix://')) return { kind: 'socket', address: text };
  const colon = text.lastIndexOf(':');
  const host = hosts[text.slice(0, Math.max(colon, 0))];
  return host === undefined ? { kind: 'original' } : { ...host, port: Number(text.slice(colon + 1)) };
}

/** Whether a listener listens by itself, without redirection. */
export function isBound({ captureMode }: Pick<IngressListener, 'captureMode'>, mode: InterceptionMode | ''): boolean {
  return captureMode === 'NONE' || (captureMode === 'DEFAULT' && mode === 'NONE');
}

/**
 * Whether the workload's own address must be known: to reach it without redirection, or to listen at it, because any
 * address may be that of an outbound listener, which Envoy refuses even if that one doesn't listen.
 */
export function needsOwnAddress(scope: InboundScope | undefined, mode: InterceptionMode): boolean {
  return (
    scope?.listeners?.some(
      (listener) =>
        isBound(listener, mode) && (listener.endpoint.kind === 'instance' || (listener.bind === '' && mode !== 'NONE')),
    ) ?? false
  );
}
