/** What a Sidecar must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic } from '../resource.ts';
import { duplicates, each, error, errorIf, optionally, type Path, warningIf } from '../schema/findings.ts';
import { checkAddress, checkPort, checkSocketPath, unixPrefix } from '../shared/addresses.ts';
import { checkSidecarHost, isDnsLabel } from '../shared/hosts.ts';
import { checkSelector } from '../shared/labels.ts';
import type { SidecarPort } from '../shared/port.ts';
import { checkOptionalProtocol, isHttp, isTls } from '../shared/protocol.ts';
import { checkConnectionPool } from './destinationrule/connectionchecks.ts';
import { checkServerTls } from './servertlschecks.ts';
import type { IstioEgressListener, IstioIngressListener, OutboundTrafficPolicy, SidecarSpec } from './sidecar.ts';
import { checkDestination } from './virtualservice/destinationchecks.ts';

export function checkSidecar(spec: SidecarSpec): Diagnostic[] {
  const path: Path = ['spec'];
  const { workloadSelector, ingress = [], egress = [], outboundTrafficPolicy, inboundConnectionPool } = spec;
  const empty =
    ingress.length + egress.length === 0 && outboundTrafficPolicy === undefined && inboundConnectionPool === undefined;
  return [
    ...checkSelector(workloadSelector?.labels, workloadSelector !== undefined, [...path, 'workloadSelector', 'labels']),
    ...errorIf(empty, path, 'one of ingress, egress, outboundTrafficPolicy and inboundConnectionPool is required'),
    ...each(ingress, [...path, 'ingress'], checkIngress),
    ...duplicates(ingress, [...path, 'ingress'], portKey, (port) => `the port ${port} has two listeners`, [
      'port',
      'number',
    ]),
    ...optionally(inboundConnectionPool, [...path, 'inboundConnectionPool'], checkConnectionPool),
    ...each(egress, [...path, 'egress'], (listener, at, index) =>
      checkEgress(listener, at, index === egress.length - 1),
    ),
    ...duplicates(egress, [...path, 'egress'], portKey, (port) => `${port} has two listeners`, ['port']),
    ...optionally(outboundTrafficPolicy, [...path, 'outboundTrafficPolicy'], checkOutboundPolicy),
  ];
}

/** What tells listeners apart: the port, or the socket where the port is 0. */
function portKey({ port, bind }: IstioIngressListener | IstioEgressListener): string | undefined {
  if (port === undefined) return undefined;
  return port.number ? String(port.number) : (bind ?? '');
}

function checkIngress(listener: IstioIngressListener, path: Path): Diagnostic[] {
  const { port, bind, tls, connectionPool, defaultEndpoint } = listener;
  const protocol = port.protocol ?? '';
  return [
    ...checkListenerPort(port, [...path, 'port']),
    ...checkPort(port.number ?? 0, [...path, 'port', 'number']),
    ...(bind ? checkAddress(bind, [...path, 'bind']) : []),
    ...(defaultEndpoint ? checkDefaultEndpoint(defaultEndpoint, [...path, 'defaultEndpoint']) : []),
    ...optionally(tls, [...path, 'tls'], (settings, at) => [
      ...checkSidecarTls(settings, at),
      ...errorIf(!isTls(protocol), at, `cannot be set for ${protocol || 'a port without protocol'}`),
      ...checkServerTls(settings, at),
    ]),
    ...optionally(connectionPool, [...path, 'connectionPool'], checkConnectionPool),
    ...warningIf(
      connectionPool?.http !== undefined && !isHttp(protocol),
      [...path, 'connectionPool', 'http'],
      `has no effect for ${protocol || 'a port without protocol'}`,
    ),
  ];
}

function checkListenerPort(port: SidecarPort, path: Path): Diagnostic[] {
  return [
    ...errorIf(Boolean(port.name) && !isDnsLabel(port.name ?? ''), [...path, 'name'], `"${port.name}" is no port name`),
    ...checkOptionalProtocol(port.protocol, [...path, 'protocol']),
    ...errorIf((port.targetPort ?? 0) > 0, [...path, 'targetPort'], 'has no meaning in a Sidecar'),
  ];
}

const ownAddresses = new Set(['', '127.0.0.1', '0.0.0.0', '[::1]', '[::]']);

function checkDefaultEndpoint(endpoint: string, path: Path): Diagnostic[] {
  if (endpoint.startsWith(unixPrefix)) return checkSocketPath(endpoint.slice(unixPrefix.length), path);
  const colon = endpoint.lastIndexOf(':');
  const port = endpoint.slice(colon + 1);
  if (colon < 0 || !ownAddresses.has(endpoint.slice(0, colon)) || !/^\d{1,5}$/.test(port)) {
    return [error(path, 'must be 127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix://path')];
  }
  return checkPort(Number(port), path);
}

const unsupportedTls = ['subjectAltNames', 'credentialNames', 'tlsCertificates', 'credentialName'] as const;

function checkSidecarTls(tls: NonNullable<IstioIngressListener['tls']>, path: Path): Diagnostic[] {
  const wrongMode = tls.mode === 'ISTIO_MUTUAL' || tls.mode === 'AUTO_PASSTHROUGH';
  return [
    ...unsupportedTls.flatMap((field) =>
      errorIf((tls[field] ?? '').length > 0, [...path, field], 'is not supported in a Sidecar'),
    ),
    ...errorIf(tls.httpsRedirect === true, [...path, 'httpsRedirect'], 'is not supported in a Sidecar'),
    ...errorIf(wrongMode, [...path, 'mode'], `${tls.mode} is not supported in a Sidecar`),
  ];
}

function checkEgress(listener: IstioEgressListener, path: Path, last: boolean): Diagnostic[] {
  const { port, hosts } = listener;
  return [
    ...(port === undefined
      ? errorIf(!last, path, 'a listener without port must be the last one')
      : [...checkListenerPort(port, [...path, 'port']), ...checkEgressBind(listener, port, path)]),
    ...errorIf(hosts.length === 0, [...path, 'hosts'], 'at least one host is required'),
    ...each(hosts, [...path, 'hosts'], checkSidecarHost),
  ];
}

/** A port to listen on, or 0 and a socket. */
function checkEgressBind({ bind, captureMode }: IstioEgressListener, port: SidecarPort, path: Path): Diagnostic[] {
  if (port.number) {
    return [
      ...checkPort(port.number, [...path, 'port', 'number']),
      ...(bind ? checkAddress(bind, [...path, 'bind']) : []),
    ];
  }
  if (!bind?.startsWith(unixPrefix))
    return [error([...path, 'bind'], 'must be unix://path where the port number is 0')];
  return [
    ...checkSocketPath(bind.slice(unixPrefix.length), [...path, 'bind']),
    ...errorIf(captureMode === 'IPTABLES', [...path, 'captureMode'], 'cannot be IPTABLES for a socket'),
  ];
}

function checkOutboundPolicy({ mode, egressProxy }: OutboundTrafficPolicy, path: Path): Diagnostic[] {
  if (egressProxy === undefined) return [];
  const at = [...path, 'egressProxy'];
  if (mode !== 'ALLOW_ANY') return [error(at, 'needs mode ALLOW_ANY')];
  return [
    ...errorIf(egressProxy.host.includes('*'), [...at, 'host'], 'must not be a wildcard'),
    ...errorIf(egressProxy.port === undefined, [...at, 'port'], 'is required'),
    ...checkDestination(egressProxy, at),
  ];
}
