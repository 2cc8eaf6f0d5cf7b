/** The servers of all Gateways that select one router, laid out by address and port. */
import { renderObjectKey } from '../../keys.ts';
import { sourceOf } from '../../selection.ts';
import type { GatewaySpec, Server } from '../../specs.ts';
import type { SourceRef } from '../../types/identity.ts';
import type { Config } from '../../types/inputs.ts';

export type GatewayConfig = Config<GatewaySpec>;

/** How the first bytes of a connection are read. */
export type ServerClass = 'http' | 'tls' | 'tcp';

/** One server of one Gateway, where it is in force. */
export interface PlacedServer {
  /** `namespace/name` of its Gateway. */
  readonly gateway: string;
  readonly gatewayKey: string;
  /** Position in `spec.servers`. */
  readonly index: number;
  readonly server: Server;
  /** Hosts without those that an older server of the port already serves over TLS. */
  readonly hosts: readonly string[];
  readonly source: SourceRef;
}

/** Everything that shares one address and port. */
export interface PlacedPort {
  readonly bind: string;
  readonly port: number;
  readonly class: ServerClass;
  readonly servers: readonly PlacedServer[];
}

/** A server, or a host of it, that is not in force because an older one, or the router itself, has the place. */
export interface ServerConflict {
  readonly gatewayKey: string;
  readonly index: number;
  readonly host?: string;
  readonly message: string;
}

export interface ServerPlan {
  readonly ports: readonly PlacedPort[];
  readonly conflicts: readonly ServerConflict[];
}

const httpProtocols = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB']);

export function classOf(server: Server): ServerClass {
  const protocol = server.port.protocol.toUpperCase();
  if (httpProtocols.has(protocol)) return 'http';
  return protocol === 'HTTPS' || protocol === 'TLS' ? 'tls' : 'tcp';
}

/** Whether HTTP is served behind TLS that ends here. */
export function servesHttp(server: Server): boolean {
  const protocol = server.port.protocol.toUpperCase();
  return httpProtocols.has(protocol) || (protocol === 'HTTPS' && !passesThrough(server));
}

/** As long as no mode says otherwise. */
export function passesThrough({ tls }: Server): boolean {
  if (tls === undefined) return false;
  return tls.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
}

/** `namespace/host` as its parts; without a namespace every namespace is meant, `.` is the Gateway's own. */
export function splitServerHost(host: string, own: string): { readonly namespace: string; readonly host: string } {
  const at = host.indexOf('/');
  if (at === -1) return { namespace: '*', host: host.toLowerCase() };
  const namespace = host.slice(0, at);
  return { namespace: namespace === '.' ? own : namespace, host: host.slice(at + 1).toLowerCase() };
}

/**
 * Lays servers out, the oldest Gateway first. On one port all servers are of the first one's class, and a host is served
 * over TLS by one server only.
 * @param targets the ports a router listens on for the port that a server names
 * @param isReserved whether the router listens at a port for itself
 */
export function planServers(
  gateways: readonly GatewayConfig[],
  targets: (port: number) => readonly number[],
  isReserved: (port: number) => boolean,
): ServerPlan {
  const ports = new Map<
    string,
    { readonly bind: string; readonly port: number; readonly class: ServerClass; readonly servers: PlacedServer[] }
  >();
  const tlsHosts = new Map<string, Set<string>>();
  const conflicts: ServerConflict[] = [];
  for (const gateway of gateways) {
    const gatewayKey = renderObjectKey(gateway.cluster, gateway.namespace, gateway.name);
    for (const [index, server] of (gateway.spec.servers ?? []).entries()) {
      const bind = server.bind === '0.0.0.0' ? '' : (server.bind ?? '');
      // Unix sockets are not served.
      if (bind.startsWith('unix:')) continue;
      for (const port of targets(server.port.number)) {
        if (isReserved(port)) {
          conflicts.push({ gatewayKey, index, message: `the proxy itself listens at port ${port}` });
          continue;
        }
        const place = `${bind}_${port}`;
        const known = ports.get(place) ?? { bind, port, class: classOf(server), servers: [] };
        ports.set(place, known);
        if (known.class !== classOf(server) || (known.class === 'tcp' && known.servers.length > 0)) {
          const message = `port ${server.port.number} is already served as ${known.class.toUpperCase()} by ${known.servers[0]?.gateway}`;
          conflicts.push({ gatewayKey, index, message });
          continue;
        }
        const hosts = known.class === 'tls' ? claimHosts(place, server, gateway, index, gatewayKey) : server.hosts;
        if (hosts.length === 0) continue;
        known.servers.push({
          gateway: `${gateway.namespace}/${gateway.name}`,
          gatewayKey,
          index,
          server,
          hosts,
          source: sourceOf('Gateway', gateway),
        });
      }
    }
  }
  return { ports: [...ports.values()].filter((port) => port.servers.length > 0), conflicts };

  function claimHosts(place: string, server: Server, gateway: GatewayConfig, index: number, gatewayKey: string) {
    const taken = tlsHosts.get(place) ?? new Set<string>();
    tlsHosts.set(place, taken);
    return server.hosts.filter((text) => {
      const { host } = splitServerHost(text, gateway.namespace);
      if (taken.has(host)) {
        conflicts.push({
          gatewayKey,
          index,
          host,
          message: `host ${host} is already served on port ${server.port.number}`,
        });
        return false;
      }
      taken.add(host);
      return true;
    });
  }
}
