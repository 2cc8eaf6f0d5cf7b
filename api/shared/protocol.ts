import type { Diagnostic } from '../resource.ts';
import { errorIf, type Path } from '../schema/findings.ts';

const http = new Set(['http', 'http2', 'http_proxy', 'grpc', 'grpc-web']);
const tls = new Set(['https', 'tls']);
const other = new Set(['tcp', 'udp', 'mongo', 'redis', 'mysql']);

export const isHttp = (protocol: string): boolean => http.has(protocol.toLowerCase());
export const isTls = (protocol: string): boolean => tls.has(protocol.toLowerCase());

/** Protocol names of ports, in any case of letters. */
export const isProtocol = (protocol: string): boolean =>
  isHttp(protocol) || isTls(protocol) || other.has(protocol.toLowerCase());

/** A protocol that may be left out, which means that it is detected. */
export function checkOptionalProtocol(protocol: string | undefined, path: Path): Diagnostic[] {
  return errorIf(
    protocol !== undefined && protocol !== '' && !isProtocol(protocol),
    path,
    `"${protocol}" is no known protocol`,
  );
}
