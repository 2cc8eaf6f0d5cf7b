/** The TPROXY variant of inbound capture: packets keep their source address, marks and policy routing bring them to Envoy. */
import { type Family, type Rule, rule } from './rule.ts';
import type { RedirectSettings } from './settings.ts';

const hex = (value: number) => `0x${value.toString(16)}`;

/** Marks packets from Envoy to the pod's own address; Istio's fixed number. */
const outboundMark = 1338;

export function planTproxyInbound(settings: RedirectSettings, family: Family): readonly Rule[] {
  const inbound = (args: string) => rule('mangle', 'ISTIO_INBOUND', args);
  const mark = hex(settings.tproxyMark);
  if (settings.inboundPorts !== '*' && settings.inboundPorts.length === 0) return [];
  return [
    rule('mangle', 'ISTIO_DIVERT', `-j MARK --set-xmark ${mark}/0xffffffff`),
    rule('mangle', 'ISTIO_DIVERT', '-j ACCEPT'),
    rule(
      'mangle',
      'ISTIO_TPROXY',
      `! -d ${family.loopback} -p tcp -j TPROXY --on-port ${settings.inboundCapturePort} --on-ip ${family.version === 4 ? '0.0.0.0' : '::'} --tproxy-mark ${mark}/0xffffffff`,
    ),
    rule('mangle', 'PREROUTING', '-p tcp -j ISTIO_INBOUND'),
    // Already marked, passed on by Envoy, or the application talking to itself: none of it is for Envoy again.
    inbound(`-p tcp -m mark --mark ${mark} -j RETURN`),
    inbound(`-s ${family.passthrough} -i lo -p tcp -j RETURN`),
    inbound(`-i lo -p tcp -m mark ! --mark ${hex(outboundMark)} -j RETURN`),
    ...(settings.inboundPorts === '*'
      ? [
          ...settings.excludeInboundPorts.map((port) => inbound(`-p tcp --dport ${port} -j RETURN`)),
          inbound('-p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT'),
          inbound('-p tcp -j ISTIO_TPROXY'),
        ]
      : settings.inboundPorts.flatMap((port) => [
          inbound(`-p tcp --dport ${port} -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT`),
          inbound(`-p tcp --dport ${port} -j ISTIO_TPROXY`),
        ])),
  ];
}

export function planTproxyMarks(settings: RedirectSettings, family: Family): readonly Rule[] {
  const mark = hex(settings.tproxyMark);
  const owners = [
    ...settings.proxyUids.map((uid) => `--uid-owner ${uid}`),
    ...settings.proxyGids.map((gid) => `--gid-owner ${gid}`),
  ];
  return [
    rule(
      'mangle',
      'PREROUTING',
      `-p tcp -m mark --mark ${mark} -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
    ),
    rule('mangle', 'OUTPUT', `-o lo -p tcp -m mark --mark ${mark} -j RETURN`),
    ...owners.map((owner) =>
      rule(
        'mangle',
        'OUTPUT',
        `! -d ${family.loopback} -o lo -p tcp -m owner ${owner} -j MARK --set-xmark ${hex(outboundMark)}/0xffffffff`,
      ),
    ),
    rule(
      'mangle',
      'OUTPUT',
      `-p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
    ),
  ];
}

/** Policy routing that delivers marked packets locally; run with `ip`, once per address family. */
export function planRoutes(settings: RedirectSettings): readonly (readonly string[])[] {
  if (settings.mode !== 'TPROXY') return [];
  const table = String(settings.tproxyRouteTable);
  const versions = settings.ipv6 ? ['-4', '-6'] : ['-4'];
  return versions.flatMap((version) => [
    [version, 'rule', 'add', 'fwmark', String(settings.tproxyMark), 'lookup', table],
    [version, 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', table],
  ]);
}
