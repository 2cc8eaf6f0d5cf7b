/** Whole objects by kind: what `kinds[kind].parse` yields. */
import type { TrafficExtensionSpec } from './extensions/trafficextension.ts';
import type { WasmPluginSpec } from './extensions/wasmplugin.ts';
import type { IstioOperatorSpec, IstioOperatorStatus } from './install/istiooperator.ts';
import type { DestinationRuleSpec } from './networking/destinationrule/schema.ts';
import type { EnvoyFilterSpec } from './networking/envoyfilter.ts';
import type { GatewaySpec } from './networking/gateway.ts';
import type { ProxyConfigSpec } from './networking/proxyconfig.ts';
import type { ServiceEntrySpec } from './networking/serviceentry.ts';
import type { SidecarSpec } from './networking/sidecar.ts';
import type { VirtualServiceSpec } from './networking/virtualservice/schema.ts';
import type { WorkloadEntrySpec } from './networking/workloadentry.ts';
import type { WorkloadGroupSpec } from './networking/workloadgroup.ts';
import type { Resource } from './resource.ts';
import type { AuthorizationPolicySpec } from './security/authorizationpolicy.ts';
import type { PeerAuthenticationSpec } from './security/peerauthentication.ts';
import type { RequestAuthenticationSpec } from './security/requestauthentication.ts';
import type { IstioStatus, ServiceEntryStatus } from './shared/status.ts';
import type { TelemetrySpec } from './telemetry/telemetry.ts';

export type VirtualService = Resource<VirtualServiceSpec, IstioStatus>;
export type DestinationRule = Resource<DestinationRuleSpec, IstioStatus>;
export type Gateway = Resource<GatewaySpec, IstioStatus>;
export type ServiceEntry = Resource<ServiceEntrySpec, ServiceEntryStatus>;
export type Sidecar = Resource<SidecarSpec, IstioStatus>;
export type WorkloadEntry = Resource<WorkloadEntrySpec, IstioStatus>;
export type WorkloadGroup = Resource<WorkloadGroupSpec, IstioStatus>;
export type EnvoyFilter = Resource<EnvoyFilterSpec, IstioStatus>;
/** The object of networking.istio.io; `ProxyConfig` is the mesh-wide settings of the same name. */
export type ProxyConfigResource = Resource<ProxyConfigSpec, IstioStatus>;
export type AuthorizationPolicy = Resource<AuthorizationPolicySpec, IstioStatus>;
export type PeerAuthentication = Resource<PeerAuthenticationSpec, IstioStatus>;
export type RequestAuthentication = Resource<RequestAuthenticationSpec, IstioStatus>;
export type Telemetry = Resource<TelemetrySpec, IstioStatus>;
export type WasmPlugin = Resource<WasmPluginSpec, IstioStatus>;
export type TrafficExtension = Resource<TrafficExtensionSpec, IstioStatus>;
export type IstioOperator = Resource<IstioOperatorSpec, IstioOperatorStatus>;
