/**
 * Owns: the public vocabulary. Per kind a zod schema, from which the TypeScript type, the validation messages and the
 * committed manifest in `crds/` follow; the checks that a schema cannot say; defaults of MeshConfig and ProxyConfig.
 * May import: zod, re2js. `api/constants` is an entry of its own and imports nothing.
 * Invariants: `parse` never throws on user input and accepts whatever Istio accepts; values keep Istio's JSON form.
 */
export { type CoreKindDefinition, type CoreObject, coreKinds } from './core/objects.ts';
export { parseDuration } from './duration.ts';
export type { TrafficExtensionSpec } from './extensions/trafficextension.ts';
export type { WasmPluginSpec } from './extensions/wasmplugin.ts';
export { honoured, unhonouredFields } from './honoured.ts';
export {
  type ComponentSpec,
  type GatewayComponentSpec,
  type InstallState,
  type IstioComponentSpec,
  type IstioOperatorSpec,
  type IstioOperatorStatus,
  initialStatus,
} from './install/istiooperator.ts';
export type { KubernetesResources } from './install/kubernetesresources.ts';
export { type Kind, kinds } from './kinds.ts';
export { ineffectiveProviders } from './mesh/checks.ts';
export { defaultMeshConfig, defaultProxyConfig } from './mesh/defaults.ts';
export type { ExtensionProvider } from './mesh/extensionprovider.ts';
export { unhonouredMeshFields } from './mesh/honoured.ts';
export type { LabelSelector, MeshConfig } from './mesh/meshconfig.ts';
export type { MeshNetworks } from './mesh/meshnetworks.ts';
export { mergeMeshConfig, parseMeshConfig, parseMeshNetworks, parseProxyConfig } from './mesh/parse.ts';
export type { ProxyConfig } from './mesh/proxyconfig.ts';
export type { MeshTracing } from './mesh/tracing.ts';
export { selectCiphers } from './networking/ciphers.ts';
export { selectCurves } from './networking/curves.ts';
export type { Destination } from './networking/destination.ts';
export type {
  ConnectionPoolSettings,
  OutlierDetection,
  TcpKeepalive,
} from './networking/destinationrule/connectionpool.ts';
export type {
  ConsistentHashLB,
  LoadBalancerSettings,
  LocalityLoadBalancerSetting,
} from './networking/destinationrule/loadbalancer.ts';
export type {
  ClientTLSSettings,
  DestinationRuleSpec,
  PortTrafficPolicy,
  Subset,
  TrafficPolicy,
} from './networking/destinationrule/schema.ts';
export type { EnvoyConfigObjectMatch, EnvoyConfigObjectPatch, EnvoyFilterSpec } from './networking/envoyfilter.ts';
export type { GatewaySpec, Server } from './networking/gateway.ts';
export type { ProxyConfigSpec, ProxyImage } from './networking/proxyconfig.ts';
export type { ServerTLSSettings } from './networking/servertls.ts';
export type { ServiceEntrySpec, ServicePort } from './networking/serviceentry.ts';
export type {
  IstioEgressListener,
  IstioIngressListener,
  OutboundTrafficPolicy,
  SidecarSpec,
} from './networking/sidecar.ts';
export type {
  CorsPolicy,
  HeaderOperations,
  Headers,
  HTTPDirectResponse,
  HTTPFaultInjection,
  HTTPRedirect,
  HTTPRetry,
  HTTPRewrite,
  Percent,
} from './networking/virtualservice/httpactions.ts';
export type { HTTPMatchRequest } from './networking/virtualservice/httpmatch.ts';
export type {
  HTTPRoute,
  HTTPRouteDestination,
  L4MatchAttributes,
  RouteDestination,
  TCPRoute,
  TLSMatchAttributes,
  TLSRoute,
  VirtualServiceSpec,
} from './networking/virtualservice/schema.ts';
export type { WorkloadEntrySpec, WorkloadTemplate } from './networking/workloadentry.ts';
export type { ReadinessProbe, WorkloadGroupSpec } from './networking/workloadgroup.ts';
export type { Diagnostic, KindDefinition, ObjectMeta, ParseResult, Resource } from './resource.ts';
export type {
  AuthorizationPolicy,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  IstioOperator,
  PeerAuthentication,
  ProxyConfigResource,
  RequestAuthentication,
  ServiceEntry,
  Sidecar,
  Telemetry,
  TrafficExtension,
  VirtualService,
  WasmPlugin,
  WorkloadEntry,
  WorkloadGroup,
} from './resources.ts';
export type { AuthorizationPolicySpec, Operation, Rule, Source } from './security/authorizationpolicy.ts';
export type { MutualTLS, PeerAuthenticationSpec } from './security/peerauthentication.ts';
export type { JWTRule, RequestAuthenticationSpec } from './security/requestauthentication.ts';
export { isAddress } from './shared/hosts.ts';
export type { Port, PortSelector } from './shared/port.ts';
export type { PolicySelector, PolicyTargetReference, WorkloadSelector } from './shared/selector.ts';
export type { Condition, IstioStatus, ServiceEntryStatus } from './shared/status.ts';
export type { StringMatch } from './shared/stringmatch.ts';
export type { AccessLogging, Metrics, TelemetrySpec, Tracing } from './telemetry/telemetry.ts';
