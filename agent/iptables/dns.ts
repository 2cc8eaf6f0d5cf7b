/** Redirection of the application's DNS queries to the agent, over UDP and TCP, in Istio's chain ISTIO_OUTPUT_DNS. */
import { proxyPorts } from '#api/constants.ts';
import { type Family, type Rule, rule } from './rule.ts';
import { cidrsOf, type RedirectSettings } from './settings.ts';

const chain = 'ISTIO_OUTPUT_DNS';

export function capturesDns(settings: RedirectSettings, family: Family): boolean {
  return resolveServers(settings, family).length > 0;
}

/** Behind the rules that let the proxy's own users out: the agent's queries to the pod's servers must not come back to it. */
export function planDnsRedirect(settings: RedirectSettings, family: Family): readonly Rule[] {
  const redirect = `-j REDIRECT --to-ports ${proxyPorts.dns}`;
  const servers = resolveServers(settings, family);
  if (servers.length === 0) return [];
  return [
    rule('nat', 'ISTIO_OUTPUT', `-j ${chain}`),
    ...servers.map(({ to }) => rule('nat', chain, `${to}-p tcp --dport 53 ${redirect}`)),
    ...servers.map(({ to }) => rule('nat', chain, `${to}-p udp --dport 53 ${redirect}`)),
  ];
}

/**
 * Connection tracking of its own for each side: a query of the application and the agent's query behind it may have the
 * same addresses and ports, and the kernel would take the one for the other. Zone 1: agent and servers; zone 2:
 * application and agent.
 */
export function planDnsZones(settings: RedirectSettings, family: Family): readonly Rule[] {
  const servers = resolveServers(settings, family);
  if (servers.length === 0) return [];
  const owners = [
    ...settings.proxyUids.map((uid) => `--uid-owner ${uid}`),
    ...settings.proxyGids.map((gid) => `--gid-owner ${gid}`),
  ];
  return [
    rule('raw', 'OUTPUT', `-j ${chain}`),
    ...owners.flatMap((owner) => [
      rule('raw', chain, `-p udp --dport 53 -m owner ${owner} -j CT --zone 1`),
      rule('raw', chain, `-p udp --sport ${proxyPorts.dns} -m owner ${owner} -j CT --zone 2`),
    ]),
    rule('raw', 'PREROUTING', '-j ISTIO_INBOUND'),
    ...servers.flatMap(({ to, from }) => [
      rule('raw', chain, `${to}-p udp --dport 53 -j CT --zone 2`),
      rule('raw', 'ISTIO_INBOUND', `${from}-p udp --sport 53 -j CT --zone 1`),
    ]),
  ];
}

/** How the captured servers of this family are matched as destination and as source. */
function resolveServers(
  { dnsServers }: RedirectSettings,
  { version }: Family,
): readonly { readonly to: string; readonly from: string }[] {
  if (dnsServers === '*') return [{ to: '', from: '' }];
  return cidrsOf(version, dnsServers).map((server) => ({ to: `-d ${server} `, from: `-s ${server} ` }));
}
