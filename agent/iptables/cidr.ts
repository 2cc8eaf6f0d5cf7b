/** Address ranges in the one spelling that `iptables-save` prints, so that a plan can be compared with what the kernel holds. */
import { isIP } from 'node:net';

export interface Cidr {
  readonly family: 4 | 6;
  /** Canonical text, e.g. `10.0.0.0/8` or `2001:db8::/32`; host bits are zero. */
  readonly text: string;
}

/** Parses an address or a range; undefined when it is neither. */
export function parseCidr(input: string): Cidr | undefined {
  const [address = '', prefixText, ...rest] = input.trim().split('/');
  const family = isIP(address);
  if (rest.length > 0 || (family !== 4 && family !== 6)) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  const shift = BigInt(bits - prefix);
  const value = ((family === 4 ? toNumberV4(address) : toNumberV6(address)) >> shift) << shift;
  return { family, text: `${family === 4 ? toTextV4(value) : toTextV6(value)}/${prefix}` };
}

/** Whether the range holds addresses of the loopback interface. */
export function isLoopback(cidr: Cidr): boolean {
  return cidr.family === 4 ? cidr.text.startsWith('127.') : cidr.text === '::1/128';
}

function toNumberV4(address: string): bigint {
  return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function toTextV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
}

function toNumberV6(address: string): bigint {
  const plain = (address.split('%')[0] ?? '').replace(/(\d+\.\d+\.\d+\.\d+)$/, (v4) => {
    const value = toNumberV4(v4);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups shortened. */
function toTextV6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt((7 - i) * 16)) & 0xffffn);
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0n) length++;
    if (length > best.length) best = { start, length };
  }
  const text = groups.map((group) => group.toString(16));
  if (best.length < 2) return text.join(':');
  return `${text.slice(0, best.start).join(':')}::${text.slice(best.start + best.length).join(':')}`;
}
