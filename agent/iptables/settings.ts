/** What traffic of the pod goes through Envoy: the vocabulary of Istio's `istio-iptables`, parsed and checked. */
import { isLoopback, parseCidr } from './cidr.ts';

export interface RedirectSettings {
  /** Envoy's outbound listener (flag p). */
  readonly proxyPort: number;
  /** Envoy's inbound listener (flag z). */
  readonly inboundCapturePort: number;
  /** HBONE port, never captured twice (flag e). */
  readonly inboundTunnelPort: number;
  /** Users and groups whose traffic is Envoy's own (flags u, g). */
  readonly proxyUids: readonly string[];
  readonly proxyGids: readonly string[];
  /** How inbound connections reach Envoy (flag m); NONE captures nothing at all. */
  readonly mode: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** Inbound ports to capture: all, or a list (flag b). */
  readonly inboundPorts: '*' | readonly number[];
  /** Inbound ports left alone when all are captured (flag d). */
  readonly excludeInboundPorts: readonly number[];
  /** Destinations to capture: all, or ranges (flag i); ranges left alone (flag x). */
  readonly outboundCidrs: '*' | readonly string[];
  readonly excludeOutboundCidrs: readonly string[];
  /** Outbound ports captured whatever their destination (flag q); ports left alone (flag o). */
  readonly outboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  /** Interfaces whose traffic is never captured (flag c). */
  readonly excludeInterfaces: readonly string[];
  /** Interfaces of virtual machines inside the pod, whose inbound traffic counts as outbound (flag k). */
  readonly virtualInterfaces: readonly string[];
  /** Packet mark and policy routing table of TPROXY (flags t, r). */
  readonly tproxyMark: number;
  readonly tproxyRouteTable: number;
  /** DNS queries that go to the agent: none, all, or those to these servers. */
  readonly dnsServers: '*' | readonly string[];
  /** Drop packets in conntrack state INVALID. */
  readonly dropInvalid: boolean;
  /** Whether the pod has IPv6; without it no IPv6 rule is planned. */
  readonly ipv6: boolean;
}

export const defaultRedirectSettings: RedirectSettings = {
  proxyPort: 15001,
  inboundCapturePort: 15006,
  inboundTunnelPort: 15008,
  proxyUids: ['1337'],
  proxyGids: ['1337'],
  mode: 'REDIRECT',
  inboundPorts: [],
  excludeInboundPorts: [],
  outboundCidrs: [],
  excludeOutboundCidrs: [],
  outboundPorts: [],
  excludeOutboundPorts: [],
  excludeInterfaces: [],
  virtualInterfaces: [],
  tproxyMark: 1337,
  tproxyRouteTable: 133,
  dnsServers: [],
  dropInvalid: false,
  ipv6: true,
};

/** The flags as strings, by long name; absent means the default. */
export type RedirectFlags = Readonly<Record<string, string | undefined>>;

export interface ParsedRedirect {
  readonly settings: RedirectSettings;
  /** One line per mistake, naming the flag; empty when the settings may be used. */
  readonly problems: readonly string[];
}

/** `resolvers`: the servers that the pod itself asks, captured when DNS is redirected and not all of it. */
export function parseRedirectSettings(
  flags: RedirectFlags,
  ipv6: boolean,
  resolvers: readonly string[] = [],
): ParsedRedirect {
  const problems: string[] = [];
  const base = defaultRedirectSettings;

  const number = (flag: string, fallback: number, max: number): number => {
    const text = flags[flag];
    if (text === undefined || text === '') return fallback;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= max) return value;
    problems.push(`--${flag}: "${text}" is not a number from 1 to ${max}`);
    return fallback;
  };
  const list = (flag: string): readonly string[] =>
    (flags[flag] ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const ports = (flag: string): readonly number[] =>
    list(flag).flatMap((text) => {
      const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (port >= 1 && port <= 65535) return [port];
      problems.push(`--${flag}: "${text}" is not a port from 1 to 65535`);
      return [];
    });
  const cidrs = (flag: string): readonly string[] =>
    list(flag).flatMap((text) => {
      const cidr = parseCidr(text);
      if (cidr) return [cidr.text];
      problems.push(`--${flag}: "${text}" is not an IP address or CIDR range`);
      return [];
    });
  const names = (flag: string, pattern: RegExp, what: string): readonly string[] =>
    list(flag).filter((text) => {
      const valid = pattern.test(text);
      if (!valid) problems.push(`--${flag}: "${text}" is not ${what}`);
      return valid;
    });
  const owners = (flag: string, fallback: readonly string[]): readonly string[] => {
    const given = names(flag, /^[a-z0-9_][a-z0-9_-]*$/i, 'a user or group');
    return given.length > 0 ? given : fallback;
  };

  const uids = owners('proxy-uid', base.proxyUids);
  const mode = flags['istio-inbound-interception-mode'] || base.mode;
  if (mode !== 'REDIRECT' && mode !== 'TPROXY' && mode !== 'NONE') {
    problems.push(`--istio-inbound-interception-mode: "${mode}" is not REDIRECT, TPROXY or NONE`);
  }

  return {
    problems,
    settings: {
      proxyPort: number('envoy-port', base.proxyPort, 65535),
      inboundCapturePort: number('inbound-capture-port', base.inboundCapturePort, 65535),
      inboundTunnelPort: number('inbound-tunnel-port', base.inboundTunnelPort, 65535),
      proxyUids: uids,
      proxyGids: owners('proxy-gid', uids),
      mode: mode === 'TPROXY' || mode === 'NONE' ? mode : 'REDIRECT',
      inboundPorts: flags['istio-inbound-ports'] === '*' ? '*' : ports('istio-inbound-ports'),
      excludeInboundPorts: ports('istio-local-exclude-ports'),
      outboundCidrs: flags['istio-service-cidr'] === '*' ? '*' : cidrs('istio-service-cidr'),
      excludeOutboundCidrs: cidrs('istio-service-exclude-cidr'),
      outboundPorts: ports('istio-outbound-ports'),
      excludeOutboundPorts: ports('istio-local-outbound-ports-exclude'),
      excludeInterfaces: names('istio-exclude-interfaces', interfaceName, 'an interface name'),
      virtualInterfaces: names('kube-virt-interfaces', interfaceName, 'an interface name'),
      tproxyMark: number('istio-inbound-tproxy-mark', base.tproxyMark, 0xffffffff),
      tproxyRouteTable: number('istio-inbound-tproxy-route-table', base.tproxyRouteTable, 0xffffffff),
      dnsServers:
        flags['redirect-dns'] !== 'true' ? [] : flags['capture-all-dns'] === 'true' ? '*' : cidrsOfServers(resolvers),
      dropInvalid: flags['drop-invalid'] === 'true',
      ipv6,
    },
  };
}

/** A server of IPv6 may be written with its interface, which rules do not know. */
function cidrsOfServers(servers: readonly string[]): readonly string[] {
  return servers.flatMap((server) => parseCidr(server.split('%')[0] ?? '')?.text ?? []);
}

/** Ranges of one address family, in the order given. */
export function cidrsOf(family: 4 | 6, cidrs: readonly string[]): readonly string[] {
  return cidrs.filter((text) => parseCidr(text)?.family === family);
}

export function hasLoopbackCidr(cidrs: '*' | readonly string[]): boolean {
  if (cidrs === '*') return false;
  return cidrs.some((text) => {
    const cidr = parseCidr(text);
    return cidr !== undefined && isLoopback(cidr);
  });
}

/** Linux: at most 15 bytes, no slash, no white space; `+` at the end is iptables' wildcard. */
const interfaceName = /^[A-Za-z0-9_.:@-]{1,15}\+?$/;
