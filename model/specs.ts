/** The public vocabulary's types as the model reads them. */

export { parseDuration } from '#api/duration.ts';
export type { ConnectionPoolSettings, OutlierDetection } from '#api/networking/destinationrule/connectionpool.ts';
export type { LoadBalancerSettings } from '#api/networking/destinationrule/loadbalancer.ts';
export type {
  ClientTLSSettings,
  DestinationRuleSpec,
  Subset,
  TrafficPolicy,
} from '#api/networking/destinationrule/schema.ts';
export type { GatewaySpec, Server } from '#api/networking/gateway.ts';
export type { ServerTLSSettings } from '#api/networking/servertls.ts';
export type {
  Headers as HeadersSpec,
  HTTPRedirect,
  HTTPRetry,
  HTTPRewrite,
} from '#api/networking/virtualservice/httpactions.ts';
export type { HTTPMatchRequest } from '#api/networking/virtualservice/httpmatch.ts';
export type {
  HTTPRoute,
  HTTPRouteDestination,
  RouteDestination,
  TCPRoute,
  TLSRoute,
  VirtualServiceSpec,
} from '#api/networking/virtualservice/schema.ts';
export type { PeerAuthenticationSpec } from '#api/security/peerauthentication.ts';
export type { StringMatch as StringMatchSpec } from '#api/shared/stringmatch.ts';
