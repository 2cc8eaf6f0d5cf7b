/** What a Gateway must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic, ObjectMeta } from '../resource.ts';
import { duplicates, each, error, errorIf, optionally, type Path, warningIf } from '../schema/findings.ts';
import { checkBind, checkPort, unixPrefix } from '../shared/addresses.ts';
import { checkGatewayHost, isDnsLabel } from '../shared/hosts.ts';
import { isHttp, isProtocol, isTls } from '../shared/protocol.ts';
import type { GatewaySpec, Server } from './gateway.ts';
import { checkServerTls } from './servertlschecks.ts';

export function checkGateway(spec: GatewaySpec, { name }: ObjectMeta): Diagnostic[] {
  const path: Path = ['spec', 'servers'];
  return [
    ...errorIf(name !== '' && !isDnsLabel(name), ['metadata', 'name'], 'must be a DNS label, without dots'),
    ...errorIf((spec.servers ?? []).length === 0, path, 'at least one server is required'),
    ...each(spec.servers, path, checkServer),
    ...duplicates(
      spec.servers,
      path,
      (server) => server.port.name,
      (port) => `the port name ${port} is used twice`,
      ['port', 'name'],
    ),
  ];
}

function checkServer(server: Server, path: Path): Diagnostic[] {
  return [
    ...errorIf(server.hosts.length === 0, [...path, 'hosts'], 'at least one host is required'),
    ...each(server.hosts, [...path, 'hosts'], checkGatewayHost),
    ...checkServerPort(server, path),
    ...checkBind(server.bind, [...path, 'bind']),
    ...optionally(server.tls, [...path, 'tls'], checkServerTls),
    ...checkTlsFitsPort(server, path),
  ];
}

function checkServerPort({ port, bind }: Server, path: Path): Diagnostic[] {
  const at = [...path, 'port'];
  const socket = bind?.startsWith(unixPrefix) ?? false;
  return [
    ...errorIf(!isProtocol(port.protocol), [...at, 'protocol'], `"${port.protocol}" is no known protocol`),
    ...(socket
      ? errorIf(port.number !== 0, [...at, 'number'], 'must be 0 where bind is a socket')
      : checkPort(port.number, [...at, 'number'])),
    ...errorIf((port.targetPort ?? 0) > 0, [...at, 'targetPort'], 'has no meaning at a gateway'),
    ...errorIf(port.name === '', [...at, 'name'], 'must not be empty'),
  ];
}

/** HTTPS and TLS ports need TLS settings; a plain HTTP port may redirect and nothing else. */
function checkTlsFitsPort({ port, tls }: Server, path: Path): Diagnostic[] {
  const at = [...path, 'tls'];
  if (!isProtocol(port.protocol)) return [];
  if (isTls(port.protocol)) return tls === undefined ? [error(at, `is required for ${port.protocol}`)] : redirects();
  if (tls === undefined) return [];
  if (!isHttp(port.protocol)) return [error(at, `cannot be set for ${port.protocol}`), ...redirects()];
  const passes = tls.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
  const files = tls.caCertificates || tls.privateKey || tls.serverCertificate;
  return errorIf(!passes || Boolean(files), at, 'only httpsRedirect can be set for plain HTTP');

  function redirects(): Diagnostic[] {
    const odd = tls?.httpsRedirect === true;
    return warningIf(odd, [...at, 'httpsRedirect'], 'has no effect: only plain HTTP can be redirected');
  }
}
