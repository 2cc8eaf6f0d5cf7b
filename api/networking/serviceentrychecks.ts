/** What a ServiceEntry must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic, ObjectMeta } from '../resource.ts';
import { each, errorIf, type Path, warningIf } from '../schema/findings.ts';
import { checkBlock, unixPrefix } from '../shared/addresses.ts';
import { checkExportTo } from '../shared/exportto.ts';
import { checkHostName, checkWildcardHost, isDnsLabel } from '../shared/hosts.ts';
import { checkSelector } from '../shared/labels.ts';
import { checkOptionalProtocol, isHttp, isTls } from '../shared/protocol.ts';
import type { ServiceEntrySpec } from './serviceentry.ts';
import { checkWorkload } from './workloadchecks.ts';

export function checkServiceEntry(spec: ServiceEntrySpec, metadata: ObjectMeta): Diagnostic[] {
  const path: Path = ['spec'];
  const { workloadSelector } = spec;
  return [
    ...checkSelector(workloadSelector?.labels, workloadSelector !== undefined, [...path, 'workloadSelector', 'labels']),
    ...each(spec.hosts, [...path, 'hosts'], checkWildcardHost),
    ...checkPartialWildcards(spec, [...path, 'hosts']),
    ...each(spec.addresses, [...path, 'addresses'], checkBlock),
    ...each(spec.ports, [...path, 'ports'], (port, at) => [
      ...errorIf(!isDnsLabel(port.name), [...at, 'name'], `"${port.name}" is no port name`),
      ...checkOptionalProtocol(port.protocol, [...at, 'protocol']),
    ]),
    ...checkResolution(spec, path),
    ...checkTellsHostsApart(spec, path),
    ...checkExportTo(spec.exportTo, metadata.namespace, [...path, 'exportTo'], { nobody: true }),
  ];
}

function checkPartialWildcards({ hosts, resolution }: ServiceEntrySpec, path: Path): Diagnostic[] {
  if (resolution === 'DYNAMIC_DNS') return [];
  const partial = (host: string) => host.startsWith('*') && !host.startsWith('*.');
  return each(hosts, path, (host, at) => warningIf(partial(host), at, 'a wildcard should be a whole label'));
}

function checkResolution(spec: ServiceEntrySpec, path: Path): Diagnostic[] {
  const portNames = new Set((spec.ports ?? []).map((port) => port.name));
  const endpoints = [...path, 'endpoints'];
  switch (spec.resolution ?? 'NONE') {
    case 'NONE':
      return warningIf(
        spec.workloadSelector !== undefined,
        [...path, 'workloadSelector'],
        'has no effect with resolution NONE',
      );
    case 'STATIC':
      return each(spec.endpoints, endpoints, (entry, at) => checkWorkload(entry, at, { portNames, hostNames: false }));
    case 'DYNAMIC_DNS':
      return checkDynamicDns(spec, path);
    default:
      return [
        ...((spec.endpoints ?? []).length === 0 ? each(spec.hosts, [...path, 'hosts'], checkHostName) : []),
        ...each(spec.endpoints, endpoints, (entry, at) => [
          ...errorIf(!entry.address, [...at, 'address'], 'is required where names are looked up'),
          ...errorIf(isSocket(entry.address), [...at, 'address'], 'cannot be a socket where names are looked up'),
          ...checkWorkload(entry, at, { portNames, hostNames: true }),
        ]),
      ];
  }
}

const isSocket = (address: string | undefined): boolean => address?.startsWith(unixPrefix) ?? false;

/** Hosts are looked up by the name of each request: wildcards, and protocols that carry a name. */
function checkDynamicDns(spec: ServiceEntrySpec, path: Path): Diagnostic[] {
  const named = new Set(['http', 'http2', 'grpc', 'tls']);
  return [
    ...each(spec.hosts, [...path, 'hosts'], (host, at) =>
      errorIf(!host.startsWith('*'), at, 'must be a wildcard for resolution DYNAMIC_DNS'),
    ),
    ...errorIf((spec.addresses ?? []).length > 0, [...path, 'addresses'], 'cannot go with resolution DYNAMIC_DNS'),
    ...errorIf((spec.endpoints ?? []).length > 0, [...path, 'endpoints'], 'cannot go with resolution DYNAMIC_DNS'),
    ...each(spec.ports, [...path, 'ports'], (port, at) =>
      errorIf(
        !named.has((port.protocol ?? '').toLowerCase()),
        [...at, 'protocol'],
        'must be HTTP, HTTP2, GRPC or TLS for resolution DYNAMIC_DNS',
      ),
    ),
  ];
}

/** Plain TCP carries no host name: with several hosts nobody could tell which one is meant. */
function checkTellsHostsApart(spec: ServiceEntrySpec, path: Path): Diagnostic[] {
  if ((spec.resolution ?? 'NONE') === 'NONE' || spec.hosts.length < 2) return [];
  return each(spec.ports, [...path, 'ports'], ({ protocol = '' }, at) =>
    errorIf(
      !isHttp(protocol) && !isTls(protocol),
      [...at, 'protocol'],
      'must be HTTP or TLS where there are several hosts',
    ),
  );
}
