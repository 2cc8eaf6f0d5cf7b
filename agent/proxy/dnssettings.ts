/** Where the pod's DNS queries arrive, if they are captured. */
import { isIP, isIPv6 } from 'node:net';
import { proxyPorts } from '#api/constants.ts';
import { parseHostPort } from './hostport.ts';
import type { NodeIdentity } from './metadata.ts';
import type { Problems } from './proxyconfig.ts';

export interface DnsSettings {
  /** To listen on; one that the pod does not have is left out. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly resolvConfPath: string;
}

/** Gateways have no application whose names could be captured. */
export function parseDnsSettings(
  node: NodeIdentity,
  env: Readonly<Record<string, string | undefined>>,
  problems: Problems,
): DnsSettings | undefined {
  if (node.role !== 'sidecar' || env.ISTIO_META_DNS_CAPTURE !== 'true') return undefined;
  const listen = parseHostPort(env.DNS_PROXY_ADDR || 'localhost', proxyPorts.dns);
  if (listen === undefined || (listen.host !== 'localhost' && isIP(listen.host) === 0)) {
    problems.add(`DNS_PROXY_ADDR: "${env.DNS_PROXY_ADDR}" is not an address and port`);
    return undefined;
  }
  const six = node.addresses.some((address) => isIPv6(address));
  const four = !six || node.addresses.some((address) => !isIPv6(address));
  const loopback = [...(four ? ['127.0.0.1'] : []), ...(six ? ['::1'] : [])];
  return {
    addresses: listen.host === 'localhost' ? loopback : [listen.host],
    port: listen.port,
    resolvConfPath: env.RESOLV_CONF_PATH || '/etc/resolv.conf',
  };
}
