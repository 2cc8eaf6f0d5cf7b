import type { Reader } from '#graph/types.ts';
import { parseProtocol } from '../discovery/protocol.ts';
import { isHttp, isVisible } from '../discovery/services.ts';
import { hostWithin, isWildcard, resolveHost } from '../hosts.ts';
import { parseServiceId, renderSliceKey } from '../keys.ts';
import { isAnyAddress, isOwnPort, isReserved } from '../ownports.ts';
import { portMode, workloadPolicy } from '../security/peerauthentication.ts';
import { selects } from '../selection.ts';
import { seesProxy } from '../sidecar/egress.ts';
import { type HostPattern, importsRoute, isIn, parseEgressHosts } from '../sidecar/hosts.ts';
import { servicesNamed } from '../sidecar/named.ts';
import { renderScopeKey } from '../sidecar/scope.ts';
import { isForAll, type SidecarClaim } from '../sidecar/sidecars.ts';
import type { SidecarSpec } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import type { Config } from '../types/inputs.ts';
import { conflicted, type DiagnosticParts, notHonoured, unresolved } from './parts.ts';
import { destinationFacts } from './virtualservice.ts';

export function sidecarFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.sidecars, key);
  if (config === undefined) return [];
  const claims = reader.read(parts.sidecarClaims, config.namespace);
  return [
    ...claimFacts(claims, key),
    ...egressFacts(reader, parts, config, isForEverybody(reader, parts, config)),
    ...proxyFacts(reader, parts, config, key),
    ...portFacts(reader, parts, config),
    ...tlsFacts(reader, parts, config),
  ];
}

/** In force in every namespace that has none of its own. */
function isForEverybody(
  reader: Reader,
  { settings }: DiagnosticParts,
  { namespace, spec }: Config<SidecarSpec>,
): boolean {
  const { rootNamespace } = reader.read(settings, '');
  return namespace === rootNamespace && Object.keys(spec.workloadSelector?.labels ?? {}).length === 0;
}

/** One that is asked earlier and is for all that this one is for. */
function claimFacts(claims: readonly SidecarClaim[], key: string): readonly StatusFact[] {
  const at = claims.findIndex((claim) => claim.key === key);
  const own = claims[at];
  const before = claims
    .slice(0, Math.max(at, 0))
    .find((claim) => own !== undefined && isForAll(claim) === isForAll(own) && selects(claim.selector, own.selector));
  if (before === undefined) return [];
  const name = before.key.slice(before.key.lastIndexOf('/') + 1);
  return [conflicted('spec.workloadSelector', `the older Sidecar ${name} is in force for the same workloads`)];
}

function egressFacts(
  reader: Reader,
  parts: DiagnosticParts,
  config: Config<SidecarSpec>,
  forEverybody: boolean,
): readonly StatusFact[] {
  return (config.spec.egress ?? []).flatMap(({ hosts }, at) =>
    hosts.flatMap((entry, index) => {
      const [pattern] = parseEgressHosts([entry], config.namespace).imported;
      // What `.` is follows from the client.
      const anybodys = forEverybody && entry.startsWith('./');
      if (pattern === undefined || anybodys || matchesAny(reader, parts, pattern, config.namespace)) return [];
      const message = isWildcard(pattern.host)
        ? `no service that ${config.namespace} sees matches`
        : `${pattern.host} is no service that ${config.namespace} sees${pattern.namespace === '*' ? '' : ` in ${pattern.namespace}`}`;
      return [unresolved(`spec.egress[${at}].hosts[${index}]`, message)];
    }),
  );
}

/** Whether an entry imports anything at present: a service, or a VirtualService for a host that is none. */
function matchesAny(reader: Reader, parts: DiagnosticParts, pattern: HostPattern, client: string): boolean {
  const { services } = parts;
  const visible = (id: string) => {
    const service = reader.read(services.service, id);
    return service !== undefined && isVisible(service, client);
  };
  if (!isWildcard(pattern.host)) {
    if (servicesNamed(reader, services, pattern, client).length > 0) return true;
  } else if (pattern.namespace === '*') {
    const hostnames = reader
      .buckets(parts.inputs.services, 'hostname')
      .filter((name) => hostWithin(name, pattern.host));
    if (hostnames.some((name) => reader.read(services.servicesByHostname, name).some(visible))) return true;
  } else {
    const ids = [
      ...reader.read(services.serviceSlice, renderSliceKey({ public: pattern.namespace })),
      ...reader.read(services.serviceSlice, renderSliceKey({ private: client })),
      ...[...reader.read(services.contestedHosts, '').values()].flat().flatMap(({ id }) => (visible(id) ? [id] : [])),
    ];
    const matches = (id: string) =>
      isIn(pattern, parseServiceId(id).namespace) && hostWithin(parseServiceId(id).hostname, pattern.host);
    if (ids.some(matches)) return true;
  }
  const namespaces =
    pattern.namespace === '*' ? reader.buckets(parts.inputs.virtualServices, 'namespace') : [pattern.namespace];
  const hosts = { imported: [pattern], excluded: [] };
  return namespaces.some((namespace) =>
    reader
      .read(parts.egress.meshRoutes, namespace)
      .some((route) => route.hosts.some((host) => importsRoute(hosts, namespace, host))),
  );
}

function proxyFacts(
  reader: Reader,
  parts: DiagnosticParts,
  config: Config<SidecarSpec>,
  key: string,
): readonly StatusFact[] {
  const proxy = config.spec.outboundTrafficPolicy?.egressProxy;
  if (proxy === undefined) return [];
  const path = 'spec.outboundTrafficPolicy.egressProxy';
  const faults = destinationFacts(reader, parts, config.namespace, path, proxy);
  if (faults.length > 0 || seesProxy(reader, parts, renderScopeKey({ ns: config.namespace, sidecar: key })))
    return faults;
  const hostname = resolveHost(proxy.host, config.namespace, parts.inputs.domainSuffix);
  return [unresolved(`${path}.host`, `${hostname} is not among the egress hosts: unknown destinations are refused`)];
}

/** Ports at which the proxy itself listens. */
function portFacts(
  reader: Reader,
  { settings }: DiagnosticParts,
  { spec }: Config<SidecarSpec>,
): readonly StatusFact[] {
  const mesh = reader.read(settings, '');
  const listeners = [
    ...(spec.ingress ?? []).map(({ port }, at) => ({
      ...{ path: `spec.ingress[${at}].port.number`, port: port.number, isTaken: isReserved },
    })),
    ...(spec.egress ?? []).flatMap(({ port, bind = '', captureMode }, at) => {
      const path = `spec.egress[${at}].port.number`;
      if (captureMode === 'NONE') return [{ path, port: port?.number, isTaken: isReserved }];
      const protocol = parseProtocol(port?.protocol ?? '') ?? 'Auto';
      const anywhere = isAnyAddress(bind) && (bind !== '' || isHttp(protocol));
      return anywhere ? [{ path, port: port?.number, isTaken: isOwnPort }] : [];
    }),
  ];
  return listeners.flatMap(({ path, port, isTaken }) =>
    port !== undefined && isTaken(port, mesh) ? [conflicted(path, `the proxy itself listens at port ${port}`)] : [],
  );
}

/** Certificates of the user's own are for ports where the mesh's are not asked for. */
function tlsFacts(
  reader: Reader,
  { peerPolicies }: DiagnosticParts,
  { namespace, spec }: Config<SidecarSpec>,
): readonly StatusFact[] {
  const policies = reader.read(peerPolicies, namespace);
  const policy = workloadPolicy(policies, spec.workloadSelector?.labels ?? {});
  return (spec.ingress ?? []).flatMap(({ port, tls }, at): StatusFact[] => {
    if (tls === undefined || portMode(policies, policy, port.number ?? 0) === 'DISABLE') return [];
    const message = 'takes effect only where a PeerAuthentication sets mTLS of the port to DISABLE';
    return [notHonoured(`spec.ingress[${at}].tls`, message)];
  });
}
