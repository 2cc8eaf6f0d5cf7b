import type { Reader } from '#graph/types.ts';
import { parseBlock } from '../blocks.ts';
import { labelsOf } from '../discovery/entryendpoints.ts';
import { compareClaims, joinMembers, memberKey } from '../discovery/merge.ts';
import { findService, isHttp, isTls, type MeshService, readPublicOwner } from '../discovery/services.ts';
import { capExports } from '../discovery/visibility.ts';
import { isPartialWildcard } from '../hosts.ts';
import { renderHostKey, renderObjectKey, renderServiceId } from '../keys.ts';
import { sharedKey } from '../outbound/ports.ts';
import { blocksFor, isLeftOut } from '../outbound/reach.ts';
import { isAnyAddress } from '../ownports.ts';
import { compareAge, isPublic, selects } from '../selection.ts';
import type { ServiceEntrySpec } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import type { Config, Service } from '../types/inputs.ts';
import { conflicted, type DiagnosticParts, notHonoured, unresolved } from './parts.ts';
import { networkFacts } from './workloadentry.ts';

export function serviceEntryFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.serviceEntries, key);
  if (config === undefined) return [];
  return [
    ...config.spec.hosts.flatMap((host, at) => hostFacts(reader, parts, config, host.toLowerCase(), at)),
    ...addressFacts(reader, parts, config),
    ...selectorFacts(reader, parts, config),
    ...visibilityFacts(reader, parts, config),
    ...limitFacts(config.spec),
  ];
}

/** Somebody else may have the stronger claim to a host, to a port of it, or to all connections of a port number. */
function hostFacts(
  reader: Reader,
  parts: DiagnosticParts,
  config: Config<ServiceEntrySpec>,
  host: string,
  at: number,
): readonly StatusFact[] {
  const { inputs, services } = parts;
  const path = `spec.hosts[${at}]`;
  const id = renderServiceId(config.namespace, host);
  const claims = [...reader.bucket(inputs.services, 'id', id)].sort(compareClaims);
  const [first] = claims;
  const own = reader.get(inputs.services, renderHostKey(keyOf(config), host));
  if (first === undefined || own === undefined) return [];
  const { members } = joinMembers(first, claims);
  if (!members.includes(own)) {
    return [conflicted(path, `${describe(first)} has ${host} with another resolution or location`)];
  }
  const service = reader.read(services.service, id);
  if (service === undefined) return [];
  return [
    ...ownerFacts(reader, parts, service, path),
    ...portFacts(own, members),
    ...connectionFacts(reader, parts, service, own),
    ...ownPortFacts(reader, parts, service, own),
  ];
}

function ownerFacts(reader: Reader, parts: DiagnosticParts, service: MeshService, path: string): readonly StatusFact[] {
  const { services } = parts;
  const { hostname, namespace, exportTo } = service;
  if (isPublic(exportTo)) {
    const owner = readPublicOwner(reader, services, hostname);
    if (owner === undefined || owner.id === service.id) return [];
    const message = `clients of other namespaces see ${hostname} as namespace ${owner.namespace} declares it, unless a Sidecar of theirs imports this one and not that one`;
    return [conflicted(path, message)];
  }
  const clients = exportTo.filter((target) => target !== '~').map((target) => (target === '.' ? namespace : target));
  for (const client of [...new Set([namespace, ...clients])]) {
    const seen = findService(reader, services, hostname, client);
    if (seen === undefined || seen.id === service.id) continue;
    return [conflicted(path, `clients of ${client} see ${hostname} as namespace ${seen.namespace} declares it`)];
  }
  return [];
}

/** Of ports with one number or one name the first stays; the same port twice is no conflict. */
function portFacts(own: Service, members: readonly Service[]): readonly StatusFact[] {
  const before = members.slice(0, members.indexOf(own));
  return own.ports.flatMap((port, at) => {
    for (const other of before) {
      const taken = other.ports.find((known) => known.port === port.port || known.name === port.name);
      if (taken === undefined) continue;
      const same = taken.port === port.port && taken.name === port.name && taken.protocol === port.protocol;
      if (same) return [];
      const message = `${describe(other)} declares port ${taken.port} of ${own.hostname} as ${taken.name} (${taken.protocol})`;
      return [conflicted(`spec.ports[${at}]`, message)];
    }
    return [];
  });
}

/** Without an address and without a server name nothing tells two plain TCP services on one port number apart. */
function connectionFacts(
  reader: Reader,
  parts: DiagnosticParts,
  service: MeshService,
  own: Service,
): readonly StatusFact[] {
  if (own.addresses.length > 0 || service.members[0] !== memberKey(own)) return [];
  const caller = { cluster: own.cluster, families: '', dns: '' };
  const slices = reader.read(parts.services.visibleSlices, own.namespace);
  const hidden = reader.read(parts.hosts.hiddenServices, own.namespace);
  return own.ports.flatMap((port, at) => {
    if (port.protocol !== 'TCP' && port.protocol !== 'Auto') return [];
    const rival = slices
      .flatMap((slice) => reader.read(parts.ports.sharedServices, sharedKey(slice, caller, port.port)))
      .flatMap((id) => (id === service.id || hidden.has(id) ? [] : (reader.read(parts.services.service, id) ?? [])))
      .filter((other) => other.ports.some((one) => one.port === port.port && !isTls(one.protocol)))
      .filter((other) => blocksFor(other, caller).length === 0)
      .find((other) => (other.entry?.createdAt ?? 0) < own.createdAt);
    if (rival === undefined) return [];
    const message = `connections to port ${port.port} of unknown addresses go to the older ${rival.hostname} of namespace ${rival.namespace}; addresses would tell them apart`;
    return [conflicted(`spec.ports[${at}]`, message)];
  });
}

/** On any address sidecars listen at some ports for themselves. */
function ownPortFacts(
  reader: Reader,
  { settings }: DiagnosticParts,
  service: MeshService,
  own: Service,
): readonly StatusFact[] {
  if (service.members[0] !== memberKey(own)) return [];
  const mesh = reader.read(settings, '');
  return own.ports.flatMap((port, at) => {
    if (!isLeftOut(service, port, own.cluster, mesh)) return [];
    const message = `sidecars themselves listen at port ${port.port}: ${own.hostname} is an unknown destination there`;
    const remedy = isHttp(port.protocol) ? '' : '; an address of its own would tell it apart';
    return [conflicted(`spec.ports[${at}]`, `${message}${remedy}`)];
  });
}

function addressFacts(reader: Reader, parts: DiagnosticParts, config: Config<ServiceEntrySpec>): readonly StatusFact[] {
  const { services } = parts.inputs;
  const hosts = config.spec.hosts.map((host) => host.toLowerCase());
  const own = reader.get(services, renderHostKey(keyOf(config), hosts[0] ?? ''));
  const numbers = new Set(own?.ports.map((port) => port.port));
  return (config.spec.addresses ?? []).map(parseBlock).flatMap(({ address }, at): readonly StatusFact[] => {
    if (isAnyAddress(address)) return [notHonoured(`spec.addresses[${at}]`, 'is an address that nothing can have')];
    const [rival] = reader
      .bucket(services, 'address', address)
      .filter((other) => other.uid !== config.uid && other.ports.some((port) => numbers.has(port.port)))
      .filter((other) => other.namespace !== config.namespace || !hosts.includes(other.hostname))
      .filter((other) => compareAge(other, config) < 0)
      .sort(compareAge);
    if (rival === undefined) return [];
    return [conflicted(`spec.addresses[${at}]`, `${describe(rival)} has ${address} on the same port`)];
  });
}

function selectorFacts(
  reader: Reader,
  parts: DiagnosticParts,
  config: Config<ServiceEntrySpec>,
): readonly StatusFact[] {
  const { workloadSelector, resolution = 'NONE' } = config.spec;
  if (workloadSelector === undefined) return [];
  const path = 'spec.workloadSelector';
  if (resolution === 'NONE') return [notHonoured(path, 'has no effect with resolution NONE')];
  const selector = workloadSelector.labels ?? {};
  const place = `${config.cluster}/${config.namespace}`;
  const found =
    reader.bucket(parts.inputs.workloads, 'namespace', place).some((pod) => selects(selector, pod.labels)) ||
    reader.bucket(parts.inputs.workloadEntries, 'namespace', place).some((one) => selects(selector, labelsOf(one)));
  if (found) return [];
  return [unresolved(path, `no pod and no WorkloadEntry of ${config.namespace} carries these labels`)];
}

/** The mesh may let fewer see it than it says itself. */
function visibilityFacts(
  reader: Reader,
  parts: DiagnosticParts,
  { cluster, namespace, spec }: Config<ServiceEntrySpec>,
): readonly StatusFact[] {
  const visibility = reader.read(parts.services.entryVisibility, `${cluster}/${namespace}`);
  const { defaultServiceExportTo } = reader.read(parts.settings, '');
  const asked = (spec.exportTo ?? []).length === 0 ? defaultServiceExportTo : (spec.exportTo ?? []);
  const allowed = capExports(asked, namespace, visibility);
  const isOwn = (target: string) => target === '.' || target === namespace;
  if (visibility === 'PUBLIC' || asked.every((target) => target === '~' || (isOwn(target) && allowed.includes('.'))))
    return [];
  const who = allowed.includes('.') ? `only namespace ${namespace}` : 'nobody';
  return [notHonoured('spec.exportTo', `the mesh’s serviceEntryVisibility lets ${who} see it`)];
}

/** What it asks for that proxies cannot do. */
function limitFacts({ hosts, ports = [], endpoints = [] }: ServiceEntrySpec): readonly StatusFact[] {
  const tls = ports.some((port) => ['tls', 'https'].includes((port.protocol ?? '').toLowerCase()));
  return [
    ...hosts.flatMap((host, at) =>
      tls && isPartialWildcard(host)
        ? [notHonoured(`spec.hosts[${at}]`, 'TLS servers are told apart by whole labels')]
        : [],
    ),
    ...ports.flatMap((port, at) =>
      port.protocol?.toLowerCase() === 'udp' ? [notHonoured(`spec.ports[${at}]`, 'UDP passes by the proxy')] : [],
    ),
    ...endpoints.flatMap((endpoint, at) =>
      endpoint.address
        ? networkFacts(endpoint, `spec.endpoints[${at}]`)
        : [notHonoured(`spec.endpoints[${at}]`, 'an endpoint without an address is not reached')],
    ),
  ];
}

function describe({ registry, namespace, name }: Service): string {
  return `${registry === 'Kubernetes' ? 'the Service' : 'the older ServiceEntry'} ${namespace}/${name}`;
}

const keyOf = ({ cluster, namespace, name }: Config<ServiceEntrySpec>): string =>
  renderObjectKey(cluster, namespace, name);
