/** What a workload outside Kubernetes must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic } from '../resource.ts';
import { each, eachEntry, errorIf, optionally, type Path, warningIf } from '../schema/findings.ts';
import { checkSocketPath, unixPrefix } from '../shared/addresses.ts';
import { checkHostName, isAddress, isDnsLabel } from '../shared/hosts.ts';
import { checkLabels } from '../shared/labels.ts';
import type { WorkloadTemplate } from './workloadentry.ts';
import type { ReadinessProbe, WorkloadGroupSpec } from './workloadgroup.ts';

export function checkWorkloadEntry(spec: WorkloadTemplate): Diagnostic[] {
  return checkWorkload(spec, ['spec'], { hostNames: true });
}

interface WorkloadContext {
  /** Ports of the ServiceEntry that the workload is listed in, when it is. */
  readonly portNames?: ReadonlySet<string>;
  /** Whether the address may be a host name. */
  readonly hostNames: boolean;
}

export function checkWorkload(entry: WorkloadTemplate, path: Path, context: WorkloadContext): Diagnostic[] {
  const { address = '', network } = entry;
  const { portNames } = context;
  const socket = address.startsWith(unixPrefix);
  return [
    ...warningIf(address === '' && Boolean(network), path, `has no address in the network ${network}`),
    ...checkWorkloadAddress(address, [...path, 'address'], context.hostNames),
    ...eachEntry(entry.ports, [...path, 'ports'], (name, _, at) => [
      ...errorIf(!isDnsLabel(name), at, `"${name}" is no port name`),
      ...errorIf(portNames !== undefined && !portNames.has(name), at, `the service has no port ${name}`),
    ]),
    ...checkLabels(entry.labels, [...path, 'labels']),
    ...errorIf(
      socket && portNames !== undefined && portNames.size !== 1,
      [...path, 'address'],
      'a socket serves exactly one port of the service',
    ),
  ];
}

function checkWorkloadAddress(address: string, path: Path, hostNames: boolean): Diagnostic[] {
  if (address === '' || isAddress(address)) return [];
  if (address.startsWith(unixPrefix)) return checkSocketPath(address.slice(unixPrefix.length), path);
  return hostNames ? checkHostName(address, path) : errorIf(true, path, `"${address}" is no IP address`);
}

export function checkWorkloadGroup(spec: WorkloadGroupSpec): Diagnostic[] {
  const path: Path = ['spec'];
  return [
    ...checkLabels(spec.metadata?.labels, [...path, 'metadata', 'labels']),
    ...optionally(spec.probe, [...path, 'probe'], checkProbe),
  ];
}

function checkProbe(probe: ReadinessProbe, path: Path): Diagnostic[] {
  const { httpGet, tcpSocket, exec, grpc } = probe;
  const nothing = (httpGet ?? tcpSocket ?? exec ?? grpc) === undefined;
  return [
    ...errorIf(nothing, path, 'one of httpGet, tcpSocket, exec and grpc is required'),
    ...each(httpGet?.httpHeaders, [...path, 'httpGet', 'httpHeaders'], ({ name = '' }, at) =>
      errorIf(!/^[-A-Za-z0-9]+$/.test(name), [...at, 'name'], `"${name}" is no header name`),
    ),
    ...errorIf(exec?.command.length === 0, [...path, 'exec', 'command'], 'must not be empty'),
  ];
}
