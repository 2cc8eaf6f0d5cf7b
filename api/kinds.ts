/** Every kind we serve, in one table. */

import { checkTrafficExtension, checkWasmPlugin } from './extensions/checks.ts';
import { TrafficExtensionSpec } from './extensions/trafficextension.ts';
import { WasmPluginSpec } from './extensions/wasmplugin.ts';
import { istioOperator } from './install/kind.ts';
import { checkDestinationRule } from './networking/destinationrule/checks.ts';
import { DestinationRuleSpec } from './networking/destinationrule/schema.ts';
import { EnvoyFilterSpec } from './networking/envoyfilter.ts';
import { checkEnvoyFilter } from './networking/envoyfilterchecks.ts';
import { GatewaySpec } from './networking/gateway.ts';
import { checkGateway } from './networking/gatewaychecks.ts';
import { ProxyConfigSpec } from './networking/proxyconfig.ts';
import { ServiceEntrySpec } from './networking/serviceentry.ts';
import { checkServiceEntry } from './networking/serviceentrychecks.ts';
import { SidecarSpec } from './networking/sidecar.ts';
import { checkSidecar } from './networking/sidecarchecks.ts';
import { checkVirtualService } from './networking/virtualservice/checks.ts';
import { VirtualServiceSpec } from './networking/virtualservice/schema.ts';
import { checkWorkloadEntry, checkWorkloadGroup } from './networking/workloadchecks.ts';
import { WorkloadEntrySpec } from './networking/workloadentry.ts';
import { WorkloadGroupSpec } from './networking/workloadgroup.ts';
import { age, column, conditionColumn, inForce } from './schema/columns.ts';
import { defineKind } from './schema/kind.ts';
import { checkAuthorizationPolicy } from './security/authorizationchecks.ts';
import { AuthorizationPolicySpec } from './security/authorizationpolicy.ts';
import { PeerAuthenticationSpec } from './security/peerauthentication.ts';
import { checkPeerAuthentication } from './security/peerchecks.ts';
import { RequestAuthenticationSpec } from './security/requestauthentication.ts';
import { checkRequestAuthentication } from './security/requestchecks.ts';
import { IstioStatus, ServiceEntryStatus } from './shared/status.ts';
import { checkTelemetry } from './telemetry/checks.ts';
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
    check: checkVirtualService,
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
    check: checkDestinationRule,
    columns: [column('Host', '.spec.host', 'Service that the policies are for.'), ...inForce, age],
  }),
  Gateway: defineKind<GatewaySpec>({
    ...networking,
    kind: 'Gateway',
    plural: 'gateways',
    shortNames: ['gw'],
    description: 'Ports, hosts and certificates of a gateway at the edge of the mesh.',
    spec: GatewaySpec,
    check: checkGateway,
    columns: [...inForce, age],
  }),
  ServiceEntry: defineKind<ServiceEntrySpec>({
    ...networking,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortNames: ['se'],
    description: 'A service that Kubernetes does not know.',
    status: ServiceEntryStatus,
    spec: ServiceEntrySpec,
    check: checkServiceEntry,
    specRequired: true,
    columns: [
      column('Hosts', '.spec.hosts', 'Names of the service.'),
      column('Location', '.spec.location', 'Whether it belongs to the mesh.'),
      column('Resolution', '.spec.resolution', 'Where the addresses come from.'),
      ...inForce,
      age,
    ],
  }),
  Sidecar: defineKind<SidecarSpec>({
    ...networking,
    kind: 'Sidecar',
    plural: 'sidecars',
    description: 'What the proxies of workloads listen to and can see.',
    spec: SidecarSpec,
    check: checkSidecar,
    columns: [age],
  }),
  WorkloadEntry: defineKind<WorkloadEntrySpec>({
    ...networking,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortNames: ['we'],
    description: 'One workload outside Kubernetes.',
    spec: WorkloadEntrySpec,
    check: checkWorkloadEntry,
    specRequired: true,
    columns: [
      age,
      column('Address', '.spec.address', 'Address of the workload.'),
      ...inForce,
      conditionColumn('Healthy', 'Whether the workload reports that it can serve.'),
    ],
  }),
  WorkloadGroup: defineKind<WorkloadGroupSpec>({
    ...networking,
    kind: 'WorkloadGroup',
    plural: 'workloadgroups',
    shortNames: ['wg'],
    description: 'A template for workloads outside Kubernetes.',
    spec: WorkloadGroupSpec,
    check: checkWorkloadGroup,
    specRequired: true,
    columns: [age, ...inForce],
  }),
  EnvoyFilter: defineKind<EnvoyFilterSpec>({
    ...networking,
    versions: ['v1alpha3'],
    storageVersion: 'v1alpha3',
    kind: 'EnvoyFilter',
    plural: 'envoyfilters',
    description: 'Changes to the configuration of Envoy itself.',
    spec: EnvoyFilterSpec,
    check: checkEnvoyFilter,
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
    check: checkAuthorizationPolicy,
    columns: [column('Action', '.spec.action', 'What a match means.'), age],
  }),
  PeerAuthentication: defineKind<PeerAuthenticationSpec>({
    ...security,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortNames: ['pa'],
    description: 'Whether workloads ask callers for mutual TLS.',
    spec: PeerAuthenticationSpec,
    check: checkPeerAuthentication,
    columns: [column('Mode', '.spec.mtls.mode', 'Mode for all ports.'), age],
  }),
  RequestAuthentication: defineKind<RequestAuthenticationSpec>({
    ...security,
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    shortNames: ['ra'],
    description: 'Which tokens workloads accept.',
    spec: RequestAuthenticationSpec,
    check: checkRequestAuthentication,
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
    check: checkTelemetry,
    columns: [age],
  }),
  WasmPlugin: defineKind<WasmPluginSpec>({
    ...extensions,
    kind: 'WasmPlugin',
    plural: 'wasmplugins',
    description: 'A Wasm module in the filter chain of workloads.',
    spec: WasmPluginSpec,
    check: checkWasmPlugin,
    specRequired: true,
    columns: [age],
  }),
  TrafficExtension: defineKind<TrafficExtensionSpec>({
    ...extensions,
    kind: 'TrafficExtension',
    plural: 'trafficextensions',
    description: 'A Wasm module or Lua script in the filter chain of workloads.',
    spec: TrafficExtensionSpec,
    check: checkTrafficExtension,
    specRequired: true,
    columns: [age],
  }),
};

export type Kind = keyof typeof kinds;
