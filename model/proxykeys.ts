/** From what a proxy says of itself to the keys of everything it gets. */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { labelsOf, parseLocality, targetOfEntry, type WorkloadEntry } from './discovery/entryendpoints.ts';
import { readOwnEntry } from './discovery/outsider.ts';
import { sameData } from './equality.ts';
import { type InboundScope, needsOwnAddress } from './inbound/ingress.ts';
import type { MeshInputs } from './inputs.ts';
import {
  renderClassKey,
  renderGatewayKey,
  renderLabels,
  renderObjectKey,
  renderPlaceKey,
  renderServiceId,
  renderViewKey,
} from './keys.ts';
import type { Precision } from './outbound/placement.ts';
import { renderOwnPorts } from './ownports.ts';
import { type NamespacePolicies, workloadPolicy } from './security/peerauthentication.ts';
import { compareAge, projectLabels, selects } from './selection.ts';
import { chooseSidecar, type SidecarClaim } from './sidecar/sidecars.ts';
import type { VirtualServiceSpec } from './specs.ts';
import type { Service, Workload } from './types/inputs.ts';
import type { ProxyFacts, ProxyKeys } from './types/proxy.ts';
import type { MeshSettings } from './types/settings.ts';

/** The canonical form of a proxy's facts, key of `proxyKeys`: JSON with sorted fields. */
export function renderProxyFacts(facts: ProxyFacts): string {
  const { region, zone, subzone } = facts.locality;
  const labels: Record<string, string> = {};
  for (const name of Object.keys(facts.labels).sort()) labels[name] = facts.labels[name] ?? '';
  const own = renderOwnPorts(facts.ownPorts);
  const canonical: CanonicalFacts = {
    type: facts.type,
    namespace: facts.namespace,
    podName: facts.podName,
    ipAddresses: facts.ipAddresses,
    labels,
    serviceAccount: facts.serviceAccount,
    clusterId: facts.clusterId,
    network: facts.network,
    locality: { region, zone, subzone },
    interceptionMode: facts.interceptionMode,
    envoyVersion: facts.envoyVersion,
    extensions: [...facts.extensions].sort(),
    dnsCapture: facts.dnsCapture ?? false,
    ...(own === '' ? {} : { own }),
  };
  return JSON.stringify(canonical);
}

/** The ports as `renderOwnPorts` has them; absent for the usual ones. */
type CanonicalFacts = Omit<ProxyFacts, 'ownPorts'> & { readonly own?: string };

const parseProxyFacts = (key: string): CanonicalFacts => JSON.parse(key);

export interface ProxyKeyParts {
  readonly inputs: MeshInputs;
  readonly settings: Query<MeshSettings>;
  readonly peerPolicies: Query<NamespacePolicies>;
  readonly placePrecision: Query<Precision>;
  readonly sidecarClaims: Query<readonly SidecarClaim[]>;
  readonly inboundScope: Query<InboundScope | undefined>;
}

export interface ProxyKeyQueries {
  /** By canonical facts. */
  readonly proxyKeys: Query<ProxyKeys>;
  /** Key '': names of labels that Gateway selectors test, and routes of gateways on their callers. */
  readonly gatewayLabelNames: Query<readonly string[]>;
  /** By client namespace: names of labels that VirtualServices and DestinationRules test on their callers. */
  readonly clientLabelNames: Query<readonly string[]>;
}

export function defineProxyKeys(graph: Graph, parts: ProxyKeyParts): ProxyKeyQueries {
  const { inputs, settings } = parts;
  const gatewayLabelNames = graph.query<readonly string[]>(
    'gatewayLabelNames',
    (reader) => {
      const names = new Set<string>();
      for (const key of reader.keys(inputs.gateways)) {
        for (const name of Object.keys(reader.get(inputs.gateways, key)?.spec.selector ?? {})) names.add(name);
      }
      for (const { spec } of reader.bucket(inputs.virtualServices, 'source', 'tested by gateways'))
        for (const name of sourceLabelNames(spec)) names.add(name);
      return [...names].sort();
    },
    { equal: sameData },
  );

  const clientLabelNames = graph.query<readonly string[]>(
    'clientLabelNames',
    (reader, namespace) => {
      const names = new Set<string>();
      for (const { spec } of reader.bucket(inputs.virtualServices, 'source', 'tested'))
        for (const name of sourceLabelNames(spec)) names.add(name);
      for (const { spec } of reader.bucket(inputs.destinationRules, 'namespace', namespace)) {
        for (const name of Object.keys(spec.workloadSelector?.matchLabels ?? {})) names.add(name);
      }
      return [...names].sort();
    },
    { equal: sameData },
  );

  const proxyKeys = graph.query<ProxyKeys>(
    'proxyKeys',
    (reader, key) => {
      const facts = parseProxyFacts(key);
      const pod = reader.get(inputs.workloads, renderObjectKey(facts.clusterId, facts.namespace, facts.podName));
      const entry = pod === undefined ? readOwnEntry(reader, inputs, facts) : undefined;
      const labels = pod?.labels ?? (entry === undefined ? facts.labels : labelsOf(entry));
      const { trustDomain: trust, rootNamespace } = reader.read(settings, '');
      const families = familiesOf(facts.ipAddresses);
      const common = { ns: facts.namespace, cluster: facts.clusterId, families, trust };
      const workload = { namespace: facts.namespace, labels };
      const sidecar =
        facts.type === 'router' ? '' : chooseSidecar(reader, parts.sidecarClaims, rootNamespace, workload);
      const view = renderViewKey({
        ...common,
        sidecar,
        role: facts.type,
        network: facts.network,
        dns: facts.dnsCapture === true ? '1' : '',
        mode: facts.interceptionMode,
        own: facts.own ?? '',
        labels: renderLabels(projectLabels(labels, reader.read(clientLabelNames, facts.namespace))),
      });
      const place = placeOf(reader, inputs, reader.read(parts.placePrecision, ''), facts, pod, entry);
      const served = servicesSelecting(reader, inputs, facts, labels);
      if (facts.type === 'router') {
        const tested = projectLabels(labels, reader.read(gatewayLabelNames, ''));
        return {
          view,
          ...place,
          gateway: renderGatewayKey({
            ...common,
            ports: gatewayPorts(served, targetsOf(pod, entry)),
            own: facts.own ?? '',
            labels: renderLabels(tested),
          }),
        };
      }
      const policies = workloadPolicy(reader.read(parts.peerPolicies, facts.namespace), labels)?.key ?? '';
      const ports = servedPorts(served, targetsOf(pod, entry));
      const account = facts.serviceAccount;
      const scope = sidecar === '' ? undefined : reader.read(parts.inboundScope, sidecar);
      const inbound = {
        sidecar: scope === undefined ? '' : sidecar,
        addresses: needsOwnAddress(scope, facts.interceptionMode) ? facts.ipAddresses.join(',') : '',
      };
      return {
        view,
        ...place,
        class: renderClassKey({ ...common, account, mode: facts.interceptionMode, ports, policies, ...inbound }),
      };
    },
    { equal: sameData },
  );

  return { proxyKeys, gatewayLabelNames, clientLabelNames };
}

function sourceLabelNames({ http = [], tcp = [], tls = [] }: VirtualServiceSpec): readonly string[] {
  return [...http, ...tcp, ...tls].flatMap(({ match = [] }) =>
    match.flatMap(({ sourceLabels }) => Object.keys(sourceLabels ?? {})),
  );
}

/** What its pod and its node, or its WorkloadEntry, say of where it is; only where they don't, what it says itself. */
function placeOf(
  reader: Reader,
  inputs: MeshInputs,
  precision: Precision,
  facts: CanonicalFacts,
  pod: Workload | undefined,
  entry: WorkloadEntry | undefined,
): Pick<ProxyKeys, 'place'> {
  if (precision === 'none') return {};
  const node = pod === undefined ? undefined : reader.get(inputs.nodes, `${pod.cluster}/${pod.node}`);
  const said = entry?.spec.locality ? parseLocality(entry.spec.locality) : undefined;
  const { region, zone, subzone } = pod?.locality ?? node?.locality ?? said ?? facts.locality;
  const exactly = precision === 'node' ? { subzone, node: pod?.node ?? '' } : {};
  return { place: renderPlaceKey({ region, zone, ...exactly }) };
}

function familiesOf(addresses: readonly string[]): string {
  const four = addresses.some((address) => !address.includes(':'));
  const six = addresses.some((address) => address.includes(':'));
  return `${four || !six ? '4' : ''}${six ? '6' : ''}`;
}

/** Services of the proxy's namespace whose selector its labels satisfy, oldest first. */
function servicesSelecting(
  reader: Reader,
  inputs: MeshInputs,
  facts: CanonicalFacts,
  labels: Readonly<Record<string, string>>,
): readonly Service[] {
  return reader
    .bucket(inputs.services, 'selecting', `${facts.clusterId}/${facts.namespace}`)
    .filter((service) => selects(service.selector, labels))
    .sort(compareAge);
}

/** Where a workload serves a port of a service that selects it; undefined when the port's name is none of its. */
type Targets = (port: Service['ports'][number]) => number | undefined;

function targetsOf(pod: Workload | undefined, entry: WorkloadEntry | undefined): Targets {
  if (entry !== undefined) return (port) => targetOfEntry(entry.spec, port);
  return ({ targetPort }) =>
    typeof targetPort === 'number'
      ? targetPort
      : pod?.containerPorts.find((container) => container.name === targetPort)?.port;
}

/** In the order of age: of several services on one target port the oldest decides its protocol. */
function servedPorts(services: readonly Service[], targets: Targets): string {
  return services
    .flatMap((service) =>
      service.ports.flatMap((port) => {
        const target = port.protocol === 'UDP' ? undefined : targets(port);
        return target === undefined
          ? []
          : [`${target}:${port.port}:${renderServiceId(service.namespace, service.hostname)}`];
      }),
    )
    .join(',');
}

function gatewayPorts(services: readonly Service[], targets: Targets): string {
  const pairs = services.flatMap((service) =>
    service.ports.flatMap((port) => {
      const target = targets(port);
      return target === undefined ? [] : [`${port.port}:${target}`];
    }),
  );
  return [...new Set(pairs)].sort().join(',');
}
