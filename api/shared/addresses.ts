/** Addresses, blocks, ports and sockets. */
import { isIP } from 'node:net';
import type { Diagnostic } from '../resource.ts';
import { error, errorIf, type Path } from '../schema/findings.ts';
import { isAddress } from './hosts.ts';

export const unixPrefix = 'unix://';

export function checkPort(port: number, path: Path): Diagnostic[] {
  return errorIf(port < 1 || port > 65_535, path, 'must be a port between 1 and 65535');
}

export function checkAddress(text: string, path: Path): Diagnostic[] {
  return errorIf(!isAddress(text), path, `"${text}" is no IP address`);
}

/** A CIDR block or a single address. */
export function checkBlock(text: string, path: Path): Diagnostic[] {
  return errorIf(!isBlock(text) && !isAddress(text), path, `"${text}" is neither an IP address nor a CIDR block`);
}

function isBlock(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const bits = /^(0|[1-9]\d{0,2})$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  return rest.length === 0 && isAddress(address) && bits <= (isIP(address) === 4 ? 32 : 128);
}

/** What follows `unix://`: an absolute path to a file, or an abstract name after `@`. */
export function checkSocketPath(path: string, at: Path): Diagnostic[] {
  if (path === '') return [error(at, 'the socket path is empty')];
  const wrong = !path.startsWith('@') && (!path.startsWith('/') || path.endsWith('/'));
  return errorIf(wrong, at, `"${path}" is no absolute path to a socket`);
}

/** A listener's bind: nothing, an address, or a socket. */
export function checkBind(bind: string | undefined, path: Path): Diagnostic[] {
  if (bind === undefined || bind === '') return [];
  return bind.startsWith(unixPrefix) ? checkSocketPath(bind.slice(unixPrefix.length), path) : checkAddress(bind, path);
}
