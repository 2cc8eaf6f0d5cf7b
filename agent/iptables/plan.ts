/**
 * The netfilter rules of a pod, planned as data. Chains and their order are Istio's (ISTIO_INBOUND, ISTIO_IN_REDIRECT,
 * ISTIO_REDIRECT, ISTIO_OUTPUT), so that people and tools who know them find what they expect.
 * Arguments are spelled as `iptables-save` prints them, so that a plan can be compared with the kernel's state.
 */

import { capturesDns, planDnsRedirect, planDnsZones } from './dns.ts';
import { type Family, type Rule, rule } from './rule.ts';
import { cidrsOf, hasLoopbackCidr, type RedirectSettings } from './settings.ts';
import { planTproxyInbound, planTproxyMarks } from './tproxy.ts';

export interface Plan {
  readonly v4: readonly Rule[];
  /** Empty when the pod has no IPv6. */
  readonly v6: readonly Rule[];
}

const families = {
  v4: { version: 4, loopback: '127.0.0.1/32', passthrough: '127.0.0.6/32' },
  v6: { version: 6, loopback: '::1/128', passthrough: '::6/128' },
} as const satisfies Record<string, Family>;

export function planRules(settings: RedirectSettings): Plan {
  if (settings.mode === 'NONE') return { v4: [], v6: [] };
  return { v4: planFamily(settings, families.v4), v6: settings.ipv6 ? planFamily(settings, families.v6) : [] };
}

function planFamily(settings: RedirectSettings, family: Family): readonly Rule[] {
  return [
    ...(settings.dropInvalid ? [rule('mangle', 'PREROUTING', '-m conntrack --ctstate INVALID -j DROP')] : []),
    ...planInterfaces(settings),
    rule('nat', 'ISTIO_INBOUND', `-p tcp --dport ${settings.inboundTunnelPort} -j RETURN`),
    rule('nat', 'ISTIO_REDIRECT', `-p tcp -j REDIRECT --to-ports ${settings.proxyPort}`),
    rule('nat', 'ISTIO_IN_REDIRECT', `-p tcp -j REDIRECT --to-ports ${settings.inboundCapturePort}`),
    ...planVirtualInterfaces(settings, family),
    ...(settings.mode === 'TPROXY' ? planTproxyInbound(settings, family) : planInbound(settings)),
    rule('nat', 'OUTPUT', '-j ISTIO_OUTPUT'),
    ...planOutbound(settings, family),
    ...(settings.mode === 'TPROXY' ? planTproxyMarks(settings, family) : []),
    ...planDnsZones(settings, family),
  ];
}

function planInterfaces(settings: RedirectSettings): readonly Rule[] {
  const tables = settings.mode === 'TPROXY' ? (['nat', 'mangle'] as const) : (['nat'] as const);
  return settings.excludeInterfaces.flatMap((name) =>
    tables.flatMap((table) => [
      rule(table, 'PREROUTING', `-i ${name} -j RETURN`),
      rule(table, 'OUTPUT', `-o ${name} -j RETURN`),
    ]),
  );
}

/** Traffic that comes out of a virtual machine is the workload's outbound traffic; the rest of it is left alone. */
function planVirtualInterfaces(settings: RedirectSettings, family: Family): readonly Rule[] {
  const captured =
    settings.outboundCidrs === '*'
      ? ['']
      : cidrsOf(family.version, settings.outboundCidrs).map((cidr) => `-d ${cidr} `);
  return settings.virtualInterfaces.flatMap((name) => [
    ...captured.map((destination) => rule('nat', 'PREROUTING', `${destination}-i ${name} -j ISTIO_REDIRECT`)),
    rule('nat', 'PREROUTING', `-i ${name} -j RETURN`),
  ]);
}

function planInbound(settings: RedirectSettings): readonly Rule[] {
  const capture = (ports: readonly number[]) =>
    ports.map((port) => rule('nat', 'ISTIO_INBOUND', `-p tcp --dport ${port} -j ISTIO_IN_REDIRECT`));
  if (settings.inboundPorts === '*') {
    return [
      rule('nat', 'PREROUTING', '-p tcp -j ISTIO_INBOUND'),
      ...settings.excludeInboundPorts.map((port) => rule('nat', 'ISTIO_INBOUND', `-p tcp --dport ${port} -j RETURN`)),
      rule('nat', 'ISTIO_INBOUND', '-p tcp -j ISTIO_IN_REDIRECT'),
    ];
  }
  if (settings.inboundPorts.length === 0) return [];
  return [rule('nat', 'PREROUTING', '-p tcp -j ISTIO_INBOUND'), ...capture(settings.inboundPorts)];
}

function planOutbound(settings: RedirectSettings, family: Family): readonly Rule[] {
  const output = (args: string) => rule('nat', 'ISTIO_OUTPUT', args);
  const owners = [
    ...settings.proxyUids.map((uid) => `--uid-owner ${uid}`),
    ...settings.proxyGids.map((gid) => `--gid-owner ${gid}`),
  ];
  const loopbackCaptured = hasLoopbackCidr(settings.outboundCidrs);
  const dns = capturesDns(settings, family);
  const neverInbound = dns
    ? `-m multiport ! --dports 53,${settings.inboundTunnelPort}`
    : `! --dport ${settings.inboundTunnelPort}`;
  // A server on loopback is one whose queries are captured too.
  const loopback = dns ? '-p tcp ! --dport 53 ' : '';
  return [
    // Excluded ports come first: they win over every case below.
    ...settings.excludeOutboundPorts.flatMap((port) => [
      output(`-p tcp --dport ${port} -j RETURN`),
      output(`-p udp --dport ${port} -j RETURN`),
    ]),
    output(`-s ${family.passthrough} -o lo -j RETURN`),
    ...owners.flatMap((owner) => [
      // The application calls itself through its Service address: app -> Envoy out -> Envoy in -> app.
      output(`! -d ${family.loopback} -o lo -p tcp ${neverInbound} -m owner ${owner} -j ISTIO_IN_REDIRECT`),
      // The application calls itself through its own address, unless loopback was asked for by name.
      ...(loopbackCaptured ? [] : [output(`-o lo ${loopback}-m owner ! ${owner} -j RETURN`)]),
      // Everything else that Envoy sends goes out as it is, or it would come back to Envoy for ever.
      output(`-m owner ${owner} -j RETURN`),
    ]),
    ...planDnsRedirect(settings, family),
    output(`-d ${family.loopback} -j RETURN`),
    ...cidrsOf(family.version, settings.excludeOutboundCidrs).map((cidr) => output(`-d ${cidr} -j RETURN`)),
    ...settings.outboundPorts.map((port) => output(`-p tcp --dport ${port} -j ISTIO_REDIRECT`)),
    ...(settings.outboundCidrs === '*'
      ? [output('-j ISTIO_REDIRECT')]
      : cidrsOf(family.version, settings.outboundCidrs).map((cidr) => output(`-d ${cidr} -j ISTIO_REDIRECT`))),
  ];
}
