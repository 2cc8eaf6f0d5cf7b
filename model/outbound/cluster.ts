/** One outbound cluster and its endpoints. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { type EndpointQueries, portOf, type ServiceEndpoint } from '../discovery/endpoints.ts';
import {
  isExternal,
  isHttp,
  isHttp2,
  isLookedUp,
  isPassthrough,
  type MeshService,
  type ServiceQueries,
} from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { credentialOf } from '../frontend/istio/credentials.ts';
import type { MergedRule, RuleQueries } from '../frontend/istio/destinationrules.ts';
import {
  layPolicy,
  type PortPolicy,
  resolveConnectionPool,
  resolveConnectTimeout,
  resolveLoadBalancing,
  resolveOutlierDetection,
} from '../frontend/istio/trafficpolicy.ts';
import type { MeshInputs } from '../inputs.ts';
import { type ClusterKey, parseClusterKey, parseEndpointKey } from '../keys.ts';
import { type NamespacePolicies, portMode, workloadPolicy } from '../security/peerauthentication.ts';
import { selects, sourceOf } from '../selection.ts';
import type { SourceRef } from '../types/identity.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { Cluster, ClusterName, EndpointGroup, UpstreamProtocol } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { groupEndpoints } from './localities.ts';
import { resolveLookup } from './lookup.ts';
import { isPlaced } from './placement.ts';
import { type ClientPlace, offerEndpoints, rankEndpoint, withinReach } from './preference.ts';
import { resolveUpstreamTls } from './upstreamtls.ts';

export interface ClusterParts {
  readonly inputs: MeshInputs;
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly endpoints: EndpointQueries;
  readonly rules: RuleQueries;
  readonly peerPolicies: Query<NamespacePolicies>;
}

export interface ClusterQueries {
  /** By cluster key; undefined when its service, port or subset is gone. */
  readonly cluster: Query<Cluster | undefined>;
  /** By endpoint key. */
  readonly endpointGroup: Query<EndpointGroup>;
}

export function defineClusters(graph: Graph, parts: ClusterParts): ClusterQueries {
  const cluster = graph.query<Cluster | undefined>('cluster', (reader, key) => buildCluster(reader, parts, key), {
    equal: sameData,
  });
  const endpointGroup = graph.query<EndpointGroup>(
    'endpointGroup',
    (reader, key) => buildEndpointGroup(reader, parts, key),
    { equal: sameData },
  );
  return { cluster, endpointGroup };
}

interface Target {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly rule: MergedRule;
  readonly name: ClusterName;
}

function readTarget(reader: Reader, parts: ClusterParts, key: ClusterKey): Target | undefined {
  const service = reader.read(parts.services.service, key.service);
  const port = service?.ports.find((candidate) => String(candidate.port) === key.port);
  if (service === undefined || port === undefined) return undefined;
  const rule = reader.read(parts.rules.mergedRule, key.rule);
  if (key.subset !== '' && !rule.subsets.some((subset) => subset.name === key.subset)) return undefined;
  const name: ClusterName = { direction: 'outbound', port: port.port, subset: key.subset, hostname: service.hostname };
  return { service, port, rule, name };
}

function buildCluster(reader: Reader, parts: ClusterParts, text: string): Cluster | undefined {
  const key = parseClusterKey(text);
  const settings = reader.read(parts.settings, '');
  if (key.special !== '') return specialCluster(key, settings);
  const target = readTarget(reader, parts, key);
  if (target === undefined) return undefined;
  const { service, port, name } = target;
  const policy = policyOf(target, key.subset);
  if (lacksSecrets(target, policy, key))
    return closedCluster(target, settings, ruleSources(reader, parts.inputs, key.rule));
  const discovery = resolveDiscovery(reader, parts, target, policy, key, settings);
  const connectionPool = resolveConnectionPool(policy.connectionPool, settings.tcpKeepalive);
  const outlierDetection = resolveOutlierDetection(policy.outlierDetection);
  return {
    name,
    discovery,
    connectTimeoutMs: resolveConnectTimeout(policy.connectionPool, settings.connectTimeoutMs),
    loadBalancing: balancesItself(discovery) ? 'PASSTHROUGH' : resolveLoadBalancing(policy.loadBalancer),
    protocol: resolveProtocol(port, policy, settings),
    tls: resolveUpstreamTls(policy.tls, {
      name,
      protocol: port.protocol,
      settings,
      inMesh: !isExternal(service),
      identities: () => reader.read(parts.endpoints.serviceAccounts, service.id),
      // Without endpoint metadata mTLS is all or nothing: only when every endpoint accepts it.
      byEndpoint: !balancesItself(discovery),
      allAccept: () => {
        const all = reader.read(parts.endpoints.serviceEndpoints, service.id);
        return (
          all.length > 0 && all.every((endpoint) => acceptsMtls(reader, parts, endpoint, portOf(endpoint, port.name)))
        );
      },
    }),
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    service: { hostname: service.hostname, name: service.name, namespace: service.namespace },
    sources: [...(service.entry?.sources ?? []), ...ruleSources(reader, parts.inputs, key.rule)],
  };
}

/** Whether TLS is to be spoken with a Secret that such a proxy doesn't get. */
const lacksSecrets = ({ rule }: Target, { tls }: PortPolicy, { role }: ClusterKey): boolean =>
  credentialOf(tls) !== undefined && role !== 'router' && !rule.selects;

/** Leads nowhere. */
function closedCluster({ name, port }: Target, settings: MeshSettings, sources: readonly SourceRef[]): Cluster {
  return {
    name,
    discovery: { kind: 'static', endpoints: { cluster: name, localities: [], sources: [] } },
    connectTimeoutMs: settings.connectTimeoutMs,
    loadBalancing: 'ROUND_ROBIN',
    protocol: resolveProtocol(port, {}, settings),
    tls: { kind: 'none' },
    sources,
  };
}

function policyOf(target: Target, subset: string): PortPolicy {
  const whole = layPolicy({}, target.rule.trafficPolicy, target.port.port);
  if (subset === '') return whole;
  const part = target.rule.subsets.find((candidate) => candidate.name === subset);
  return layPolicy(whole, part?.trafficPolicy, target.port.port);
}

/** Without endpoints that the control plane names there is nothing to balance over. */
const balancesItself = ({ kind }: Cluster['discovery']): boolean => kind === 'original-dst' || kind === 'dynamic-dns';

function resolveDiscovery(
  reader: Reader,
  parts: ClusterParts,
  target: Target,
  policy: PortPolicy,
  key: ClusterKey,
  settings: MeshSettings,
): Cluster['discovery'] {
  const { service, port } = target;
  if (isLookedUp(service)) return resolveNames(reader, parts, target, key, settings);
  const passthrough = isPassthrough(service) || policy.loadBalancer?.simple === 'PASSTHROUGH';
  if (!passthrough || key.role === 'router') return isPlaced(service) ? { kind: 'eds', placed: true } : { kind: 'eds' };
  const override = service.registry === 'External' && port.targetPort !== port.port ? port.targetPort : undefined;
  return { kind: 'original-dst', ...(typeof override === 'number' ? { port: override } : {}) };
}

function resolveNames(
  reader: Reader,
  parts: ClusterParts,
  target: Target,
  key: ClusterKey,
  settings: MeshSettings,
): Cluster['discovery'] {
  const { resolution, entry } = target.service;
  const races = entry?.raceConnections === true;
  const lookup = resolveLookup(races ? '46' : key.lookup, settings);
  if (resolution === 'dynamic-dns') return { kind: 'dynamic-dns', lookup };
  const endpoints = readGroup(reader, parts, target, key.subset, { ...nowhere, families: key.lookup });
  const [first] = endpoints.localities;
  if (first === undefined) return { kind: 'static', endpoints };
  if (resolution === 'dns' && !races) return { kind: 'strict-dns', endpoints, lookup };
  // Envoy knows one name per cluster that uses one address at a time, or tries all of them and keeps one.
  const localities = [{ ...first, endpoints: first.endpoints.slice(0, 1) }];
  return { kind: 'logical-dns', endpoints: { ...endpoints, localities }, lookup };
}

function resolveProtocol(port: ServicePort, policy: PortPolicy, settings: MeshSettings): UpstreamProtocol {
  const http = policy.connectionPool?.http;
  if (port.protocol !== 'Auto' && !isHttp(port.protocol)) return 'tcp';
  if (http?.useClientProtocol === true) return 'downstream';
  const upgrade = http?.h2UpgradePolicy ?? 'DEFAULT';
  // A rule that says so knows that the server speaks HTTP/2; the mesh's default is for what is known to be HTTP.
  if (isHttp2(port.protocol) || upgrade === 'UPGRADE') return 'http2';
  if (port.protocol === 'Auto') return 'downstream';
  return upgrade === 'DEFAULT' && settings.h2Upgrade ? 'http2' : 'http1';
}

function specialCluster({ special, lookup }: ClusterKey, settings: MeshSettings): Cluster {
  const { connectTimeoutMs, outboundTls } = settings;
  const plain = { connectTimeoutMs, tls: { kind: 'none' }, sources: [] } as const;
  if (special === 'BlackHoleCluster') {
    const name: ClusterName = { direction: 'special', name: special };
    const endpoints = { cluster: name, localities: [], sources: [] };
    return { ...plain, name, discovery: { kind: 'static', endpoints }, loadBalancing: 'ROUND_ROBIN', protocol: 'tcp' };
  }
  const unknown = { ...plain, loadBalancing: 'PASSTHROUGH', protocol: 'downstream' } as const;
  if (special !== 'AllowAnyDynamicDNSCluster') {
    const name: ClusterName = { direction: 'special', name: 'PassthroughCluster' };
    return { ...unknown, name, discovery: { kind: 'original-dst' } };
  }
  const name: ClusterName = { direction: 'special', name: special };
  const nobody = { name, protocol: 'HTTP', settings, inMesh: false, byEndpoint: false } as const;
  return {
    ...unknown,
    name,
    discovery: { kind: 'dynamic-dns', lookup: resolveLookup(lookup, settings) },
    tls: resolveUpstreamTls(outboundTls, { ...nobody, identities: () => [], allAccept: () => false }),
  };
}

function buildEndpointGroup(reader: Reader, parts: ClusterParts, text: string): EndpointGroup {
  const key = parseEndpointKey(text);
  const target = readTarget(reader, parts, key);
  if (target === undefined) {
    const { hostname } = parseHostname(key.service);
    return {
      cluster: { direction: 'outbound', port: Number(key.port), subset: key.subset, hostname },
      localities: [],
      sources: [],
    };
  }
  return readGroup(reader, parts, target, key.subset, key);
}

/** Who balances over the endpoints. */
interface GroupClient extends ClientPlace {
  readonly families: string;
}

const nowhere: ClientPlace = { cluster: '', network: '', region: '', zone: '', subzone: '', node: '' };

function readGroup(
  reader: Reader,
  parts: ClusterParts,
  target: Target,
  subsetName: string,
  client: GroupClient,
): EndpointGroup {
  const { service, port, rule, name } = target;
  const subset = rule.subsets.find((candidate) => candidate.name === subsetName);
  const members = reader
    .read(parts.endpoints.serviceEndpoints, service.id)
    .filter(
      (endpoint) =>
        selects(subset?.labels ?? {}, endpoint.labels) &&
        portOf(endpoint, port.name) !== undefined &&
        withinReach(service, endpoint, client),
    );
  const panics = (policyOf(target, subsetName).outlierDetection?.minHealthPercent ?? 0) > 0;
  const { endpoints, health } = offerEndpoints(service, members, panics);
  return {
    cluster: name,
    localities: groupEndpoints(endpoints, {
      port: port.name,
      families: client.families,
      acceptsMtls: (endpoint, number) => acceptsMtls(reader, parts, endpoint, number),
      rank: (endpoint) => rankEndpoint(service, endpoint, client),
      health,
    }),
    sources: [...(service.entry?.sources ?? []), ...endpoints.flatMap((endpoint) => endpoint.sources ?? [])],
  };
}

function parseHostname(service: string): { readonly hostname: string } {
  return { hostname: service.slice(service.indexOf('/') + 1) };
}

/** A pod with a sidecar accepts mTLS unless policy turns it off on that port. */
function acceptsMtls(
  reader: Reader,
  parts: ClusterParts,
  endpoint: ServiceEndpoint,
  port: number | undefined,
): boolean {
  if (!endpoint.acceptsMtls || port === undefined) return false;
  const policies = reader.read(parts.peerPolicies, endpoint.namespace);
  return portMode(policies, workloadPolicy(policies, endpoint.labels), port) !== 'DISABLE';
}

export function ruleSources(reader: Reader, inputs: MeshInputs, rule: string): readonly SourceRef[] {
  return rule.split(',').flatMap((key) => {
    const config = key === '' ? undefined : reader.get(inputs.destinationRules, key);
    return config === undefined ? [] : [sourceOf('DestinationRule', config)];
  });
}
