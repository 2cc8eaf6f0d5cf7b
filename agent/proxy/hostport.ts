/** Addresses with ports, as flags and settings write them. */
import { isIPv6 } from 'node:net';

/** `host:port`, `[v6]:port` or a bare host. */
export function parseHostPort(
  text: string,
  defaultPort: number,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}

export function renderHostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
