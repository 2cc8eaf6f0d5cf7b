/** Endpoints outside of EndpointSlices: those that ServiceEntries list or select, and WorkloadEntries behind a Service. */
import { isIP } from 'node:net';
import { annotations, labels as labelNames } from '#api/constants.ts';
import type { Reader } from '#graph/types.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseHostKey, renderObjectKey } from '../keys.ts';
import { selects, sourceOf } from '../selection.ts';
import type { ServiceEntrySpec, WorkloadTemplate } from '../specs.ts';
import type { Locality, SourceRef } from '../types/identity.ts';
import type { Config, Service, ServicePort, Workload } from '../types/inputs.ts';
import type { ServiceEndpoint } from './endpoints.ts';
import { describeWorkload } from './workload.ts';

type Labels = Readonly<Record<string, string>>;
type Ports = ServiceEndpoint['ports'];
type EntryPort = NonNullable<ServiceEntrySpec['ports']>[number];
export type WorkloadEntry = Config<WorkloadTemplate>;

const socketPrefix = 'unix://';

/** The endpoints of one host of a ServiceEntry. */
export function readEntryEndpoints(reader: Reader, inputs: MeshInputs, member: string): readonly ServiceEndpoint[] {
  const { entryKey, host } = parseHostKey(member);
  const config = reader.get(inputs.serviceEntries, entryKey);
  if (config === undefined) return [];
  const { spec } = config;
  const { resolution = 'NONE', endpoints = [], ports = [], workloadSelector } = spec;
  if (resolution === 'NONE' || resolution === 'DYNAMIC_DNS') return [];
  const byName = resolution !== 'STATIC';
  if (workloadSelector !== undefined)
    return readSelected(reader, inputs, config, workloadSelector.labels ?? {}, byName);
  const external = (spec.location ?? 'MESH_EXTERNAL') === 'MESH_EXTERNAL';
  if (endpoints.length === 0 && byName) {
    return [describeTemplate({ address: host }, config, {}, readPorts({ address: host }, ports), '')];
  }
  return endpoints.flatMap((template, at) => {
    const workload = external ? '' : `${config.name}-${at}`;
    return isReachable(template, byName)
      ? [describeTemplate(template, config, template.labels ?? {}, readPorts(template, ports), workload)]
      : [];
  });
}

/** Pods and WorkloadEntries of the entry's namespace that carry the labels. */
function readSelected(
  reader: Reader,
  inputs: MeshInputs,
  config: Config<ServiceEntrySpec>,
  selector: Labels,
  byName: boolean,
): readonly ServiceEndpoint[] {
  const place = `${config.cluster}/${config.namespace}`;
  const { ports = [] } = config.spec;
  const pods = reader
    .bucket(inputs.workloads, 'namespace', place)
    .filter((pod) => pod.ips.length > 0 && selects(selector, pod.labels))
    .map((pod) => describePod(reader, inputs, pod, readPorts({}, ports)));
  const taken = new Set(pods.flatMap((pod) => pod.addresses));
  const entries = reader
    .bucket(inputs.workloadEntries, 'namespace', place)
    .filter((entry) => selects(selector, labelsOf(entry)) && isReachable(entry.spec, byName))
    .filter((entry) => !taken.has(entry.spec.address ?? ''))
    .map((entry) => describeEntry(reader, inputs, entry, readPorts(entry.spec, ports)));
  return [...pods, ...entries];
}

/** WorkloadEntries behind a Kubernetes Service: those of its namespace that carry the labels it selects, by IP address. */
export function readSelectedEntries(reader: Reader, inputs: MeshInputs, member: string): readonly ServiceEndpoint[] {
  const service = reader.get(inputs.services, member);
  if (service === undefined || Object.keys(service.selector).length === 0) return [];
  return reader
    .bucket(inputs.workloadEntries, 'namespace', `${service.cluster}/${service.namespace}`)
    .filter((entry) => isIP(entry.spec.address ?? '') !== 0 && selects(service.selector, labelsOf(entry)))
    .map((entry) => describeEntry(reader, inputs, entry, readServicePorts(entry.spec, service)));
}

/** Without an address it is reached through a gateway of its network; names lead somewhere only where they are looked up. */
function isReachable({ address = '' }: WorkloadTemplate, byName: boolean): boolean {
  return address !== '' && (byName || isIP(address) !== 0 || address.startsWith(socketPrefix));
}

/** A socket has no port; otherwise the endpoint's own word counts, then the port's target, then its number. */
function readPorts({ address = '', ports = {} }: WorkloadTemplate, declared: readonly EntryPort[]): Ports {
  const socket = address.startsWith(socketPrefix);
  return Object.fromEntries(
    declared.map(({ name, number, targetPort }) => [name, socket ? 0 : own(ports, name) || targetPort || number]),
  );
}

function readServicePorts(template: WorkloadTemplate, service: Service): Ports {
  return Object.fromEntries(
    service.ports.flatMap((port) => {
      const target = targetOfEntry(template, port);
      return target === undefined ? [] : [[port.name, target]];
    }),
  );
}

/**
 * Where the workload serves a port of a service: a named target port is found among the names of the entry's ports; a number
 * may be overridden by the port's name.
 */
export function targetOfEntry(
  { ports = {} }: WorkloadTemplate,
  { name, targetPort }: Pick<ServicePort, 'name' | 'targetPort'>,
): number | undefined {
  return (typeof targetPort === 'string' ? own(ports, targetPort) : own(ports, name) || targetPort) || undefined;
}

const own = (ports: Readonly<Record<string, number>>, name: string): number | undefined =>
  Object.hasOwn(ports, name) ? ports[name] : undefined;

/** What the entry's author wrote on the object counts before what is in its spec. */
export const labelsOf = (entry: WorkloadEntry): Labels => ({ ...entry.spec.labels, ...entry.labels });

/** A workload whose health is checked takes no traffic before it is known to be healthy. */
export function isHealthy(entry: WorkloadEntry): boolean {
  const checked = entry.annotations[annotations.healthChecksEnabled]?.toLowerCase();
  return (checked !== 'true' && checked !== '1') || entry.status?.healthy === true;
}

function describeEntry(reader: Reader, inputs: MeshInputs, entry: WorkloadEntry, ports: Ports): ServiceEndpoint {
  const named = entry.annotations[annotations.autoRegistrationGroup];
  const group =
    named === undefined
      ? undefined
      : reader.get(inputs.workloadGroups, renderObjectKey(entry.cluster, entry.namespace, named));
  const name = entry.labels[labelNames.workloadName] ?? named ?? entry.name;
  return {
    ...describeTemplate(entry.spec, entry, labelsOf(entry), ports, name),
    ready: isHealthy(entry),
    sources: [sourceOf('WorkloadEntry', entry), ...(group === undefined ? [] : [sourceOf('WorkloadGroup', group)])],
  };
}

function describePod(reader: Reader, inputs: MeshInputs, pod: Workload, ports: Ports): ServiceEndpoint {
  const node = reader.get(inputs.nodes, `${pod.cluster}/${pod.node}`);
  return {
    ...((pod.labels[labelNames.draining] ?? '') === ''
      ? { ready: pod.ready }
      : { ready: false, draining: true as const }),
    addresses: [...pod.ips].sort((a, b) => isIP(a) - isIP(b)),
    ports,
    cluster: pod.cluster,
    namespace: pod.namespace,
    network: pod.network,
    locality: pod.locality ?? node?.locality ?? { region: '', zone: '', subzone: '' },
    node: pod.node,
    labels: pod.labels,
    serviceAccount: pod.serviceAccount,
    acceptsMtls: pod.acceptsMtls,
    workload: describeWorkload(pod),
  };
}

/** @param workload its name in telemetry; empty when it is none of the mesh */
function describeTemplate(
  template: WorkloadTemplate,
  { cluster, namespace }: Pick<SourceRef, 'cluster' | 'namespace'>,
  labels: Labels,
  ports: Ports,
  workload: string,
): ServiceEndpoint {
  const { address = '', serviceAccount = '', weight } = template;
  const mode = labels[labelNames.tlsMode];
  return {
    ready: true,
    addresses: [address],
    ports,
    ...(weight ? { weight } : {}),
    cluster,
    namespace,
    network: template.network || (labels[labelNames.network] ?? ''),
    node: '',
    locality: parseLocality(template.locality || (labels[labelNames.locality] ?? '').replaceAll('.', '/')),
    labels,
    serviceAccount,
    // Without a word on it, one that has an identity is taken to accept mesh mTLS.
    acceptsMtls: mode === undefined ? serviceAccount !== '' : mode === 'istio',
    workload: workload === '' ? '' : describeWorkload({ labels, workloadName: workload, namespace, cluster }),
  };
}

/** `region/zone/subzone`, the later ones left out as one likes. */
export function parseLocality(text: string): Locality {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, subzone };
}
