/** Blocks of IP addresses. */
import { isIPv6 } from 'node:net';
import type { ServiceAddress } from './types/inputs.ts';

/**
 * An address or a block in CIDR form, already checked. A block of one address is that address; of a block only the part
 * that counts stays, and both are written in one way, because two spellings of one place would be a conflict to Envoy.
 */
export function parseBlock(text: string): ServiceAddress {
  const [address = '', length] = text.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const width = family === 'ipv6' ? 128 : 32;
  const bits = length === undefined ? width : Number(length);
  if (bits >= width) return { family, address: renderNumber(readNumber(address, family), family) };
  const network = (readNumber(address, family) >> BigInt(width - bits)) << BigInt(width - bits);
  return { family, address: `${renderNumber(network, family)}/${bits}` };
}

function readNumber(address: string, family: ServiceAddress['family']): bigint {
  if (family === 'ipv4') return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  // A URL writes an embedded IPv4 address as two groups.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function renderNumber(value: bigint, family: ServiceAddress['family']): string {
  if (family === 'ipv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
