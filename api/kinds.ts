/** Every kind we serve, in one table. */
import { TrafficExtensionSpec } from './extensions/trafficextension.ts';
import { WasmPluginSpec } from './extensions/wasmplugin.ts';
import { istioOperator } from './install/kind.ts';
import { DestinationRuleSpec } from './networking/destinationrule/schema.ts';
import { EnvoyFilterSpec } from './networking/envoyfilter.ts';
import { GatewaySpec } from './networking/gateway.ts';
import { ProxyConfigSpec } from './networking/proxyconfig.ts';
import { ServiceEntrySpec } from './networking/serviceentry.ts';
import { SidecarSpec } from './networking/sidecar.ts';
import { VirtualServiceSpec } from './networking/virtualservice/schema.ts';
import { WorkloadEntrySpec } from './networking/workloadentry.ts';
import { WorkloadGroupSpec } from './networking/workloadgroup.ts';
import { age, column, inForce } from './schema/columns.ts';
import { defineKind } from './schema/kind.ts';
import { AuthorizationPolicySpec } from './security/authorizationpolicy.ts';
import { PeerAuthenticationSpec } from './security/peerauthentication.ts';
import { RequestAuthenticationSpec } from './security/requestauthentication.ts';
import { IstioStatus } from './shared/status.ts';
import { TelemetrySpec } from './telemetry/telemetry.ts';

const networking = {
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storageVersion: 'v1',
  categories: ['istio-io', 'networking-istio-io'],
  status: IstioStatus,
};
const security = {
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  storageVersion: 'v1',
  categories: ['istio-io', 'security-istio-io'],
  status: IstioStatus,
};
const extensions = {
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  storageVersion: 'v1alpha1',
  categories: ['istio-io', 'extensions-istio-io'],
  status: IstioStatus,
};

export const kinds = {
  IstioOperator: istioOperator,
  VirtualService: defineKind<VirtualServiceSpec>({
    ...networking,
    kind: 'VirtualService',
    plural: 'virtualservices',
    shortNames: ['vs'],
    description: 'Routes for the traffic to a host.',
    spec: VirtualServiceSpec,
    columns: [
      column('Gateways', '.spec.gateways', 'Gateways that get the routes.'),
      column('Hosts', '.spec.hosts', 'Hosts that the routes are about.'),
      ...inForce,
      age,
    ],
  }),
  DestinationRule: defineKind<DestinationRuleSpec>({
    ...networking,
    kind: 'DestinationRule',
    plural: 'destinationrules',
    shortNames: ['dr'],
    description: 'Policies for the traffic to a service after routing, and its subsets.',
    spec: DestinationRuleSpec,
    columns: [column('Host', '.spec.host', 'Service that the policies are for.'), ...inForce, age],
  }),
  Gateway: defineKind<GatewaySpec>({
    ...networking,
    kind: 'Gateway',
    plural: 'gateways',
    shortNames: ['gw'],
    description: 'Ports, hosts and certificates of a gateway at the edge of the mesh.',
    spec: GatewaySpec,
    columns: [...inForce, age],
  }),
  ServiceEntry: defineKind<ServiceEntrySpec>({
    ...networking,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortNames: ['se'],
    description: 'A service that Kubernetes does not know.',
    spec: ServiceEntrySpec,
    specRequired: true,
    columns: [
      column('Hosts', '.spec.hosts', 'Names of the service.'),
      column('Location', '.spec.location', 'Whether it belongs to the mesh.'),
      column('Resolution', '.spec.resolution', 'Where the addresses come from.'),
      age,
    ],
  }),
  Sidecar: defineKind<SidecarSpec>({
    ...networking,
    kind: 'Sidecar',
    plural: 'sidecars',
    description: 'What the proxies of workloads listen to and can see.',
    spec: SidecarSpec,
    columns: [age],
  }),
  WorkloadEntry: defineKind<WorkloadEntrySpec>({
    ...networking,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortNames: ['we'],
    description: 'One workload outside Kubernetes.',
    spec: WorkloadEntrySpec,
    specRequired: true,
    columns: [age, column('Address', '.spec.address', 'Address of the workload.')],
  }),
  WorkloadGroup: defineKind<WorkloadGroupSpec>({
    ...networking,
    kind: 'WorkloadGroup',
    plural: 'workloadgroups',
    shortNames: ['wg'],
    description: 'A template for workloads outside Kubernetes.',
    spec: WorkloadGroupSpec,
    specRequired: true,
    columns: [age],
  }),
  EnvoyFilter: defineKind<EnvoyFilterSpec>({
    ...networking,
    versions: ['v1alpha3'],
    storageVersion: 'v1alpha3',
    kind: 'EnvoyFilter',
    plural: 'envoyfilters',
    description: 'Changes to the configuration of Envoy itself.',
    spec: EnvoyFilterSpec,
    columns: [age],
  }),
  ProxyConfig: defineKind<ProxyConfigSpec>({
    ...networking,
    versions: ['v1beta1'],
    storageVersion: 'v1beta1',
    kind: 'ProxyConfig',
    plural: 'proxyconfigs',
    description: 'Settings of the proxies of workloads.',
    spec: ProxyConfigSpec,
    columns: [age],
  }),
  AuthorizationPolicy: defineKind<AuthorizationPolicySpec>({
    ...security,
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    shortNames: ['ap'],
    description: 'Who may call what.',
    spec: AuthorizationPolicySpec,
    columns: [column('Action', '.spec.action', 'What a match means.'), age],
  }),
  PeerAuthentication: defineKind<PeerAuthenticationSpec>({
    ...security,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortNames: ['pa'],
    description: 'Whether workloads ask callers for mutual TLS.',
    spec: PeerAuthenticationSpec,
    columns: [column('Mode', '.spec.mtls.mode', 'Mode for all ports.'), age],
  }),
  RequestAuthentication: defineKind<RequestAuthenticationSpec>({
    ...security,
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    shortNames: ['ra'],
    description: 'Which tokens workloads accept.',
    spec: RequestAuthenticationSpec,
    columns: [age],
  }),
  Telemetry: defineKind<TelemetrySpec>({
    group: 'telemetry.istio.io',
    versions: ['v1', 'v1alpha1'],
    storageVersion: 'v1alpha1',
    categories: ['istio-io', 'telemetry-istio-io'],
    status: IstioStatus,
    kind: 'Telemetry',
    plural: 'telemetries',
    shortNames: ['telemetry'],
    description: 'Traces, metrics and access logs of workloads.',
    spec: TelemetrySpec,
    columns: [age],
  }),
  WasmPlugin: defineKind<WasmPluginSpec>({
    ...extensions,
    kind: 'WasmPlugin',
    plural: 'wasmplugins',
    description: 'A Wasm module in the filter chain of workloads.',
    spec: WasmPluginSpec,
    specRequired: true,
    columns: [age],
  }),
  TrafficExtension: defineKind<TrafficExtensionSpec>({
    ...extensions,
    kind: 'TrafficExtension',
    plural: 'trafficextensions',
    description: 'A Wasm module or Lua script in the filter chain of workloads.',
    spec: TrafficExtensionSpec,
    specRequired: true,
    columns: [age],
  }),
};

export type Kind = keyof typeof kinds;
